"""Guest links: 128 random bits that open one meeting for its time. Only their hashes are kept."""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.errors import SalonError
from appliance.hub.files import locked, write_secret

_BITS = 128
_KEPT = 10_000


class BadInvites(SalonError):
    """The file with the guest links cannot be used."""


class UnknownLink(SalonError, LookupError):
    """A guest link that opens nothing now."""


class TooEarly(UnknownLink):
    """A guest link whose meeting is still to begin: the same link is worth another try."""


@dataclass(frozen=True, slots=True)
class Invite:
    """What a guest link opens."""

    room: str
    title: str
    not_before: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Invites:
    """The guest links of one hub, in a file that other programs of the same user, or of root, may add to."""

    path: Path
    now: Callable[[], datetime]

    def invite(self, room: str, title: str, not_before: datetime, expires: datetime) -> str:
        """Make a link's secret: what stands behind the `#` of the address."""
        if expires <= not_before:
            raise UnknownLink("a guest link must end after it begins")
        secret = secrets.token_bytes(_BITS // 8)
        entry = {
            "room": room,
            "title": title,
            "not_before": not_before.isoformat(),
            "expires": expires.isoformat(),
        }
        with locked(self.path):
            kept = {digest: other for digest, other in self._read().items() if _expires(other) > self.now()}
            if len(kept) >= _KEPT:
                raise BadInvites(f"{self.path} holds {_KEPT} guest links that are still valid; wait until some expire")
            kept[_digest(secret)] = entry
            write_secret(self.path, json.dumps(kept, indent=1).encode())
        return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()

    def find(self, link: str) -> Invite:
        """Return what a link opens, or raise `UnknownLink`. The file is read each time: others add to it."""
        entry = self._read().get(_digest(_decode(link)))
        if entry is None:
            raise UnknownLink("This link is not valid. Ask whoever invited you for a new one.")
        invite = Invite(
            room=str(entry["room"]),
            title=str(entry["title"]),
            not_before=datetime.fromisoformat(entry["not_before"]),
            expires=datetime.fromisoformat(entry["expires"]),
        )
        now = self.now()
        if now >= invite.expires:
            raise UnknownLink("This meeting is over, and its link with it. Ask for a new one.")
        if now < invite.not_before:
            raise TooEarly("This meeting has not begun yet. Try again a little before it starts.")
        return invite

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            stored = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            raise BadInvites(f"{self.path} cannot be read ({type(err).__name__}); remove it to begin anew") from err
        if not isinstance(stored, dict):
            raise BadInvites(f"{self.path} holds no guest links; remove it to begin anew")
        return {digest: entry for digest, entry in stored.items() if _is_entry(entry)}


def _digest(secret: bytes) -> str:
    # 128 random bits need no salt and no slow hash
    return hashlib.sha256(secret).hexdigest()


def _decode(link: str) -> bytes:
    text = link.rpartition("#")[2]
    if len(text) > 64 or not text.isascii():
        raise UnknownLink("This link is not valid. Ask whoever invited you for a new one.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as err:
        raise UnknownLink("This link is not complete. Copy all of it, to its very end.") from err


def _expires(entry: dict[str, str]) -> datetime:
    return datetime.fromisoformat(entry["expires"])


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not {"room", "title", "not_before", "expires"} <= entry.keys():
        return False
    try:
        times = [datetime.fromisoformat(entry[key]) for key in ("not_before", "expires")]
    except (TypeError, ValueError):
        return False
    return all(time.tzinfo is not None for time in times)
