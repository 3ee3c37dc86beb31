"""What makes this machine this room: an id that never changes, and secrets made here and never shipped."""

import math
import re
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from provisioning.private import StateTrouble, private_dir, read_private, write_once

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_TEXT = re.compile(r"[A-Za-z0-9_-]+")
_LEAST_BITS = 128


class BrokenState(StateTrouble):
    """A file of the state directory does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this room is to consoles and brokers."""

    id: str
    """A random UUID, made at the first start."""


def room_identity(state_dir: Path) -> Identity:
    """Return the room's identity, made now if this is the first start."""
    path = private_dir(state_dir) / "room-id"
    text = read_private(path)
    if text is None:
        text = write_once(path, str(uuid.uuid4()))
    try:
        if str(uuid.UUID(text)) == text:
            return Identity(text)
    except ValueError:
        pass
    raise BrokenState(
        f"{path} does not hold a room's id. Put back the one from your console or backup; "
        "if there is none, remove the file, and this machine becomes a new room."
    )


def secret(state_dir: Path, name: str, bits: int = 256) -> str:
    """Return the secret of this name, made now if there is none. Only letters, digits, - and _ (base64url)."""
    if not _NAME.fullmatch(name) or bits < _LEAST_BITS or bits % 8:
        raise ValueError(f"a secret needs a plain name and at least {_LEAST_BITS} bits in whole bytes")
    path = private_dir(private_dir(state_dir) / "secrets") / name
    text = read_private(path)
    if text is None:
        text = write_once(path, secrets.token_urlsafe(bits // 8))
    if not _TEXT.fullmatch(text) or len(text) < math.ceil(bits / 6):
        raise BrokenState(f"{path} does not hold a secret of {bits} bits. Remove the file, and a new one is made.")
    return text
