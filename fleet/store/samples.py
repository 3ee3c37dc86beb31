"""How rooms were, in tables that are dropped whole: samples for a week, sums of five minutes and of hours for longer.

`samples_YYYYMMDD` holds a day's samples, `samples5_YYYYMMDD` a day's five-minute sums, `samples60_YYYYMM` a month's
hourly ones; all by UTC. Means are weighted by how long a sample stands; the worst stands where it is what counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Literal

from fleet.store.database import Database, Reader, Row, Transaction

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIVE = 5 * MINUTE

COLUMNS = (
    *("room", "at", "boot", "n", "span_s", "phase", "participants", "issues", "worst", "ready", "occupied", "cpu"),
    *("mem_available_mb", "temp_c", "disk_free_mb", "kbps_in", "kbps_out", "fps_in", "fps_out", "loss", "jitter_ms"),
    *("rtt_ms", "freezes"),
)
_RAW = """room INTEGER NOT NULL, at BIGINT NOT NULL, boot INTEGER NOT NULL, n BIGINT NOT NULL,
  span_s INTEGER NOT NULL, phase TEXT NOT NULL, participants INTEGER NOT NULL, issues INTEGER NOT NULL, worst TEXT,
  ready BOOLEAN, occupied BOOLEAN, cpu REAL, mem_available_mb INTEGER, temp_c REAL, disk_free_mb INTEGER,
  kbps_in REAL, kbps_out REAL, fps_in REAL, fps_out REAL, loss REAL, jitter_ms REAL, rtt_ms REAL,
  freezes INTEGER NOT NULL, PRIMARY KEY (room, at, boot, n)"""
_SUMS = """room INTEGER NOT NULL, at BIGINT NOT NULL, span_s BIGINT NOT NULL, live_s BIGINT NOT NULL,
  ready_s BIGINT NOT NULL, broken_s BIGINT NOT NULL, occupied_s BIGINT NOT NULL, participants INTEGER NOT NULL,
  issues INTEGER NOT NULL, cpu REAL, cpu_most REAL, mem_available_mb INTEGER, temp_c REAL, disk_free_mb INTEGER,
  kbps_in REAL, kbps_out REAL, fps_in REAL, fps_out REAL, loss REAL, loss_most REAL, jitter_ms REAL, rtt_ms REAL,
  freezes BIGINT NOT NULL, PRIMARY KEY (room, at)"""
Kind = Literal["samples", "samples5", "samples60"]
_DEFINITIONS: dict[Kind, str] = {"samples": _RAW, "samples5": _SUMS, "samples60": _SUMS}
# a room's rows lie side by side, so that its chart is read in one go
_CLUSTERED = {"sqlite": " WITHOUT ROWID", "postgresql": ""}


def table_of(kind: Kind, at: int) -> str:
    """Return the table a moment belongs to."""
    form = "%Y%m" if kind == "samples60" else "%Y%m%d"
    return f"{kind}_{datetime.fromtimestamp(at / 1000, UTC):{form}}"


def tables_between(kind: Kind, since: int, until: int) -> list[str]:
    """Return the tables of a stretch of time, in order."""
    step = DAY if kind != "samples60" else 28 * DAY
    moments = [*range(since, until, step), max(since, until - 1)]
    return list(dict.fromkeys(table_of(kind, at) for at in moments))


def covers(table: str) -> tuple[int, int]:
    """Return from when until when a table has rows."""
    digits = table.rpartition("_")[2]
    begins = datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:] or 1), tzinfo=UTC)
    if len(digits) == 8:
        start = int(begins.timestamp() * 1000)
        return start, start + DAY
    after = begins.replace(year=begins.year + begins.month // 12, month=begins.month % 12 + 1)
    return int(begins.timestamp() * 1000), int(after.timestamp() * 1000)


async def tables(reader: Reader, dialect: str, kind: Kind) -> list[str]:
    """Return the tables there are, oldest first."""
    source = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if dialect == "sqlite"
        else "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()"
    )
    names = sorted(row["name"] for row in await reader.fetch(source))
    return [name for name in names if name.rpartition("_")[0] == kind]


async def make_table(tx: Transaction, dialect: str, kind: Kind, at: int) -> str:
    """Return the table for a moment, made if need be."""
    name = table_of(kind, at)
    await tx.execute(f"CREATE TABLE IF NOT EXISTS {name} ({_DEFINITIONS[kind]}){_CLUSTERED[dialect]}")
    return name


async def add_samples(tx: Transaction, dialect: str, samples: Iterable[tuple[int, int, Sequence[object]]]) -> None:
    """Store samples: room, time and the row of `COLUMNS`. Those of a time that is summed up are noted as late."""
    days: dict[int, list[Sequence[object]]] = {}
    for _, at, row in samples:
        days.setdefault(at // DAY, []).append(row)
    if not days:
        return
    for day, rows in days.items():
        await tx.load(await make_table(tx, dialect, "samples", day * DAY), COLUMNS, rows)
    done = await rolled(tx)
    # room, at, boot, n: what tells samples apart
    if late := [row[:4] for rows in days.values() for row in rows if row[1] < done]:  # type: ignore[operator]
        await tx.load("late_samples", COLUMNS[:4], late)


async def rolled(reader: Reader) -> int:
    """Return up to when samples have been summed up."""
    rows = await reader.fetch("SELECT value FROM counters WHERE name = 'rolled'")
    value: int = rows[0]["value"]
    return value


SUM_COLUMNS = (
    *("room", "at", "span_s", "live_s", "ready_s", "broken_s", "occupied_s", "participants", "issues", "cpu"),
    *("cpu_most", "mem_available_mb", "temp_c", "disk_free_mb", "kbps_in", "kbps_out", "fps_in", "fps_out", "loss"),
    *("loss_most", "jitter_ms", "rtt_ms", "freezes"),
)


@dataclass(frozen=True, slots=True)
class Series:
    """One room's chart: a column for each measurement, all as long as `at`. None is not measured."""

    every_s: int
    """0 for samples as they came."""
    columns: dict[str, list[Any]]


_CHARTED: dict[Kind, tuple[str, ...]] = {
    "samples": tuple(column for column in COLUMNS if column not in {"room", "boot", "n"}),
    "samples5": SUM_COLUMNS[1:],
    "samples60": SUM_COLUMNS[1:],
}
_EVERY_S: dict[Kind, int] = {"samples": 0, "samples5": 300, "samples60": 3600}


async def series(database: Database, room: int, kind: Kind, since: int, until: int) -> Series:
    """Return a room's chart of a time, oldest first."""
    there = set(await tables(database, database.dialect, kind))
    columns = _CHARTED[kind]
    rows: list[Row] = []
    for table in tables_between(kind, since, until):
        if table in there:
            rows += await database.fetch(
                f"SELECT {', '.join(columns)} FROM {table} WHERE room = $1 AND at >= $2 AND at < $3 ORDER BY at",
                room,
                since,
                until,
            )
    values = zip(*map(itemgetter(*columns), rows), strict=True) if rows else ((),) * len(columns)
    return Series(_EVERY_S[kind], dict(zip(columns, map(list, values), strict=True)))
