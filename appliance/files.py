"""Files that must survive a power cut: what stands in them is the old or the new, never half of either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file, for its owner alone (mode 0600). Blocks for the disk; raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f"{path.name}.new")
    # what an earlier try left may be open to others
    scratch.unlink(missing_ok=True)
    try:
        with open(scratch, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def owned_like_its_folder(path: Path) -> None:
    """Hand what root has made to whose folder it is in; else a service could not use it. Others' files are theirs."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Write in somebody's folder with their rights, where root does it: they may put a link in anybody's way there.

    For the whole process, so for commands alone.
    """
    if os.geteuid() != 0 or (whose := folder.stat()).st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([whose.st_gid])
    os.setegid(whose.st_gid)
    os.seteuid(whose.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync_names(folder: Path) -> None:
    """Without this a power cut can bring the old file back: its content is safe, its new name is not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
