"""`salon console backup` and `restore`: the database, the certificate authority and the keys, in one private file.

A tar archive (mode 0600): `database.db` of SQLite or `database.dump` of PostgreSQL, and `state/` with what the console
keeps beside it. Made while the console runs; put back only while it does not. The file is whose who asks, and what is
done in the console's folder is done with the rights of whom that belongs to.
"""

import asyncio
import errno
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from appliance.errors import SalonError
from appliance.files import as_owner_of
from appliance.service import utc_now
from fleet.certificates import FOLDER, REVOKED

_SQLITE, _DUMP, _ABOUT = "database.db", "database.dump", "about.json"
_FORMAT = 1
_SCRATCH = ".salon-restore-"
_RUNTIME = frozenset({"up.lock", "faults", "logs"})
"""What a running console leaves in its folder, and no other one needs."""


class BackupTrouble(SalonError, OSError):
    """A back-up cannot be made or put back; says why and what would help."""


async def back_up(database_url: str, state_dir: Path, file: Path) -> None:
    """Write everything into a file that is not there yet."""
    if await asyncio.to_thread(file.exists):
        raise BackupTrouble(f"{file} is there already; name another file.")
    scratch = file.with_name(f"{file.name}.new")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".salon-backup-") as folder:
            copy = await _copy(database_url, Path(folder))
            await asyncio.to_thread(_pack, copy, state_dir, database_url, scratch)
        scratch.rename(file)
    except OSError as err:
        scratch.unlink(missing_ok=True)
        if isinstance(err, SalonError):
            raise
        raise BackupTrouble(f"The back-up {file} cannot be written: {err.strerror or err}.{_remedy(err)}") from err


async def restore(database_url: str, state_dir: Path, file: Path) -> None:
    """Put everything back in the place of what is there; the console must not run."""
    try:
        await asyncio.to_thread(state_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
        with (
            file.open("rb") as packed,
            as_owner_of(state_dir),
            # not beside the file: that may be a disk which nobody writes to
            tempfile.TemporaryDirectory(dir=state_dir, prefix=_SCRATCH) as name,
        ):
            folder = Path(name)
            await asyncio.to_thread(_unpack, packed, folder)
            await _put_back(database_url, folder)
            await asyncio.to_thread(_put_state, folder / "state", state_dir)
    except OSError as err:
        if isinstance(err, SalonError):
            raise
        raise BackupTrouble(f"The back-up {file} cannot be put back: {err.strerror or err}.{_remedy(err)}") from err


def _remedy(err: OSError) -> str:
    match err.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return " Make room on that disk."
        case errno.EACCES | errno.EPERM:
            return " Say sudo before the command."
        case errno.ENOENT | errno.ENOTDIR:
            return f" Is {err.filename or 'its folder'} there?"
        case errno.EROFS:
            return " Name a place that can be written to."
    return ""


def _sqlite_file(database_url: str) -> Path | None:
    scheme, _, rest = database_url.partition(":")
    return Path(rest) if scheme == "sqlite" else None


async def _copy(database_url: str, folder: Path) -> Path:
    source = _sqlite_file(database_url)
    if source is not None:
        return await asyncio.to_thread(_copy_sqlite, source, folder / _SQLITE)
    copy = folder / _DUMP
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={copy}")
    await _run(database_url, "pg_dump", *options)
    return copy


def _copy_sqlite(source: Path, copy: Path) -> Path:
    """Copy a database as it is at one moment, while others write to it."""
    if not source.exists():
        raise BackupTrouble(f"There is no database {source}; check console.state and console.database.")
    try:
        with closing(sqlite3.connect(copy)) as here:
            # no journal: only what is open already is written with other rights
            here.execute("PRAGMA journal_mode = OFF")
            with as_owner_of(source.parent), closing(sqlite3.connect(source)) as there:
                there.backup(here)
    except sqlite3.Error as err:
        full = err.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
        hint = " Make room where the back-up goes." if full else " Say sudo before the command, if it is not yours."
        raise BackupTrouble(f"The database {source} cannot be copied: {err}.{hint}") from err
    return copy


async def _put_back(database_url: str, folder: Path) -> None:
    target, found = _sqlite_file(database_url), folder / _SQLITE
    if target is not None and found.exists():
        await asyncio.to_thread(_put_sqlite, found, target)
    elif target is None and (folder / _DUMP).exists():
        await _check_nobody_uses(database_url)
        options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        await _run(database_url, "pg_restore", *options, str(folder / _DUMP))
    else:
        raise BackupTrouble("The back-up is of the other kind of database; set console.database as it was.")


async def _check_nobody_uses(database_url: str) -> None:
    from fleet.store.postgres import is_in_use  # noqa: PLC0415 - a console on SQLite has no asyncpg

    if await is_in_use(database_url, int(utc_now().timestamp() * 1000)):
        raise BackupTrouble(
            "A console is running on this database, or was killed less than 15 s ago; stop it first, on each machine: "
            "systemctl stop salon-console"
        )


def _put_sqlite(found: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        try:
            with closing(sqlite3.connect(target, timeout=1, isolation_level=None)) as there:
                # nobody else may have it open
                there.execute("PRAGMA locking_mode = EXCLUSIVE")
                there.execute("BEGIN EXCLUSIVE")
                there.execute("ROLLBACK")
                there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.DatabaseError as err:
            if err.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise BackupTrouble("The console is running; stop it first: systemctl stop salon-console") from err
            # a damaged one is what a back-up is for
    for suffix in ("-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    _replace(found, target)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _replace(found: Path, target: Path) -> None:
    scratch = target.with_name(f"{target.name}.new")
    scratch.unlink(missing_ok=True)
    with open(scratch, "wb", opener=_private) as new, found.open("rb") as old:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    scratch.replace(target)


async def _run(database_url: str, *command: str) -> None:
    url, password = _apart(database_url)
    # the list of processes is for everybody to read, a process's environment is not
    more = {"PGPASSWORD": password} if password else {}
    try:
        process = await asyncio.create_subprocess_exec(
            *command, f"--dbname={url}", stderr=asyncio.subprocess.PIPE, env={**os.environ, **more}
        )
    except FileNotFoundError as err:
        raise BackupTrouble(f"{command[0]} is not installed: apt install postgresql-client") from err
    _, said = await process.communicate()
    if process.returncode:
        words = said.decode(errors="replace").strip().splitlines()
        raise BackupTrouble(f"{command[0]} failed: {' '.join(words)[:400] if words else process.returncode}")


def _apart(database_url: str) -> tuple[str, str]:
    """Return a database's address without the password, and the password."""
    parts = urlsplit(database_url)
    who, at, where = parts.netloc.rpartition("@")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    told = [value for name, value in asked if name == "password"]
    password = told[-1] if told else unquote(parts.password or "")
    query = urlencode([(name, value) for name, value in asked if name != "password"])
    # by hand: urlunsplit forgets the slashes of an address without a host
    return f"{parts.scheme}://{who.partition(':')[0]}{at}{where}{parts.path}{query and '?'}{query}", password


def _pack(copy: Path, state_dir: Path, database_url: str, scratch: Path) -> None:
    scratch.unlink(missing_ok=True)
    with (
        open(scratch, "xb", opener=_private) as out,
        tarfile.open(fileobj=out, mode="w") as archive,
    ):
        about = json.dumps({"format": _FORMAT}).encode()
        entry = tarfile.TarInfo(_ABOUT)
        entry.size = len(about)
        archive.addfile(entry, io.BytesIO(about))
        archive.add(copy, copy.name, recursive=False)
        with as_owner_of(state_dir):
            for path in _state_files(state_dir, _sqlite_file(database_url)):
                archive.add(path, f"state/{path.relative_to(state_dir)}", recursive=False)
        out.flush()
        os.fsync(out.fileno())


def _state_files(state_dir: Path, database: Path | None) -> Iterator[Path]:
    skipped = {database, *(Path(f"{database}{suffix}") for suffix in ("-wal", "-shm"))} if database else set()
    for path in sorted(state_dir.rglob("*")):
        inner = path.relative_to(state_dir).parts[0]
        if (
            path.is_file()
            and not path.is_symlink()
            and inner not in _RUNTIME
            and path not in skipped
            and not inner.startswith(_SCRATCH)
        ):
            yield path


def _unpack(packed: BinaryIO, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=packed) as archive:
            archive.extractall(folder, filter="data")
        about = json.loads((folder / _ABOUT).read_text())
    except (tarfile.TarError, KeyError, ValueError, FileNotFoundError) as err:
        raise BackupTrouble(f"{packed.name} is no back-up of a console, or only a part of one.") from err
    if about.get("format") != _FORMAT:
        raise BackupTrouble(f"{packed.name} was made by a newer release; install that one.")


def _put_state(found: Path, state_dir: Path) -> None:
    for path in sorted(found.rglob("*")) if found.exists() else ():
        if path.is_file():
            target = state_dir / PurePosixPath(path.relative_to(found))
            _make_within(state_dir, target.parent)
            if target == state_dir / FOLDER / REVOKED:
                _keep_revoked(path, target)
            _replace(path, target)


def _make_within(state_dir: Path, folder: Path) -> None:
    if not folder.is_dir():
        _make_within(state_dir, folder.parent)
        folder.mkdir(mode=0o700)


def _keep_revoked(found: Path, target: Path) -> None:
    """Put into what comes back the certificates that were revoked since: no back-up lets anybody in again."""
    try:
        since = json.loads(target.read_text())
        before = json.loads(found.read_text())
    except (FileNotFoundError, ValueError):
        return
    found.write_text(json.dumps(before | since))
