"""To which console a room belongs: read at each start of its daemon, so it loads nothing heavy."""

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import SalonError
from appliance.state.wire import BadValue, from_json

FOLDER = "console"
"""In the state folder."""


class NotEnrolled(SalonError):
    """The room did not come into the fleet; says why and what would help."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """To which console this room belongs."""

    console: str
    """Where its pages are."""
    org: str
    room: str
    broker: str
    keys: tuple[str, ...]
    """The console's public keys, base64: only what they sign counts."""
    certificate_file: str
    """Names in the folder beside it."""
    ca_file: str

    @property
    def pinned(self) -> tuple[bytes, ...]:
        """The keys as they are."""
        return tuple(base64.b64decode(key) for key in self.keys)


def enrolment(state_dir: Path) -> Enrolment | None:
    """Return to which console the room belongs; None for none. A broken file is an error: it may not pass for none."""
    path = state_dir / FOLDER / "enrolment.json"
    try:
        found = from_json(Enrolment, json.loads(path.read_bytes()))
        if not found.pinned or any(len(key) != 32 for key in found.pinned):
            raise ValueError("no keys")  # noqa: TRY301 - told as what it is, a broken file
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as err:
        raise NotEnrolled(f"{path} cannot be read ({err.strerror}); run this as the user salon.") from err
    except (OSError, ValueError, BadValue, binascii.Error) as err:
        raise NotEnrolled(f"{path} is broken. Enrol the room again, with a new code: salon setup.") from err
    return found
