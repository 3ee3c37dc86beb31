"""Which rooms something is for: all of the organisation, a site's, those with a tag, or one."""

import re
from dataclasses import dataclass

from appliance.errors import SalonError

EVERYWHERE = "org"
_SCOPE = re.compile(r"org|(?:site|tag|room):[a-z0-9][a-z0-9._-]{0,63}")


class BadScope(SalonError, ValueError):
    """A scope that cannot be read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a room stands."""

    key: int
    room: str
    site: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def scopes(self) -> frozenset[str]:
        """All scopes it is in."""
        return frozenset(self.order)

    @property
    def order(self) -> tuple[str, ...]:
        """Its scopes from the general to the special; tags in the order of the alphabet."""
        site = (f"site:{self.site}",) if self.site else ()
        tags = (f"tag:{tag}" for tag in sorted(self.tags))
        return (EVERYWHERE, *site, *tags, f"room:{self.room}")


def checked(scope: str) -> str:
    """Return the scope, or raise `BadScope` in words."""
    if not _SCOPE.fullmatch(scope):
        raise BadScope(f"{scope[:60]!r} names no rooms; write org, site:ID, tag:TAG or room:ID.")
    return scope


def rank(scope: str) -> int:
    """Return how special a scope is."""
    return ("org", "site", "tag", "room").index(scope.partition(":")[0])
