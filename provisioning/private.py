"""Small private files that appear whole or not at all, are never overwritten, and are readable by their owner alone."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from appliance.errors import SalonError

_LONGEST = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class StateTrouble(SalonError, OSError):
    """The state directory cannot be used; the message says what would help."""


class NotPrivate(StateTrouble):
    """Others on this machine may read, or may have planted, what must be secret."""


def private_dir(path: Path) -> Path:
    """Make a directory for the owner alone if it is not there, and return it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except OSError as err:
        raise StateTrouble(f"{path} cannot be made: {err.strerror}. Give it to the user that runs salon.") from err
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPrivate(f"{path} may be changed by others; make it private with: chmod 700 {path}")
    return path


def read_private(path: Path) -> str | None:
    """Return a private file's text, None if there is none, or raise `NotPrivate`."""
    try:
        # a link could lead to a file that its owner never meant for us
        with open(path, "rb", opener=_no_link) as file:
            status = os.fstat(file.fileno())
            _check(path, status)
            return file.read(_LONGEST).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except NotPrivate:
        raise
    except OSError as err:
        raise StateTrouble(f"{path} cannot be read: {err.strerror}.") from err


def write_once(path: Path, text: str) -> str:
    """Write a private file unless it is there already, and return what then stands in it.

    Programs that start together agree on one content: the file is linked into place whole, and the first link wins.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            _write(scratch, text)
            with suppress(FileExistsError):
                path.hardlink_to(scratch)
        finally:
            scratch.unlink(missing_ok=True)
        _sync_dir(path.parent)
    except OSError as err:
        raise StateTrouble(f"{path} cannot be written: {err.strerror}. Check the disk with: salon doctor") from err
    return read_private(path) or ""


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotPrivate(f"{path} is not a plain file; remove it.")
    if status.st_uid not in {os.geteuid(), 0}:
        raise NotPrivate(f"{path} belongs to another user; remove it, or give it back with: chown.")
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise NotPrivate(
            f"{path} can be read by others (mode {mode:04o}). If nobody else uses this machine: chmod 600 {path}. "
            f"Otherwise remove it and start again: a new one is made."
        )


def _write(path: Path, text: str) -> None:
    with open(path, "xb", opener=_owner_only) as file:
        file.write(f"{text}\n".encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def _sync_dir(path: Path) -> None:
    # without this a power cut can forget the name of a file whose content is safe
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
