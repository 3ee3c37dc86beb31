"""Who asks: found once per request from the session's cookie or an API token."""

from dataclasses import dataclass

from fleet.store import people
from fleet.store.database import Database
from fleet.web.access.permissions import Action, Grant, Role, may, may_somewhere, narrowed, sites_for
from fleet.web.access.secrets import TOKEN_PREFIX, hashed
from fleet.web.access.sessions import USED_EVERY_MS, holds


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody, or somebody's program, that is signed in."""

    user: int
    name: str
    full_name: str
    grants: tuple[Grant, ...]
    session: people.Session | None = None
    """None for a program with a token."""
    token: str = ""
    """The token's name."""

    @property
    def actor(self) -> str:
        """What the audit log calls them."""
        return f"{self.name} by token {self.token}" if self.token else self.name

    def may(self, action: Action, site: int | None = None) -> bool:
        return may(self.grants, action, site)

    def may_somewhere(self, action: Action) -> bool:
        return may_somewhere(self.grants, action)

    def sites(self, action: Action = Action.SEE) -> frozenset[int] | None:
        return sites_for(self.grants, action)


def grants_of(user: people.User) -> tuple[Grant, ...]:
    """Return what a user is granted; a role that this release does not know is nothing."""
    known = set(Role)
    return tuple(Grant(Role(role), site) for role, site in user.grants if role in known)


async def by_session(database: Database, secret: str, now: int, idle_hours: float) -> Visitor | None:
    """Return whose session this is, if it still holds."""
    session = await people.session(database, hashed(secret))
    if session is None or not holds(session, now, idle_hours):
        return None
    user = await people.user(database, session.user)
    if user is None or user.disabled:
        return None
    if now - session.used_at > USED_EVERY_MS:
        async with database.transaction() as tx:
            await people.use_session(tx, session.hash, now)
    return Visitor(user.key, user.name, user.full_name, grants_of(user), session)


async def by_token(database: Database, secret: str, now: int) -> Visitor | None:
    """Return whose token this is, with no more rights than token and user both have."""
    if not secret.startswith(TOKEN_PREFIX):
        return None
    token = await people.token(database, hashed(secret))
    if token is None or now >= token.expires_at or token.role not in set(Role):
        return None
    user = await people.user(database, token.user)
    if user is None or user.disabled:
        return None
    if token.used_at is None or now - token.used_at > USED_EVERY_MS:
        async with database.transaction() as tx:
            await people.use_token(tx, token.key, now)
    grants = narrowed(grants_of(user), Grant(Role(token.role), token.site))
    return Visitor(user.key, user.name, user.full_name, grants, token=token.name)
