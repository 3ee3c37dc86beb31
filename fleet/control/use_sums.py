"""Each room's use of each day (UTC), kept beside its meetings: those of a large fleet are too many to count anew.

Whoever stores a meeting marks its days (`fleet.store.records`); `sum_up` counts these anew. The sums hold for the hours
in which the room may be booked: other hours, or another site, and all days of the room are counted again.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from fleet.control.tally import SUMMED, Hours, Meeting, Tallies, Tally, by_room, hours_of, tallied
from fleet.store.browse import Sites, within
from fleet.store.database import Database, Reader, Row, Transaction
from fleet.store.rooms import wait_for_writers
from fleet.store.samples import DAY, HOUR

LATE_MS = DAY
"""A meeting is told of when it is over."""
_AT_ONCE = 500
"""Rooms whose day is counted in one transaction."""
_HOURS = tuple(f"h{hour}" for hour in range(24))
_COLUMNS = ("day", "room", "weekday", *SUMMED, "worst_loss", *_HOURS)


async def sum_up(database: Database, now: int) -> int:
    """Count the days that have news, today once an hour; returns how many. For one process, each minute."""
    await _mark_moved(database)
    today, done = now // DAY, 0
    last = await _counter(database, "used_at")
    hourly = not 0 <= now - last < HOUR
    while counted := await _sum_some(database, today + 1 if hourly else today):
        done += counted
    async with database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = $1 WHERE name = 'used'", today * DAY)
        if hourly:
            await tx.execute("UPDATE counters SET value = $1 WHERE name = 'used_at'", now)
    return done


async def summed_until(reader: Reader) -> int:
    """Return before which moment all days have been counted; 0 when none has."""
    return await _counter(reader, "used")


async def stored(reader: Reader, first: int, last: int, sites: Sites) -> Tallies:
    """Return the sums of days from the first to before the last."""
    sums = ", ".join(f"SUM({name}) AS {name}" for name in SUMMED)
    rows = await reader.fetch(
        f"SELECT room, {sums}, MAX(worst_loss) AS worst_loss FROM use_days WHERE day >= $1 AND day < $2 GROUP BY room",
        first,
        last,
    )
    hours = ", ".join(f"SUM(u.{name}) AS {name}" for name in _HOURS)
    week = await reader.fetch(
        f"SELECT u.weekday AS weekday, {hours} FROM use_days u JOIN rooms r ON r.key = u.room WHERE u.day >= $1 "
        f"AND u.day < $2 AND r.retired_at IS NULL AND {within(sites, 'r.site')} GROUP BY u.weekday",
        first,
        last,
    )
    return Tallies(
        {row["room"]: _tally(row) for row in rows},
        {(row["weekday"], hour): int(row[f"h{hour}"]) for row in week for hour in range(24)},
    )


async def meetings_of(reader: Reader, from_at: int, until_at: int, rooms: str = "") -> list[Meeting]:
    """Return the meetings that take up some of a time; `rooms` narrows it down in SQL."""
    rows = await reader.fetch(
        "SELECT room, outcome, began_at, ended_at, booked_from, loss, worst_loss, jitter_ms, rtt_ms, reconnects, "
        "freezes, at FROM meetings WHERE at >= $1 AND at < $2 "
        f"AND (at < $3 OR COALESCE(began_at, booked_from, at) < $3){rooms}",
        from_at,
        until_at + LATE_MS,
        until_at,
    )
    return [_meeting(row) for row in rows]


def _meeting(row: Row) -> Meeting:
    return Meeting(
        row["room"],
        row["outcome"],
        row["began_at"],
        row["ended_at"],
        row["booked_from"] is not None,
        row["loss"],
        row["worst_loss"],
        row["jitter_ms"],
        row["rtt_ms"],
        row["reconnects"],
        row["freezes"],
        row["at"],
    )


async def _counter(reader: Reader, name: str) -> int:
    rows = await reader.fetch("SELECT value FROM counters WHERE name = $1", name)
    return int(rows[0]["value"])


async def _mark_moved(database: Database) -> None:
    """Mark all days of rooms that may be booked at other hours than their sums are for."""
    moved = await database.read(_moved_sites)
    if not moved:
        return
    async with database.transaction() as tx:
        await wait_for_writers(tx)
        for hours, *site in moved:
            other = _other_hours(site)
            await tx.execute(
                "INSERT INTO use_marks (day, room) SELECT DISTINCT day, room FROM use_days "
                f"WHERE room IN (SELECT r.key {other}) ON CONFLICT DO NOTHING",
                hours,
                *site,
            )
            await tx.execute(
                f"INSERT INTO use_hours (room, hours) SELECT r.key, $1 {other} "
                "ON CONFLICT (room) DO UPDATE SET hours = excluded.hours",
                hours,
                *site,
            )


async def _moved_sites(reader: Reader) -> list[tuple[str | int, ...]]:
    """Return the hours of sites with rooms whose sums are for others, each with the site; without for none."""
    rows = await reader.fetch(
        f"SELECT s.key AS key, {_OPEN} FROM (SELECT DISTINCT site FROM rooms) r LEFT JOIN sites s ON s.key = r.site"
    )
    places = [(json.dumps(_key(hours_of(row))), *([] if row["key"] is None else [row["key"]])) for row in rows]
    return [place for place in places if await reader.fetch(f"SELECT 1 {_other_hours(place[1:])} LIMIT 1", *place)]


def _other_hours(site: Sequence[object]) -> str:
    """Return which rooms of a site, or of none, have sums for other hours than $1; the site's key is $2."""
    here = "r.site = $2" if site else "r.site IS NULL"
    return f"FROM rooms r LEFT JOIN use_hours u ON u.room = r.key WHERE {here} AND u.hours IS DISTINCT FROM $1"


_OPEN = "s.timezone AS timezone, s.open_days AS open_days, s.open_from AS open_from, s.open_until AS open_until"
_PLACES = f"SELECT r.key AS key, {_OPEN} FROM rooms r LEFT JOIN sites s ON s.key = r.site"


def _key(hours: Hours) -> tuple[object, ...]:
    return hours.timezone, hours.days, hours.from_min, hours.until_min


async def _sum_some(database: Database, before: int) -> int:
    async with database.transaction() as tx:
        await wait_for_writers(tx)
        marks = await tx.fetch(
            "SELECT day, room FROM use_marks WHERE day < $1 ORDER BY day, room LIMIT $2", before, _AT_ONCE
        )
        if marks:
            day = marks[0]["day"]
            await _sum_day(tx, day, [row["room"] for row in marks if row["day"] == day])
    return len(marks)


async def _sum_day(tx: Transaction, day: int, rooms: Sequence[int]) -> None:
    # keys of ours, so they may stand in the statement
    mine = f"IN ({', '.join(str(int(room)) for room in rooms)})"
    span = day * DAY, (day + 1) * DAY
    meetings = await meetings_of(tx, *span, f" AND room {mine}")
    places = [(row["key"], hours_of(row)) for row in await tx.fetch(f"{_PLACES} WHERE r.key {mine}")]
    found = await asyncio.to_thread(_rows, day, places, meetings, span)
    await tx.execute(f"DELETE FROM use_days WHERE day = $1 AND room {mine}", day)
    await tx.load("use_days", _COLUMNS, found)
    await tx.execute(f"DELETE FROM use_marks WHERE day = $1 AND room {mine}", day)


def _rows(
    day: int, places: Iterable[tuple[int, Hours]], meetings: Sequence[Meeting], span: tuple[int, int]
) -> list[tuple[object, ...]]:
    """Return the rows of a day: one of each weekday that it is by the room's clock."""
    of_room = by_room(meetings)
    rows = []
    for room, hours in places:
        found = tallied([(room, hours)], of_room.get(room, ()), span, counted_until=span[1])
        tally = found.rooms.get(room)
        for weekday in sorted({weekday for weekday, _ in found.peak}) or ([0] if tally else []):
            sums = tally or Tally()
            # what is no hour's stands once
            tally = None
            peak = (found.peak.get((weekday, hour), 0) for hour in range(24))
            rows.append((day, room, weekday, *(getattr(sums, name) for name in (*SUMMED, "worst_loss")), *peak))
    return rows


def _tally(row: Row) -> Tally:
    # sums of whole numbers come as decimals from PostgreSQL
    values: dict[str, Any] = {name: row[name] for name in (*SUMMED, "worst_loss")}
    return Tally(**{name: int(value) if isinstance(value, Decimal) else value for name, value in values.items()})
