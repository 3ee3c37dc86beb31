"""Turn calendar bytes into bookings: repeats, exceptions, time zones. Pure, and heavy: only the worker imports it.

One broken event never loses the others: it is left out and named with its reason.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component
from icalendar.prop import vBroken
from icalendar.timezone import tzp

from appliance.calendars.booking import Booking, Reading, ReadRequest
from appliance.calendars.chunks import EventText, cut
from appliance.calendars.event import PRIVATE, EventReader, shown_title
from appliance.calendars.links import LinkFinder
from appliance.state.room import MeetingKey

MOST_BOOKINGS = 500
_MOST_A_DAY = 24
_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
# What the parsers below raise on hostile text; anything else ends the worker, and the last good agenda stays.
_BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Unreadable(ValueError):
    """One event cannot be understood; the message completes "it was left out, because …"."""


class TooSlow(Exception):
    """A guard's word: a series has used up its share of the processor, or nothing is left for it."""


Guard = Callable[[], AbstractContextManager[object]]
"""Makes a context that raises `TooSlow` when what runs inside takes too long."""


@dataclass(frozen=True, slots=True)
class _Span:
    first: datetime
    last: datetime
    wr_timezone: str
    reader: EventReader


def read_calendar(data: bytes, request: ReadRequest, *, guard: Guard = nullcontext) -> Reading:
    """Read everything booked between `request.first` and `request.last`."""
    # one calendar's own zones must not outlive it
    tzp.use_default()
    text = cut(data, request.first.date(), request.last.date())
    finder = LinkFinder(request.providers, livekit_hosts=request.livekit_hosts)
    reader = EventReader(ZoneInfo(request.zone), finder, frozenset(request.addresses))
    wr_timezone = text.wr_timezone if _is_zone(text.wr_timezone) else ""
    with warnings.catch_warnings():
        # the parser remarks on vendors' zone names, which it understands all the same
        warnings.simplefilter("ignore")
        for zone in text.timezones:
            _learn_zone(zone, guard)
        return _read_all(text.series, _Span(request.first, request.last, wr_timezone, reader), guard)


def _read_all(all_series: Sequence[Sequence[EventText]], span: _Span, guard: Guard) -> Reading:
    bookings: dict[MeetingKey, Booking] = {}
    unreadable: list[str] = []
    # repeats come last, so that a bomb among them cannot use up the time of plain meetings
    for series in sorted(all_series, key=_repeats):
        try:
            with guard():
                found, broken = _read_series(series, span)
        except TooSlow as err:
            unreadable.append(_left_out(series, str(err)))
        except _BROKEN:
            unreadable.append(_left_out(series, "its dates contradict each other"))
        else:
            unreadable += broken
            bookings |= {booking.key: booking for booking in found}
        if len(bookings) > MOST_BOOKINGS:
            break
    ordered = sorted(bookings.values(), key=lambda booking: (booking.start, booking.end, booking.key))
    return Reading(tuple(ordered[:MOST_BOOKINGS]), tuple(unreadable), more=len(ordered) > MOST_BOOKINGS)


def _read_series(series: Sequence[EventText], span: _Span) -> tuple[list[Booking], list[str]]:
    calendar = _parse(series, span.wr_timezone)
    sound: list[Component] = []
    broken: list[str] = []
    for text, event in zip(series, calendar.walk("VEVENT"), strict=True):
        try:
            _check(text, event)
        except Unreadable as err:
            broken.append(_left_out([text], str(err)))
        else:
            sound.append(event)
    calendar.subcomponents = sound
    zone_known = not any(_zone_is_unknown(event) for event in sound)
    repeats = _repeats(series)
    occurrences = recurring_ical_events.of(calendar).between(span.first, span.last)
    found = (span.reader.read(event, repeats=repeats, zone_known=zone_known) for event in occurrences)
    return [booking for booking in found if booking is not None], broken


def _parse(events: Sequence[EventText], wr_timezone: str) -> Component:
    lines = ["BEGIN:VCALENDAR", *([f"X-WR-TIMEZONE:{wr_timezone}"] if wr_timezone else [])]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.lines, "END:VEVENT"]
    return Calendar.from_ical("\r\n".join([*lines, "END:VCALENDAR", ""]))


def _check(text: EventText, event: Component) -> None:
    """Refuse an event that has no sound time; forgive what is broken beside that."""
    if not text.closed:
        raise Unreadable("it is not complete")
    if "DTSTART" not in event:
        raise Unreadable("it has no start time")
    rule = text.line("RRULE").upper()
    for name in _TIMES:
        if isinstance(event.get(name), vBroken) or (name == "RRULE" and rule and "FREQ=" not in rule):
            raise Unreadable(f"its {name} cannot be understood")
    if _repeats_too_often(rule):
        raise Unreadable("it repeats more often than a room can be booked")
    start, end, duration = (event.get(name) for name in ("DTSTART", "DTEND", "DURATION"))
    if (end and _instant(end.dt) < _instant(start.dt)) or (duration and duration.dt < timedelta(0)):
        raise Unreadable("it ends before it starts")
    if isinstance(event.get("SEQUENCE"), vBroken | list):
        event.pop("SEQUENCE")


def _instant(moment: date) -> datetime:
    """Return a comparable time; exact enough to see an end before a start."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _repeats_too_often(rule: str) -> bool:
    """Tell a recurrence bomb by its looks; the guard stops those that are better disguised."""
    if re.search(r"FREQ=(?:SECONDLY|MINUTELY)", rule):
        return True
    times = 1
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        found = re.search(part + r"=([0-9,]*)", rule)
        times *= found[1].count(",") + 1 if found else 1
    return times > _MOST_A_DAY


def _zone_is_unknown(event: Component) -> bool:
    start = event.get("DTSTART")
    return "TZID" in start.params and isinstance(start.dt, datetime) and start.dt.tzinfo is None


def _learn_zone(text: str, guard: Guard) -> None:
    """Let the parser know the calendar's own zone; a broken one is met again as an unknown name."""
    try:
        with guard():
            Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{text}\r\nEND:VCALENDAR\r\n")
    except (*_BROKEN, TooSlow):
        return


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found is a KeyError, a path is a ValueError, a folder an OSError
        return False
    return True


def _repeats(series: Sequence[EventText]) -> bool:
    return any(event.line(name) for event in series for name in ("RRULE", "RDATE", "RECURRENCE-ID"))


def _left_out(series: Sequence[EventText], reason: str) -> str:
    """Name an event that may be too broken to parse."""
    if any(event.line("CLASS").upper().endswith(("PRIVATE", "CONFIDENTIAL")) for event in series):
        return f"“{PRIVATE}”: {reason}"
    summary = series[0].line("SUMMARY").partition(":")[2]
    title = shown_title(re.sub(r"\\(.)", r"\1", summary))
    return f"“{title}”: {reason}"
