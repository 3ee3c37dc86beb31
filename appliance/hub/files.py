"""The hub's files: written whole or not at all, its secrets readable by their owner alone.

Root may add a guest link beside a hub that runs as a user of its own: what root makes belongs to the folder's owner,
and root follows no link that this owner may have laid.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_secret(path: Path, data: bytes) -> None:
    """Replace a file at once, mode 0600."""
    _write(path, data, mode=0o600)


def write_public(path: Path, data: bytes) -> None:
    """Replace a file at once, mode 0644: the room's other programs read it where the folder lets them in."""
    _write(path, data, mode=0o644)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _give_to_owner(descriptor, path.parent)
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other programs from changing a file meanwhile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = path.with_name(f"{path.name}.lock")
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as lock:
        _give_to_owner(descriptor, path.parent)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _give_to_owner(descriptor: int, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
