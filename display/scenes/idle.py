"""The room between meetings: its name, a large clock, what comes next, and how to get in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from appliance.state.clean import clean_text
from appliance.state.room import AutoJoin, Meeting, RoomState
from appliance.state.views import Availability, availability
from display import theme
from display.colour import Rgb
from display.geometry import Rect
from display.icons import Icon
from display.pen import Pen
from display.scenes import words
from display.scenes.scene import Patch, Scene

_ROWS: Final = 4
_LATE: Final = timedelta(minutes=15)
"""A calendar older than this deserves a hint."""
_LEFT: Final = theme.MARGIN
_CARD_X, _CARD_W = 1032, 792
_PAD: Final = 44


@dataclass(frozen=True, slots=True)
class Header:
    """The room's name."""

    room: str
    rect: Rect = Rect(_LEFT, 80, 880, 100)

    def paint(self, pen: Pen) -> None:
        pen.rounded(Rect(_LEFT, 98, 8, 44), 4, theme.ACCENT)
        pen.text(_LEFT + 32, 138, self.room, theme.TITLE, theme.TEXT, width=840)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, to be read from the far end of the corridor."""

    time: str
    rect: Rect = Rect(_LEFT - 16, 300, 912, 240)

    def paint(self, pen: Pen) -> None:
        # large digits carry a wide left bearing; this puts their ink on the column's edge
        pen.text(_LEFT - 12, 516, self.time, theme.BIG_CLOCK, theme.TEXT)


@dataclass(frozen=True, slots=True)
class Today:
    """The date, and whether the room is free."""

    date: str
    availability: str
    busy: bool
    rect: Rect = Rect(_LEFT, 556, 880, 170)

    def paint(self, pen: Pen) -> None:
        pen.text(_LEFT, 612, self.date, theme.HEADING, theme.QUIET, width=860)
        colour = theme.CAUTION if self.busy else theme.GOOD
        pen.disc(_LEFT + 10, 682, 10, colour)
        pen.text(_LEFT + 40, 695, self.availability, theme.BODY, theme.TEXT, width=820)


@dataclass(frozen=True, slots=True)
class HowToJoin:
    """How a guest gets in; empty when there is nothing to say."""

    line: str
    rect: Rect = Rect(_LEFT, 890, 880, 120)

    def paint(self, pen: Pen) -> None:
        if self.line:
            pen.icon(Icon.PEOPLE, _LEFT, 908, 36, theme.FAINT)
            pen.text(_LEFT + 56, 937, "Join from your own device", theme.LABEL, theme.FAINT)
            pen.text(_LEFT, 994, self.line, theme.BODY, theme.TEXT, width=860)


@dataclass(frozen=True, slots=True)
class Next:
    """The meeting that is on or comes next, with room to be noticed."""

    day: str
    time: str
    title: str
    organizer: str
    action: str
    """What the room will do, or what somebody has to do."""
    colour: Rgb
    icon: Icon
    rect: Rect = Rect(_CARD_X, 80, _CARD_W, 376)

    def paint(self, pen: Pen) -> None:
        pen.rounded(self.rect, theme.CARD_RADIUS, theme.SURFACE)
        x, width = _CARD_X + _PAD, _CARD_W - 2 * _PAD
        shift = pen.text(x, 152, self.day, theme.TIMES, theme.ACCENT) + 20
        pen.text(x + shift, 152, self.time, theme.TIMES, theme.TEXT)
        last = pen.paragraph(x, 234, self.title, theme.TITLE, theme.TEXT, width=width, lines=2, lead=1.2)
        pen.text(x, last + 52, self.organizer, theme.NOTE, theme.QUIET, width=width)
        pen.rule(x, 384, width, theme.LINE)
        pen.icon(self.icon, x, 403, 32, self.colour)
        pen.text(x + 48, 430, self.action, theme.LABEL, self.colour, width=width - 48)


@dataclass(frozen=True, slots=True)
class NoMeetings:
    """The same place with nothing booked, or nothing known."""

    day: str
    title: str = "Nothing booked"
    help: str = "Invite this room and it joins by itself."
    rect: Rect = Rect(_CARD_X, 80, _CARD_W, 376)

    def paint(self, pen: Pen) -> None:
        pen.rounded(self.rect, theme.CARD_RADIUS, theme.SURFACE)
        x = _CARD_X + _PAD
        pen.text(x, 152, self.day, theme.TIMES, theme.ACCENT)
        pen.text(x, 258, self.title, theme.TITLE, theme.TEXT)
        pen.text(x, 316, self.help, theme.NOTE, theme.QUIET, width=704)


@dataclass(frozen=True, slots=True)
class Row:
    """A later meeting; an empty row keeps its place."""

    place: int
    time: str = ""
    title: str = ""
    detail: str = ""

    @property
    def rect(self) -> Rect:
        return Rect(_CARD_X, 476 + self.place * 116, _CARD_W, 116)

    def paint(self, pen: Pen) -> None:
        if not self.title:
            return
        x, y = _CARD_X + _PAD, self.rect.y
        if self.place:
            pen.rule(x, y, _CARD_W - 2 * _PAD, theme.RAISED)
        pen.text(x, y + 53, self.time, theme.TIMES, theme.QUIET, width=150)
        pen.text(x + 168, y + 53, self.title, theme.BODY, theme.TEXT, width=536)
        pen.text(x + 168, y + 94, self.detail, theme.LABEL, theme.FAINT, width=536)


@dataclass(frozen=True, slots=True)
class CalendarNote:
    """How fresh the agenda is: in a whisper, unless something is wrong."""

    text: str
    wrong: bool
    rect: Rect = Rect(_CARD_X, 942, _CARD_W, 72)

    def paint(self, pen: Pen) -> None:
        x = _CARD_X + _PAD
        if self.wrong:
            pen.icon(Icon.WARNING, x, 946, 30, theme.CAUTION)
            pen.paragraph(x + 44, 970, self.text, theme.CAPTION, theme.CAUTION, width=704, lines=2, lead=1.3)
        else:
            pen.text(x, 994, self.text, theme.LABEL, theme.FAINT, width=704)


def idle_scene(room: RoomState, now: datetime) -> Scene:
    """Build the scene. `now` has the room's time zone."""
    coming = tuple(meeting for meeting in room.agenda.meetings if meeting.end > now)
    patches: tuple[Patch, ...] = (
        Header(clean_text(room.name)),
        Clock(words.clock(now)),
        _today(room, coming, now),
        HowToJoin(clean_text(room.how_to_join, 120)),
        _next(coming[0], now) if coming else _nothing(room, now),
        *_rows(coming[1 : 1 + _ROWS], now),
        _calendar_note(room, now),
    )
    return Scene("idle", patches)


def _nothing(room: RoomState, now: datetime) -> NoMeetings:
    if availability(room, now) is Availability.UNKNOWN:
        return NoMeetings("Today", "Meetings not known", "They appear once the calendar has been read.")
    return NoMeetings("Today")


def _today(room: RoomState, coming: tuple[Meeting, ...], now: datetime) -> Today:
    if availability(room, now) is Availability.UNKNOWN:
        return Today(words.date(now), "The calendar has not been read yet", busy=True)
    timed = [meeting for meeting in coming if not meeting.all_day]
    current = next((meeting for meeting in timed if meeting.start <= now), None)
    following = next((m for m in timed if m.start > now and m.start.astimezone(now.tzinfo).date() == now.date()), None)
    if current:
        until = f"Booked until {words.clock(current.end.astimezone(now.tzinfo))}"
    elif following:
        until = f"Free until {words.clock(following.start.astimezone(now.tzinfo))}"
    else:
        until = "Free for the rest of the day"
    return Today(words.date(now), until, current is not None)


def _next(meeting: Meeting, now: datetime) -> Next:
    action, colour, icon = _action(meeting, now)
    running = meeting.start <= now and not meeting.all_day
    return Next(
        "Now" if running else words.day(meeting, now),
        words.span(meeting, now),
        clean_text(meeting.title, 100) or "Untitled meeting",
        clean_text(meeting.organizer),
        clean_text(meeting.why, 80) or action,
        colour,
        icon,
    )


def _action(meeting: Meeting, now: datetime) -> tuple[str, Rgb, Icon]:
    """Return who has to do what. A meeting that is on and not joined waits for a hand, whatever its rule was."""
    if meeting.auto_join is AutoJoin.NO:
        return "No link the room can join", theme.FAINT, Icon.SCREEN
    if meeting.auto_join is AutoJoin.YES and now < meeting.start:
        return "The room joins by itself", theme.GOOD, Icon.CLOCK
    return "Press Join on the touch panel", theme.ACCENT, Icon.TOUCH


def _rows(meetings: tuple[Meeting, ...], now: datetime) -> tuple[Row, ...]:
    rows = [_row(place, meeting, now) for place, meeting in enumerate(meetings)]
    return (*rows, *(Row(place) for place in range(len(rows), _ROWS)))


def _row(place: int, meeting: Meeting, now: datetime) -> Row:
    day = words.day(meeting, now)
    parts = ("" if day == "Today" else day, "" if meeting.all_day else _until(meeting, now), meeting.organizer)
    start = "All day" if meeting.all_day else words.clock(meeting.start.astimezone(now.tzinfo))
    detail = "  ·  ".join(clean_text(part) for part in parts if part)
    return Row(place, start, clean_text(meeting.title) or "Untitled meeting", detail)


def _until(meeting: Meeting, now: datetime) -> str:
    return f"until {words.clock(meeting.end.astimezone(now.tzinfo))}"


def _calendar_note(room: RoomState, now: datetime) -> CalendarNote:
    fetched = room.agenda.fetched_at
    read = f"Calendar as of {words.clock(fetched.astimezone(now.tzinfo))}" if fetched else ""
    if room.agenda.error:
        why = clean_text(room.agenda.error, 120)
        return CalendarNote(f"{read}. {why}" if read else why, wrong=True)
    late = fetched is not None and now - fetched > _LATE
    return CalendarNote(read, wrong=late)
