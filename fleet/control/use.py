"""How rooms are used: utilisation, no-shows, peak hours, quality of calls. Of rooms, never of people."""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.errors import SalonError
from fleet.store.database import Reader, Row

MOST_MEETINGS = 200_000
LONGEST_MS = 366 * 24 * 3600 * 1000
_HOUR_MS = 3600 * 1000
_LATE_MS = 24 * _HOUR_MS
"""A meeting is told of when it is over."""


class TooMuch(SalonError, ValueError):
    """More than one report can hold."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a site's rooms may be booked."""

    timezone: str = "UTC"
    days: str = "12345"
    """1 is Monday."""
    from_min: int = 480
    until_min: int = 1080


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting in one room."""

    room: int
    outcome: str
    began_at: int | None
    ended_at: int | None
    booked: bool
    loss: float | None = None
    worst_loss: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    reconnects: int = 0
    freezes: int = 0


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

    def by_site(self) -> Mapping[str, float | None]:
        """Return each site's utilisation."""
        rooms: dict[str, list[RoomUse]] = defaultdict(list)
        for room in self.rooms:
            rooms[room.site].append(room)
        return {site: _share_of(members) for site, members in sorted(rooms.items())}


Span = tuple[int, int]


async def report(reader: Reader, from_at: int, until_at: int, *, sites: frozenset[int] | None = None) -> Use:
    """Return how rooms were used from one time to another; of some sites, or of all. May raise `TooMuch`."""
    if not 0 < until_at - from_at <= LONGEST_MS:
        raise TooMuch("A report covers up to a year, and ends after it begins.")
    rooms = [row for row in await _rooms(reader) if sites is None or row["site"] in sites]
    meetings = await _meetings(reader, from_at, until_at)
    # minutes of arithmetic for a large fleet: not in the event loop
    return await asyncio.to_thread(used, rooms, meetings, from_at, until_at)


def used(rooms: Sequence[Row], meetings: Iterable[Meeting], from_at: int, until_at: int) -> Use:
    """Put a report together. Pure."""
    of_room: dict[int, list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        of_room[meeting.room].append(meeting)
    open_at: dict[Hours, list[Span]] = {}
    found: list[RoomUse] = []
    peak = [[0.0] * 24 for _ in range(7)]
    for row in rooms:
        hours = hours_of(row)
        spans = open_at.setdefault(hours, open_spans(hours, from_at, until_at) if hours not in open_at else [])
        busy = joined([clipped(span, from_at, until_at) for one in of_room[row["key"]] if (span := _span(one))])
        _add_peak(peak, busy, _zone(hours.timezone))
        found.append(_room_use(row, of_room[row["key"]], busy, spans))
    shows = [room for room in found if room.booked]
    return Use(
        tuple(found),
        tuple(tuple(round(minutes, 1) for minutes in day) for day in peak),
        _share_of(found),
        _ratio(sum(room.no_shows for room in shows), sum(room.booked for room in shows)),
    )


def open_spans(hours: Hours, from_at: int, until_at: int) -> list[Span]:
    """Return when rooms may be booked, in milliseconds; right also on days that have 23 or 25 hours."""
    zone = _zone(hours.timezone)
    day = datetime.fromtimestamp(from_at / 1000, zone).date()
    last = datetime.fromtimestamp(until_at / 1000, zone).date()
    spans = []
    while day <= last:
        if str(day.isoweekday()) in hours.days:
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - gets its zone below, as the wall says
            begins, ends = (
                int((midnight + timedelta(minutes=minutes)).replace(tzinfo=zone).timestamp() * 1000)
                for minutes in (hours.from_min, hours.until_min)
            )
            spans.append(clipped((begins, ends), from_at, until_at))
        day += timedelta(days=1)
    return [span for span in spans if span[0] < span[1]]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same time without overlaps, in order."""
    found: list[Span] = []
    for begins, ends in sorted(span for span in spans if span[0] < span[1]):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], ends)
        else:
            found.append((begins, ends))
    return found


def common_ms(one: Sequence[Span], two: Sequence[Span]) -> int:
    """Return how long two ordered lists without overlaps have in common."""
    total = first = second = 0
    while first < len(one) and second < len(two):
        begins, ends = max(one[first][0], two[second][0]), min(one[first][1], two[second][1])
        total += max(0, ends - begins)
        if one[first][1] < two[second][1]:
            first += 1
        else:
            second += 1
    return total


def clipped(span: Span, from_at: int, until_at: int) -> Span:
    """Return what of a span is within a time."""
    return max(span[0], from_at), min(span[1], until_at)


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


def hours_of(row: Row) -> Hours:
    """Return when a room may be booked; one without a site as if it were in an office on UTC."""
    if row["timezone"] is None:
        return Hours()
    return Hours(row["timezone"], row["open_days"], row["open_from"], row["open_until"])


def _room_use(row: Row, meetings: Sequence[Meeting], busy: Sequence[Span], spans: Sequence[Span]) -> RoomUse:
    held = [one for one in meetings if one.outcome == "held"]
    booked = [one for one in meetings if one.booked]
    no_shows = sum(one.outcome == "no_show" for one in booked)
    bookable = sum(ends - begins for begins, ends in spans)
    return RoomUse(
        room=row["id"],
        name=row["name"],
        site=row["site_name"] or "",
        in_use_min=round(common_ms(busy, spans) / 60_000),
        bookable_min=round(bookable / 60_000),
        utilisation=_ratio(common_ms(busy, spans), bookable),
        held=len(held),
        booked=len(booked),
        no_shows=no_shows,
        no_show_share=_ratio(no_shows, len(booked)),
        failed=sum(one.outcome == "failed" for one in meetings),
        loss=_mean(one.loss for one in held),
        worst_loss=max((one.worst_loss for one in held if one.worst_loss is not None), default=None),
        jitter_ms=_mean(one.jitter_ms for one in held),
        rtt_ms=_mean(one.rtt_ms for one in held),
        reconnects=sum(one.reconnects for one in held),
        freezes=sum(one.freezes for one in held),
    )


def _add_peak(peak: list[list[float]], busy: Sequence[Span], zone: ZoneInfo) -> None:
    for begins, ends in busy:
        at = begins
        while at < ends:
            # zones differ from each other by quarters of an hour: no step may cross a local hour
            step = min(ends, (at // (_HOUR_MS // 4) + 1) * (_HOUR_MS // 4))
            local = datetime.fromtimestamp(at / 1000, zone)
            peak[local.weekday()][local.hour] += (step - at) / 60_000
            at = step


def _span(meeting: Meeting) -> Span | None:
    if meeting.outcome != "held" or meeting.began_at is None or meeting.ended_at is None:
        return None
    return meeting.began_at, meeting.ended_at


def _share_of(rooms: Iterable[RoomUse]) -> float | None:
    members = list(rooms)
    return _ratio(sum(room.in_use_min for room in members), sum(room.bookable_min for room in members))


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 5) if known else None


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return "" if value is None else value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


async def _rooms(reader: Reader) -> Sequence[Row]:
    return await reader.fetch(
        "SELECT r.key AS key, r.id AS id, r.name AS name, r.site AS site, s.name AS site_name, s.timezone AS timezone, "
        "s.open_days AS open_days, s.open_from AS open_from, s.open_until AS open_until "
        "FROM rooms r LEFT JOIN sites s ON s.key = r.site WHERE r.retired_at IS NULL ORDER BY r.id"
    )


async def _meetings(reader: Reader, from_at: int, until_at: int) -> list[Meeting]:
    rows = await reader.fetch(
        "SELECT room, outcome, began_at, ended_at, booked_from, loss, worst_loss, jitter_ms, rtt_ms, reconnects, "
        "freezes FROM meetings WHERE at >= $1 AND at < $2 AND COALESCE(began_at, booked_from, at) < $3 LIMIT $4",
        from_at,
        until_at + _LATE_MS,
        until_at,
        MOST_MEETINGS + 1,
    )
    if len(rows) > MOST_MEETINGS:
        raise TooMuch(f"That is more than {MOST_MEETINGS} meetings; ask for a shorter time.")
    return [
        Meeting(
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
        )
        for row in rows
    ]
