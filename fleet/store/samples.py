"""How rooms were, in tables that are dropped whole: samples for a week, sums of five minutes and of hours for longer.

`samples_YYYYMMDD` holds a day's samples, `samples5_YYYYMMDD` a day's five-minute sums, `samples60_YYYYMM` a month's
hourly ones; all by UTC. Means are weighted by how long a sample stands; the worst stands where it is what counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from fleet.store.database import Database, Reader, Row, Transaction

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIVE = 5 * MINUTE
_GRACE = MINUTE
"""How long after its end a stretch is summed up: most of what is under way has arrived by then."""

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
    hours: dict[tuple[int, int], int] = {}
    for room, at, row in samples:
        days.setdefault(at // DAY, []).append(row)
        hour = (room, at // HOUR * HOUR)
        hours[hour] = min(at, hours.get(hour, at))
    if not days:
        return
    for day, rows in days.items():
        await tx.load(await make_table(tx, dialect, "samples", day * DAY), COLUMNS, rows)
    rolled = await _rolled(tx)
    if late := [hour for hour, at in sorted(hours.items()) if at < rolled]:
        await tx.many("INSERT INTO late_samples (room, hour) VALUES ($1, $2) ON CONFLICT DO NOTHING", late)


async def _rolled(reader: Reader) -> int:
    rows = await reader.fetch("SELECT value FROM counters WHERE name = 'rolled'")
    rolled: int = rows[0]["value"]
    return rolled


_MEANS = ("cpu", "kbps_in", "kbps_out", "fps_in", "fps_out", "loss", "rtt_ms")
_SUM_COLUMNS = (
    *("room", "at", "span_s", "live_s", "ready_s", "broken_s", "occupied_s", "participants", "issues", "cpu"),
    *("cpu_most", "mem_available_mb", "temp_c", "disk_free_mb", "kbps_in", "kbps_out", "fps_in", "fps_out", "loss"),
    *("loss_most", "jitter_ms", "rtt_ms", "freezes"),
)


def _mean(column: str) -> str:
    measured = f"SUM(CASE WHEN {column} IS NULL THEN 0 ELSE span_s END)"
    return f"SUM({column} * span_s) / NULLIF({measured}, 0)"


def _seconds(condition: str) -> str:
    return f"SUM(CASE WHEN {condition} THEN span_s ELSE 0 END)"


def _selected(*, raw: bool) -> str:
    """Return what is summed up, from samples or from sums; $1 is when the stretch begins."""
    live = "phase IN ('joining', 'lobby', 'live', 'reconnecting')"
    chosen = {
        "room": "room",
        "at": "CAST($1 AS BIGINT)",
        "span_s": "SUM(span_s)",
        "live_s": _seconds(live) if raw else "SUM(live_s)",
        "ready_s": _seconds("ready") if raw else "SUM(ready_s)",
        "broken_s": _seconds("worst = 'error'") if raw else "SUM(broken_s)",
        "occupied_s": _seconds("occupied") if raw else "SUM(occupied_s)",
        "participants": "MAX(participants)",
        "issues": "MAX(issues)",
        "cpu_most": "MAX(cpu)" if raw else "MAX(cpu_most)",
        "mem_available_mb": "MIN(mem_available_mb)",
        "temp_c": "MAX(temp_c)",
        "disk_free_mb": "MIN(disk_free_mb)",
        "loss_most": "MAX(loss)" if raw else "MAX(loss_most)",
        "jitter_ms": "MAX(jitter_ms)",
        "freezes": "SUM(freezes)",
        **{column: _mean(column) for column in _MEANS},
    }
    return ", ".join(chosen[column] for column in _SUM_COLUMNS)


_FROM: dict[Kind, Kind] = {"samples5": "samples", "samples60": "samples5"}
_LENGTH: dict[Kind, int] = {"samples5": FIVE, "samples60": HOUR}


async def roll_up(database: Database, now: int) -> int:
    """Sum up what is over and what came late; returns how many stretches of five minutes. For one process, each minute.

    Each stretch is a transaction of its own, so that nobody waits for long.
    """
    until, done = (now - _GRACE) // FIVE * FIVE, 0
    start = await _next_start(database, database.dialect, 0, until)
    while start < until:
        async with database.transaction() as tx:
            await _lock(tx)
            start = await _next_start(tx, database.dialect, start, until)
            if start < until:
                await _sum(tx, database.dialect, "samples5", start)
                if (start + FIVE) % HOUR == 0:
                    await _sum(tx, database.dialect, "samples60", start // HOUR * HOUR)
                start, done = start + FIVE, done + 1
            await tx.execute("UPDATE counters SET value = $1 WHERE name = 'rolled'", start)
    while await _catch_up(database):
        done += 1
    return done


async def _lock(tx: Transaction) -> None:
    """Let no sample come in between: whoever writes rooms begins with the same row."""
    await tx.execute("UPDATE counters SET value = value WHERE name = 'rooms'")


async def _next_start(reader: Reader, dialect: str, start: int, until: int) -> int:
    """Return where the next stretch begins that may have samples."""
    start = max(start, await _rolled(reader))
    days = [covers(name) for name in await tables(reader, dialect, "samples")]
    return min((max(start, begins) for begins, ends in days if ends > start), default=until)


async def _sum(tx: Transaction, dialect: str, kind: Kind, start: int, room: int | None = None) -> None:
    """Make the sums of one stretch anew, of all rooms or of one."""
    source = table_of(_FROM[kind], start)
    if source not in await tables(tx, dialect, _FROM[kind]):
        return
    target, one = await make_table(tx, dialect, kind, start), "" if room is None else f" AND room = {int(room)}"
    await tx.execute(f"DELETE FROM {target} WHERE at = $1{one}", start)
    await tx.execute(
        f"INSERT INTO {target} ({', '.join(_SUM_COLUMNS)}) SELECT {_selected(raw=kind == 'samples5')} FROM {source} "
        f"WHERE at >= $1 AND at < $2{one} GROUP BY room",
        start,
        start + _LENGTH[kind],
    )


async def _catch_up(database: Database) -> bool:
    """Sum up an hour of one room anew whose samples came late; False when there is none."""
    async with database.transaction() as tx:
        await _lock(tx)
        rows = await tx.fetch("SELECT room, hour FROM late_samples ORDER BY hour, room LIMIT 20")
        for row in rows:
            for start in range(row["hour"], row["hour"] + HOUR, FIVE):
                await _sum(tx, database.dialect, "samples5", start, row["room"])
            await _sum(tx, database.dialect, "samples60", row["hour"], row["room"])
            await tx.execute("DELETE FROM late_samples WHERE room = $1 AND hour = $2", row["room"], row["hour"])
    return bool(rows)


@dataclass(frozen=True, slots=True)
class Series:
    """One room's chart: a column for each measurement, all as long as `at`. None is not measured."""

    every_s: int
    """0 for samples as they came."""
    columns: dict[str, list[Any]]


_CHARTED: dict[Kind, tuple[str, ...]] = {
    "samples": tuple(column for column in COLUMNS if column not in {"room", "boot", "n"}),
    "samples5": _SUM_COLUMNS[1:],
    "samples60": _SUM_COLUMNS[1:],
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
    return Series(_EVERY_S[kind], {column: [row[column] for row in rows] for column in columns})
