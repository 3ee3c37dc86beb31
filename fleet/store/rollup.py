"""Sums up samples: five minutes when they are over, hours from these, and whatever comes late is added to its sums.

A room that was away tells its week at once, when the samples around it may long be forgotten: then only what came late
is added to the sums that are there. While the samples are there, sums are made from all of them: means stay exact.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from fleet.store.database import Database, Reader, Transaction, among_keys
from fleet.store.rooms import wait_for_writers
from fleet.store.samples import FIVE, HOUR, MINUTE, SUM_COLUMNS, Kind, covers, make_table, rolled, table_of, tables

_GRACE = MINUTE
"""How long after its end a stretch is summed up: most of what is under way has arrived by then."""
_AT_ONCE = 12
"""Stretches with late samples in one transaction."""
_FROM: dict[Kind, Kind] = {"samples5": "samples", "samples60": "samples5"}
_LENGTH: dict[Kind, int] = {"samples5": FIVE, "samples60": HOUR}


def _mean(column: str) -> str:
    measured = f"SUM(CASE WHEN {column} IS NULL THEN 0 ELSE span_s END)"
    return f"SUM({column} * span_s) / NULLIF({measured}, 0)"


_HOW: dict[str, str] = {
    "room": "room",
    "at": "CAST($1 AS BIGINT)",
    **{name: f"SUM({name})" for name in ("span_s", "live_s", "ready_s", "broken_s", "occupied_s", "freezes")},
    **{name: f"MAX({name})" for name in ("participants", "issues", "cpu_most", "temp_c", "loss_most", "jitter_ms")},
    **{name: f"MIN({name})" for name in ("mem_available_mb", "disk_free_mb")},
    **{name: _mean(name) for name in ("cpu", "kbps_in", "kbps_out", "fps_in", "fps_out", "loss", "rtt_ms")},
}
_COLUMNS: Final = ", ".join(SUM_COLUMNS)
_SUMMED = ", ".join(_HOW[column] for column in SUM_COLUMNS)
"""How rows shaped like sums become one; $1 is when the stretch begins."""
_OF_THESE = {dialect: among_keys("s.room", "$3", dialect) for dialect in ("sqlite", "postgresql")}
_REPLACED = ", ".join(f"{column} = excluded.{column}" for column in SUM_COLUMNS[2:])


def _seconds(condition: str) -> str:
    return f"CASE WHEN {condition} THEN s.span_s ELSE 0 END"


_SHAPED = {
    "live_s": _seconds("s.phase IN ('joining', 'lobby', 'live', 'reconnecting')"),
    "ready_s": _seconds("s.ready"),
    "broken_s": _seconds("s.worst = 'error'"),
    "occupied_s": _seconds("s.occupied"),
    "cpu_most": "s.cpu",
    "loss_most": "s.loss",
}
_AS_SUMS = ", ".join(f"{_SHAPED.get(column, f's.{column}')} AS {column}" for column in SUM_COLUMNS)
"""A sample as if it were a sum."""
_LATE = "late_samples l CROSS JOIN {} s WHERE s.room = l.room AND s.at = l.at AND s.boot = l.boot AND s.n = l.n"
"""What came late, found by its name: a day's table is not read for it."""


async def roll_up(database: Database, now: int) -> int:
    """Sum up what is over and what came late; returns how many stretches of five minutes. For one process, each minute.

    Few stretches are in one transaction, so that nobody waits for long.
    """
    until, done = (now - _GRACE) // FIVE * FIVE, 0
    start = await _first_start(database, database.dialect, until)
    while start < until:
        async with database.transaction() as tx:
            await wait_for_writers(tx)
            start = await _next_start(tx, database.dialect, start, until)
            if start < until:
                await _sum(tx, database.dialect, "samples5", start)
                if (start + FIVE) % HOUR == 0:
                    await _sum(tx, database.dialect, "samples60", start // HOUR * HOUR)
                start, done = start + FIVE, done + 1
            await tx.execute("UPDATE counters SET value = $1 WHERE name = 'rolled'", start)
    while late := await _catch_up(database):
        done += late
    return done


async def _first_start(reader: Reader, dialect: str, until: int) -> int:
    """Return where the first stretch begins that has samples: a console that is new at noon has none of the morning."""
    start = await _next_start(reader, dialect, 0, until)
    table = table_of("samples", start)
    if until - start <= HOUR or table not in await tables(reader, dialect, "samples"):
        return start
    rows = await reader.fetch(
        "SELECT min(at) AS at FROM "
        f"(SELECT (SELECT min(s.at) FROM {table} s WHERE s.room = r.key AND s.at >= $1) AS at FROM rooms r) firsts",
        start,
    )
    first = rows[0]["at"]
    return start if first is None else min(until, first // FIVE * FIVE)


async def _next_start(reader: Reader, dialect: str, start: int, until: int) -> int:
    """Return where the next stretch begins that may have samples."""
    start = max(start, await rolled(reader))
    days = [covers(name) for name in await tables(reader, dialect, "samples")]
    return min((max(start, begins) for begins, ends in days if ends > start), default=until)


async def _sum(tx: Transaction, dialect: str, kind: Kind, start: int, rooms: Sequence[int] | None = None) -> None:
    """Make the sums of one stretch from all that is in it, of all rooms or of some."""
    source = table_of(_FROM[kind], start)
    if source not in await tables(tx, dialect, _FROM[kind]):
        return
    # room by room, since these lie side by side: a day's table is not read for five minutes
    only = "rooms r CROSS JOIN {} s WHERE s.room = r.key" if rooms is None else f"{{}} s WHERE {_OF_THESE[dialect]}"
    shape = _AS_SUMS if kind == "samples5" else "s.*"
    rows = f"SELECT {shape} FROM {only.format(source)} AND s.at >= $1 AND s.at < $2"
    args = () if rooms is None else (json.dumps(list(rooms)),)
    target = await make_table(tx, dialect, kind, start)
    await tx.execute(_put(target, rows), start, start + _LENGTH[kind], *args)


def _put(table: str, rows: str) -> str:
    return (
        f"INSERT INTO {table} ({_COLUMNS}) SELECT {_SUMMED} FROM ({rows}) AS parts WHERE TRUE GROUP BY room "
        f"ON CONFLICT (room, at) DO UPDATE SET {_REPLACED}"
    )


async def _catch_up(database: Database) -> int:
    """Add some of what came late to its sums; returns how many stretches that were."""
    done = 0
    async with database.transaction() as tx:
        await wait_for_writers(tx)
        while done < _AT_ONCE and (rows := await tx.fetch("SELECT at FROM late_samples ORDER BY at LIMIT 1")):
            await _add_late(tx, database.dialect, rows[0]["at"] // FIVE * FIVE)
            done += 1
    return done


async def _add_late(tx: Transaction, dialect: str, start: int) -> None:
    """Add what came late of one stretch to its five minutes and to its hour."""
    came = _LATE.format(table_of("samples", start))
    late = await _spans(tx, f"{came} AND l.at >= $1 AND l.at < $2", start, start + FIVE)
    await _add(tx, dialect, "samples5", start, late)
    if start // HOUR * HOUR + HOUR <= await rolled(tx):
        await _add(tx, dialect, "samples60", start, late)
    await tx.execute("DELETE FROM late_samples WHERE at >= $1 AND at < $2", start, start + FIVE)


async def _add(tx: Transaction, dialect: str, kind: Kind, start: int, late: Mapping[int, int]) -> None:
    """Make sums anew where all that is in them is still there; else add what came late, and nothing else."""
    length = _LENGTH[kind]
    begin = start // length * length
    target, source = await make_table(tx, dialect, kind, begin), table_of(_FROM[kind], begin)
    mine, rooms = _OF_THESE[dialect], json.dumps(sorted(late))
    summed = await _spans(tx, f"{target} s WHERE s.at = $1 AND s.at < $2 AND {mine}", begin, begin + length, rooms)
    there = await _spans(tx, f"{source} s WHERE s.at >= $1 AND s.at < $2 AND {mine}", begin, begin + length, rooms)
    whole = [room for room, span_s in late.items() if there.get(room, 0) - span_s == summed.get(room, 0)]
    if whole:
        await _sum(tx, dialect, kind, begin, whole)
    if parts := sorted(late.keys() - set(whole)):
        came = _LATE.format(table_of("samples", start))
        rows = (
            f"SELECT {_AS_SUMS} FROM {came} AND l.at >= $2 AND l.at < $4 AND {mine} "
            f"UNION ALL SELECT {_COLUMNS} FROM {target} s WHERE s.at = $1 AND {mine}"
        )
        await tx.execute(_put(target, rows), begin, start, json.dumps(parts), start + FIVE)


async def _spans(tx: Transaction, rows: str, start: int, end: int, *rooms: str) -> dict[int, int]:
    """Return how many seconds are in a stretch, by room."""
    found = await tx.fetch(
        f"SELECT s.room AS room, SUM(s.span_s) AS span_s FROM {rows} GROUP BY s.room", start, end, *rooms
    )
    return {row["room"]: int(row["span_s"]) for row in found}
