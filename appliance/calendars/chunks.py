"""Cut calendar bytes into events as text and keep those that can matter now, so that the real parser sees few.

A room's feed often holds years of past events; parsing them all costs seconds and tens of megabytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from appliance.calendars.errors import CalendarError
from appliance.calendars.links import PROPERTIES

LARGEST = 10 * 1024 * 1024
"""Bytes of calendar that are read at all."""
_LONGEST_LINE = 64 * 1024
_DEEPEST = 8
_SLACK = timedelta(days=2)
_LONG_EVENT = timedelta(days=32)

_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
_KEPT = frozenset(
    (*PROPERTIES, *_TIMES, "UID", "SEQUENCE", "SUMMARY", "STATUS", "CLASS", "TRANSP", "ORGANIZER", "ATTENDEE")
) | {"X-MICROSOFT-CDO-ALLDAYEVENT"}
# of the people invited only rooms and refusals matter, and there can be hundreds of people
_ROOM = re.compile(r"DECLINED|CUTYPE=\"?(?:ROOM|RESOURCE)", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z0-9-]{1,64})[;:]")
_DAY = re.compile(r"[^;:]+(?:;(?:[^\":]|\"[^\"]*\")*)?:\s*(\d{8})")
_UNTIL = re.compile(r"UNTIL=(\d{8})", re.IGNORECASE)
_DTSTAMP = re.compile(rb"^DTSTAMP[^\r\n]*\r?\n", re.MULTILINE)


@dataclass(slots=True)
class EventText:
    """One VEVENT's unfolded lines, just the properties a room needs."""

    lines: list[str] = field(default_factory=list)
    closed: bool = False
    _first: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, line: str) -> None:
        self.lines.append(line)
        self._first.setdefault(name, line)

    def line(self, name: str) -> str:
        """Return the first line of a property, empty if there is none."""
        return self._first.get(name, "")

    def day(self, name: str) -> date | None:
        """Return the date a property begins with, without its zone."""
        return _to_date(_DAY.match(self.line(name)))


@dataclass(frozen=True, slots=True)
class CalendarText:
    """A calendar cut into pieces."""

    series: tuple[tuple[EventText, ...], ...]
    """Events that share a UID: a meeting with its exceptions."""
    timezones: tuple[str, ...]
    """Whole VTIMEZONE components."""
    wr_timezone: str
    """X-WR-TIMEZONE, which old Google exports rely on."""


def check_whole(data: bytes) -> None:
    """Refuse what is no calendar or not all of one."""
    if len(data) > LARGEST:
        raise CalendarError(f"The calendar is larger than {LARGEST // 1024**2} MB; publish one with fewer past events.")
    if b"BEGIN:VCALENDAR" not in data[:4096].upper():
        raise CalendarError("The address does not lead to a calendar (no iCalendar data); check the calendar's link.")
    if b"END:VCALENDAR" not in data[-4096:].upper():
        raise CalendarError("The calendar arrived incomplete.")


def fingerprint_text(data: bytes) -> bytes:
    """Return the bytes without DTSTAMP, which some servers set anew at each download."""
    return _DTSTAMP.sub(b"", data)


def cut(data: bytes, first: date, last: date) -> CalendarText:
    """Cut a calendar and keep the series that may touch the days from `first` to `last`."""
    walker = _Walker()
    for line in _unfolded(data):
        walker.take(line)
    kept = [series for series in _by_uid(walker.events) if any(_may_touch(e, first, last) for e in series)]
    return CalendarText(tuple(kept), tuple("\r\n".join(zone) for zone in walker.timezones), walker.wr_timezone)


def _name_of(line: str) -> str:
    """Return a content line's property name in upper case; empty when it has none."""
    found = _NAME.match(line)
    return found[1].upper() if found else ""


class _Walker:
    """Follows BEGIN and END; forgives a missing END."""

    def __init__(self) -> None:
        self.events: list[EventText] = []
        self.timezones: list[list[str]] = []
        self.wr_timezone = ""
        self._inside: list[str] = []

    def take(self, line: str) -> None:
        name = _name_of(line)
        if name in {"BEGIN", "END"}:
            self._step(name, line.partition(":")[2].strip().upper(), line)
        elif "VTIMEZONE" in self._inside:
            self.timezones[-1].append(line)
        elif self._inside and self._inside[-1] == "VEVENT":
            # some programs write an empty EXDATE when they mean none
            if name in _KEPT and not line.endswith(":") and (name != "ATTENDEE" or _ROOM.search(line)):
                self.events[-1].add(name, line[:_LONGEST_LINE])
        elif name == "X-WR-TIMEZONE" and not self.wr_timezone:
            self.wr_timezone = line.partition(":")[2].strip()[:64]

    def _step(self, step: str, component: str, line: str) -> None:
        if step == "BEGIN" and component in {"VEVENT", "VTIMEZONE", "VCALENDAR"}:
            # these never nest inside events: whatever is still open was left unclosed
            self._inside = []
            if component == "VEVENT":
                self.events.append(EventText())
            elif component == "VTIMEZONE":
                self.timezones.append([])
        if "VTIMEZONE" in (*self._inside, component) and self.timezones:
            self.timezones[-1].append(line)
        if step == "BEGIN":
            if len(self._inside) < _DEEPEST:
                self._inside.append(component)
        elif component in self._inside:
            if component == "VEVENT":
                self.events[-1].closed = True
            del self._inside[self._inside.index(component) :]


def _unfolded(data: bytes) -> Iterator[str]:
    # unfolding comes before decoding: old exporters fold in the middle of a UTF-8 character
    whole = re.sub(rb"\r?\n[ \t]", b"", data).decode("utf-8-sig", "replace")
    # not splitlines(): it would also cut at characters that are ordinary text in a title
    for line in re.split(r"\r\n|\n|\r", whole):
        if line:
            yield line.replace("\x00", "")


def _by_uid(events: Iterable[EventText]) -> list[tuple[EventText, ...]]:
    groups: dict[str, list[EventText]] = {}
    for number, event in enumerate(events):
        uid = event.line("UID").partition(":")[2].strip()
        groups.setdefault(uid or f"\n{number}", []).append(event)
    return [tuple(group) for group in groups.values()]


def _may_touch(event: EventText, first: date, last: date) -> bool:
    """Guess generously: whatever cannot be understood here goes to the parser, which names what is wrong."""
    low, high = first - _SLACK, last + _SLACK
    start = event.day("DTSTART")
    if start is None or event.line("RDATE"):
        return True
    if event.line("RRULE"):
        until = _to_date(_UNTIL.search(event.line("RRULE")))
        return start <= high and (until is None or until >= low - _LONG_EVENT)
    moved_from = event.day("RECURRENCE-ID")
    if moved_from is not None and low <= moved_from <= high:
        return True
    end = event.day("DTEND") or start + (_LONG_EVENT if event.line("DURATION") else _SLACK)
    # an event that ends before it starts is wrong anywhere near
    return min(start, end) <= high and max(start, end) >= low


def _to_date(found: re.Match[str] | None) -> date | None:
    if found is None:
        return None
    digits = found[1]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
