"""The spool on disk: an SQLite file with what the console has not acknowledged. Blocks; one thread uses it.

A record's place is (boot's number, n): places rise for ever, so that "oldest first" needs no clock.
"""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Kind
from appliance.telemetry.thinning import Kept, Plan

Place = tuple[int, int]
"""A boot's number and n."""
START: Place = (0, 0)
"""Before all records."""
_FRAME = 96
"""Bytes of a record in a batch beside its content, at most."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS boots (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS records (
  boot INTEGER NOT NULL, n INTEGER NOT NULL, ts INTEGER NOT NULL, mono INTEGER NOT NULL, sync TEXT NOT NULL,
  kind TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (boot, n)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, entry TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Note:
    """One record as it is stored."""

    n: int
    ts: int
    mono: int
    sync: ClockSync
    kind: Kind
    content: bytes
    """JSON."""

    @property
    def size(self) -> int:
        """Bytes in a batch, at most."""
        return len(self.content) + _FRAME


@dataclass(frozen=True, slots=True)
class Write:
    """What is written together, or not at all."""

    note: Note | None = None
    job: tuple[str, str] | None = None
    """A job's id and its row in the journal."""
    keep: tuple[str, str] | None = None
    """A name and what is remembered under it; empty to forget."""
    plan: Plan | None = None
    """Samples to give up; the note tells of it."""

    @property
    def durable(self) -> bool:
        """Whether it must outlive a power cut the moment it is written."""
        return self.job is not None or (self.note is not None and self.note.kind is not Kind.SAMPLE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one boot that follow each other."""

    boot: str
    no: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much there is that the console has not acknowledged."""

    records: int
    oldest: int
    """When the oldest was noted, milliseconds since 1970; 0 when none waits."""


def waiting_in(path: Path) -> Waiting | None:
    """Look into a spool from outside, also while its room runs; None when there is none, or none that can be read."""
    if not os.access(path, os.R_OK):
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            return Waiting(*db.execute("SELECT count(*), coalesce(min(ts), 0) FROM records").fetchone())
    except sqlite3.Error:
        return None


def is_broken(err: BaseException) -> bool:
    """Tell whether the file's content is damaged, so that only a new file helps."""
    return isinstance(err, sqlite3.DatabaseError) and getattr(err, "sqlite_errorcode", 0) & 0xFF in _BROKEN


class SpoolFile:
    """An open spool. Each method raises `sqlite3.Error` when the disk does not do its part."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # before SQLite makes it readable to others; the -wal and -shm files take its mode
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2)
        try:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_SCHEMA)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def begin(self, boot: str, at_least: int) -> int:
        """Return the number of a boot, above those of all earlier ones."""
        with self._together(durable=True):
            known = self._db.execute("SELECT no FROM boots WHERE id = ?", (boot,)).fetchone()
            if known:
                return int(known[0])
            (highest,) = self._db.execute("SELECT coalesce(max(no), 0) FROM boots").fetchone()
            number = max(int(highest) + 1, at_least)
            self._db.execute("INSERT INTO boots (no, id) VALUES (?, ?)", (number, boot))
            # the newest stays although nothing of it waits: it tells how high the numbers are
            self._db.execute("DELETE FROM boots WHERE no < ? AND no NOT IN (SELECT boot FROM records)", (number,))
        return number

    def write(self, no: int, writes: Sequence[Write]) -> int:
        """Write all of it at once; return how many samples were given up."""
        thinned = 0
        with self._together(durable=any(write.durable for write in writes)):
            for write in writes:
                thinned += 0 if write.plan is None else self._thin(write.plan)
                self._write(no, write)
        return thinned

    def _write(self, no: int, write: Write) -> None:
        if write.note is not None:
            note = write.note
            row = (no, note.n, note.ts, note.mono, note.sync.value, note.kind.value, note.content)
            self._db.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        if write.job is not None:
            self._db.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?)", write.job)
        if write.keep is not None and write.keep[1]:
            self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", write.keep)
        elif write.keep is not None:
            self._db.execute("DELETE FROM kept WHERE name = ?", write.keep[:1])

    def _thin(self, plan: Plan) -> int:
        changed = [(kept.content, *kept.place) for kept in plan.changed]
        self._db.executemany("UPDATE records SET content = ? WHERE boot = ? AND n = ? AND kind = 'sample'", changed)
        gone = "DELETE FROM records WHERE boot = ? AND n = ? AND kind = 'sample'"
        return self._db.executemany(gone, plan.dropped).rowcount

    def read(self, after: Place, until: Place | None, most_bytes: int) -> Stretch | None:
        """Return the oldest records in there, of one boot, as many as fit; None when there are none."""
        last = until or (2**62, 0)
        rows = self._db.execute(
            "SELECT boot, n, ts, mono, sync, kind, content FROM records"
            " WHERE (boot, n) > (?, ?) AND (boot, n) <= (?, ?) ORDER BY boot, n",
            (*after, *last),
        )
        with contextlib.closing(rows):
            first = next(rows, None)
            if first is None:
                return None
            no = first[0]
            same_boot = itertools.takewhile(lambda row: row[0] == no, itertools.chain([first], rows))
            notes = tuple(in_one_batch(map(_note, same_boot), most_bytes))
        (name,) = self._db.execute("SELECT id FROM boots WHERE no = ?", (no,)).fetchone()
        return Stretch(name, no, notes)

    def forget(self, boot: str, first: int, last: int) -> int:
        """Delete what is acknowledged; return how much that was."""
        with self._together(durable=False):
            return self._db.execute(
                "DELETE FROM records WHERE boot = (SELECT no FROM boots WHERE id = ?) AND n BETWEEN ? AND ?",
                (boot, first, last),
            ).rowcount

    def count(self) -> int:
        """Return how many records wait."""
        return int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])

    def oldest(self) -> tuple[int, Note] | None:
        """Return the oldest record and its boot's number."""
        row = self._db.execute(
            "SELECT boot, n, ts, mono, sync, kind, content FROM records ORDER BY boot, n LIMIT 1"
        ).fetchone()
        return None if row is None else (row[0], _note(row))

    def jobs(self) -> dict[str, str]:
        """Return the journal: its rows by job."""
        return dict(self._db.execute("SELECT id, entry FROM jobs"))

    def forget_jobs(self, ids: Iterable[str]) -> None:
        """Take jobs out of the journal."""
        with self._together(durable=False):
            self._db.executemany("DELETE FROM jobs WHERE id = ?", [(name,) for name in ids])

    def kept(self, name: str) -> str:
        """Return what is remembered under a name, or nothing."""
        found = self._db.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def samples(self, before_ts: int = 2**62) -> Iterator[Kept]:
        """Yield the samples of before that time, oldest first."""
        rows = self._db.execute(
            "SELECT boot, n, ts, sync, content FROM records WHERE kind = 'sample' AND ts < ? ORDER BY boot, n",
            (before_ts,),
        )
        for boot, n, ts, sync, content in rows:
            yield Kept((boot, n), ts, ClockSync(sync), content)

    def size(self) -> int:
        """Return how many bytes are in use, the free ones inside the file not counted."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def give_back(self) -> None:
        """Return free pages to the file system."""
        # a row without columns for each page: execute() would stop at the first
        self._db.executescript("PRAGMA incremental_vacuum")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def _together(self, *, durable: bool) -> Iterator[None]:
        """Do what is inside in one transaction."""
        # in WAL mode FULL waits for the disk at each commit; NORMAL may lose the newest in a power cut
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise


def in_one_batch(notes: Iterable[Note], most_bytes: int) -> Iterator[Note]:
    """Yield notes until they are too many for a batch; the first one always fits."""
    size = 0
    for position, note in enumerate(notes):
        size += note.size
        if position and size > most_bytes:
            return
        yield note


def _note(row: tuple[int, int, int, int, str, str, bytes]) -> Note:
    _, n, ts, mono, sync, kind, content = row
    return Note(n, ts, mono, ClockSync(sync), Kind(kind), content)
