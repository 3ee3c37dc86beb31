"""How rooms are used: utilisation, no-shows, peak hours, quality of calls. Of rooms, never of people."""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from appliance.errors import SalonError
from fleet.control.tally import Hours, Meeting, Peak, Span, Tallies, Tally, hours_of, open_spans, tallied
from fleet.control.use_sums import LATE_MS, meetings_of, stored, summed_until
from fleet.store.browse import Sites
from fleet.store.database import Reader, Row
from fleet.store.samples import DAY

MOST_MEETINGS = 200_000
"""Where no day is summed up yet; and lines of a table."""
MOST_BESIDE = 20_000
"""Meetings of the hours before and after the whole days of a report; more take a second to count."""
LONGEST_MS = 366 * 24 * 3600 * 1000


class TooMuch(SalonError, ValueError):
    """More than one report can hold."""


@dataclass(frozen=True, slots=True)
class RoomUse:
    """One room over the time asked for."""

    room: str
    name: str
    site: str
    in_use_min: int
    bookable_min: int
    utilisation: float | None
    """0 to 1, within the hours in which it may be booked; None where it never may."""
    held: int
    booked: int
    no_shows: int
    no_show_share: float | None
    failed: int
    """Meetings the room never got into."""
    loss: float | None
    """The mean share of packets lost, 0 to 1."""
    worst_loss: float | None
    jitter_ms: float | None
    rtt_ms: float | None
    reconnects: int
    freezes: int


@dataclass(frozen=True, slots=True)
class Use:
    """All that is asked of a time."""

    rooms: tuple[RoomUse, ...]
    peak: tuple[tuple[float, ...], ...]
    """Seven days from Monday of 24 local hours: how many minutes rooms were in use, all together."""
    utilisation: float | None
    no_show_share: float | None
    from_at: int
    """From when it tells: earlier than asked for where it goes by whole days."""
    until_at: int

    def by_site(self) -> Mapping[str, float | None]:
        """Return each site's utilisation."""
        rooms: dict[str, list[RoomUse]] = defaultdict(list)
        for room in self.rooms:
            rooms[room.site].append(room)
        return {site: _share_of(members) for site, members in sorted(rooms.items())}


async def report(reader: Reader, from_at: int, until_at: int, *, sites: Sites = None) -> Use:
    """Return how rooms were used from one time to another; of some sites, or of all. May raise `TooMuch`.

    Whole days (UTC) come from their sums, what is before and after them from the meetings. Where these are too many,
    the time is widened to whole days.
    """
    if not 0 < until_at - from_at <= LONGEST_MS:
        raise TooMuch("A report covers up to a year, and ends after it begins.")
    rooms = [row for row in await _rooms(reader) if sites is None or row["site"] in sites]
    done = await summed_until(reader)
    first, last = -(-from_at // DAY), min(until_at, done) // DAY
    ends = [(from_at, first * DAY), (last * DAY, until_at)] if first < last else [(from_at, until_at)]
    if await _are_more(reader, ends, MOST_BESIDE if done else MOST_MEETINGS):
        if not done:
            raise TooMuch(f"That is more than {MOST_MEETINGS} meetings; ask for a shorter time.")
        first, last = from_at // DAY, -(-until_at // DAY)
        # today's sums know nothing of later
        from_at, until_at = first * DAY, until_at if until_at > done else last * DAY
        # what began before the end and was told of after it
        ends = [(until_at, until_at)]
    found = await stored(reader, first, last, sites) if first < last else Tallies()
    hours = [(row["key"], hours_of(row)) for row in rooms]
    for begins, finish in ends:
        meetings = await meetings_of(reader, begins, finish)
        counted = None if finish == until_at else finish
        # not in the event loop: a day of a large fleet
        found.add(await asyncio.to_thread(tallied, hours, meetings, (begins, finish), counted_until=counted))
    return await asyncio.to_thread(_use, rooms, found, (from_at, until_at))


def used(rooms: Sequence[Row], meetings: Iterable[Meeting], from_at: int, until_at: int) -> Use:
    """Put a report together of all its meetings. Pure."""
    span = from_at, until_at
    return _use(rooms, tallied([(row["key"], hours_of(row)) for row in rooms], meetings, span), span)


def _use(rooms: Sequence[Row], found: Tallies, span: Span) -> Use:
    bookable: dict[Hours, int] = {}
    uses: list[RoomUse] = []
    for row in rooms:
        hours = hours_of(row)
        if hours not in bookable:
            bookable[hours] = sum(ends - begins for begins, ends in open_spans(hours, *span))
        uses.append(_room_use(row, found.rooms.get(row["key"], Tally()), bookable[hours]))
    return Use(
        tuple(uses),
        _week(found.peak),
        _share_of(uses),
        _ratio(sum(room.no_shows for room in uses), sum(room.booked for room in uses)),
        *span,
    )


def _week(peak: Peak) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(peak.get((day, hour), 0) / 60_000, 1) for hour in range(24)) for day in range(7))


def rooms_csv(use: Use) -> str:
    """Return the rooms of a report as CSV."""
    return to_csv([asdict(room) for room in use.rooms], [field.name for field in fields(RoomUse)])


def to_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _room_use(row: Row, tally: Tally, bookable: int) -> RoomUse:
    return RoomUse(
        room=row["id"],
        name=row["name"],
        site=row["site_name"] or "",
        in_use_min=round(tally.in_use_ms / 60_000),
        bookable_min=round(bookable / 60_000),
        utilisation=_ratio(tally.in_use_ms, bookable),
        held=tally.held,
        booked=tally.booked,
        no_shows=tally.no_shows,
        no_show_share=_ratio(tally.no_shows, tally.booked),
        failed=tally.failed,
        loss=_mean(tally.loss, tally.loss_n),
        worst_loss=tally.worst_loss,
        jitter_ms=_mean(tally.jitter, tally.jitter_n),
        rtt_ms=_mean(tally.rtt, tally.rtt_n),
        reconnects=tally.reconnects,
        freezes=tally.freezes,
    )


def _share_of(rooms: Iterable[RoomUse]) -> float | None:
    members = list(rooms)
    return _ratio(sum(room.in_use_min for room in members), sum(room.bookable_min for room in members))


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(total: float, number: int) -> float | None:
    return round(total / number, 5) if number else None


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return "" if value is None else value


async def _rooms(reader: Reader) -> Sequence[Row]:
    return await reader.fetch(
        "SELECT r.key AS key, r.id AS id, r.name AS name, r.site AS site, s.name AS site_name, s.timezone AS timezone, "
        "s.open_days AS open_days, s.open_from AS open_from, s.open_until AS open_until "
        "FROM rooms r LEFT JOIN sites s ON s.key = r.site WHERE r.retired_at IS NULL ORDER BY r.id"
    )


async def _are_more(reader: Reader, ends: Iterable[Span], most: int) -> bool:
    total = 0
    for begins, finish in ends:
        rows = await reader.fetch(
            "SELECT count(*) AS n FROM (SELECT 1 FROM meetings WHERE at >= $1 AND at < $2 "
            f"AND (at < $3 OR COALESCE(began_at, booked_from, at) < $3) LIMIT {most + 1}) AS found",
            begins,
            finish + LATE_MS,
            finish,
        )
        total += rows[0]["n"]
    return total > most
