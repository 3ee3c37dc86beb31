"""What a room was used for in a time, counted so that the counts of several times can be added up. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleet.store.database import Row

_MINUTE_MS = 60_000
_QUARTER_MS = 15 * _MINUTE_MS


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
    at: int = 0
    """When it was told of."""


Span = tuple[int, int]
Peak = dict[tuple[int, int], int]
"""Milliseconds in use by weekday, Monday is 0, and hour of the room's own clock."""


@dataclass(slots=True)
class Tally:
    """What can be added up."""

    in_use_ms: int = 0
    """Within the hours in which the room may be booked."""
    held: int = 0
    booked: int = 0
    no_shows: int = 0
    failed: int = 0
    loss: float = 0.0
    """Sums of the meetings' means, and of how many meetings."""
    loss_n: int = 0
    jitter: float = 0.0
    jitter_n: int = 0
    rtt: float = 0.0
    rtt_n: int = 0
    reconnects: int = 0
    freezes: int = 0
    worst_loss: float | None = None

    def add(self, other: "Tally") -> None:
        """Take in what another time has."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.worst_loss = max((one for one in (self.worst_loss, other.worst_loss) if one is not None), default=None)


SUMMED = tuple(field.name for field in fields(Tally) if field.name != "worst_loss")


@dataclass(slots=True)
class Tallies:
    """Those of many rooms."""

    rooms: dict[int, Tally] = field(default_factory=dict)
    peak: Peak = field(default_factory=dict)

    def add(self, other: "Tallies") -> None:
        """Take in what another time has."""
        for room, tally in other.rooms.items():
            self.rooms.setdefault(room, Tally()).add(tally)
        for place, ms in other.peak.items():
            self.peak[place] = self.peak.get(place, 0) + ms


def tallied(
    rooms: Iterable[tuple[int, Hours]], meetings: Iterable[Meeting], span: Span, *, counted_until: int | None = None
) -> Tallies:
    """Count what rooms did in a time. Meetings that were told of later than `counted_until` only take up their time."""
    of_room, found = by_room(meetings), Tallies()
    for room, hours in rooms:
        if mine := of_room.get(room):
            counted = [one for one in mine if counted_until is None or one.at < counted_until]
            busy = joined(clipped(one, *span) for meeting in mine if (one := _span(meeting)))
            tally = found.rooms[room] = _counted(counted)
            tally.in_use_ms = common_ms(busy, open_spans(hours, *span))
            _add_peak(found.peak, busy, hours.timezone)
    return found


def by_room(meetings: Iterable[Meeting]) -> dict[int, list[Meeting]]:
    """Return meetings by their room."""
    of_room: dict[int, list[Meeting]] = {}
    for meeting in meetings:
        of_room.setdefault(meeting.room, []).append(meeting)
    return of_room


@lru_cache(maxsize=1000)
def open_spans(hours: Hours, from_at: int, until_at: int) -> Sequence[Span]:
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
    return tuple(span for span in spans if span[0] < span[1])


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


def hours_of(row: Row) -> Hours:
    """Return when a room may be booked; one without a site as if it were in an office on UTC."""
    if row["timezone"] is None:
        return Hours()
    return Hours(row["timezone"], row["open_days"], row["open_from"], row["open_until"])


def _counted(meetings: Sequence[Meeting]) -> Tally:
    held = [one for one in meetings if one.outcome == "held"]
    booked = [one for one in meetings if one.booked]
    losses, jitters, rtts = (
        [value for one in held if (value := getattr(one, name)) is not None] for name in ("loss", "jitter_ms", "rtt_ms")
    )
    return Tally(
        held=len(held),
        booked=len(booked),
        no_shows=sum(one.outcome == "no_show" for one in booked),
        failed=sum(one.outcome == "failed" for one in meetings),
        loss=sum(losses),
        loss_n=len(losses),
        jitter=sum(jitters),
        jitter_n=len(jitters),
        rtt=sum(rtts),
        rtt_n=len(rtts),
        reconnects=sum(one.reconnects for one in held),
        freezes=sum(one.freezes for one in held),
        worst_loss=max((one.worst_loss for one in held if one.worst_loss is not None), default=None),
    )


def _add_peak(peak: Peak, busy: Iterable[Span], zone: str) -> None:
    for begins, ends in busy:
        at = begins
        while at < ends:
            # zones differ from each other by quarters of an hour: no step may cross a local hour
            quarter = at // _QUARTER_MS
            step = min(ends, (quarter + 1) * _QUARTER_MS)
            place = _place(zone, quarter)
            peak[place] = peak.get(place, 0) + step - at
            at = step


@lru_cache(maxsize=100_000)
def _place(zone: str, quarter: int) -> tuple[int, int]:
    """Return the weekday and hour of a quarter of an hour since 1970."""
    local = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, _zone(zone))
    return local.weekday(), local.hour


def _span(meeting: Meeting) -> Span | None:
    if meeting.outcome != "held" or meeting.began_at is None or meeting.ended_at is None:
        return None
    return meeting.began_at, meeting.ended_at


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
