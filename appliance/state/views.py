"""What the room says about itself, in words. The panel and the TV show these; every function is pure.

Times come out in the zone of the `now` that is passed in. Strangers' words come out clean, on one line.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from appliance.state.clean import clean_text
from appliance.state.columns import cut
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Countdown,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
)

_REASON = 160
_MINUTE = timedelta(minutes=1)
_IN_CALL = frozenset({Phase.LIVE, Phase.RECONNECTING})


@dataclass(frozen=True, slots=True)
class MeetingRow:
    """One line of the agenda."""

    key: MeetingKey
    title: str
    start: str
    """Local time, "15:00"; "all day" for those."""
    end: str
    day: str
    """Empty today, else "tomorrow" or the weekday."""
    organizer: str
    note: str
    """Whether the room joins by itself, and if not, why."""
    on_now: bool
    joinable: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One line of the people in the call."""

    name: str
    speaking: bool
    mic_muted: bool
    sharing: bool


class Availability(Enum):
    """What the calendar says of this moment."""

    FREE = auto()
    BOOKED = auto()
    UNKNOWN = auto()
    """It was never read."""


def status_line(state: RoomState, now: datetime, width: int = 0) -> str:
    """Say in one line what the room is doing. To fit into `width` columns the meeting's title gives way."""
    before, title, after = _status(state, now)
    if width:
        title = cut(title, max(4, width - len(before) - len(after)))
    return before + title + after


def availability(state: RoomState, now: datetime) -> Availability:
    """Say whether the room is free, by its calendar."""
    if state.agenda.fetched_at is None and not state.agenda.meetings:
        return Availability.UNKNOWN
    booked = any(meeting.start <= now for meeting in _timed(state.agenda, now))
    return Availability.BOOKED if booked else Availability.FREE


def detail_line(state: RoomState, now: datetime) -> str:
    """Say what stands behind the status: the booking, the time left, what comes next."""
    if state.call.phase is not Phase.IDLE:
        return _call_detail(state, now)
    if state.countdown is not None:
        return _countdown_detail(state, state.countdown, now)
    following = next((m for m in _timed(state.agenda, now) if m.start > now), None)
    return f"Next: {meeting_title(following)}, {_when(following.start, now)}" if following else ""


def call_title(state: RoomState) -> str:
    """Name the call the room is in or joins."""
    return clean_text(state.call.title) or "the meeting"


def meeting_title(meeting: Meeting) -> str:
    """Name a booked meeting."""
    return clean_text(meeting.title) or "Untitled meeting"


def reason_text(text: str) -> str:
    """Make a reason fit to show: one clean line."""
    return clean_text(text, _REASON)


def agenda_rows(state: RoomState, now: datetime) -> tuple[MeetingRow, ...]:
    """List the meetings that are not over, in order of their start."""
    return tuple(_row(state, meeting, now) for meeting in open_meetings(state, now))


def open_meetings(state: RoomState, now: datetime) -> tuple[Meeting, ...]:
    """Return the booked meetings that are on or still to come."""
    return tuple(m for m in state.agenda.meetings if m.end > now)


def people(state: RoomState, start: int = 0, count: int | None = None) -> tuple[PersonRow, ...]:
    """List the people in the call, those who speak first, as many as asked for."""
    rank = {person: place for place, person in enumerate(state.call.speakers)}
    ordered = sorted(state.call.participants, key=lambda p: rank.get(p.id, len(rank)))
    end = None if count is None else start + count
    return tuple(_person(p, speaking=p.id in rank) for p in ordered[start:end])


def calendar_line(state: RoomState, now: datetime) -> str:
    """Say how old the room's knowledge of the calendar is."""
    fetched = state.agenda.fetched_at
    if fetched is None:
        return ""
    if now - fetched < _MINUTE:
        return "Calendar up to date"
    return f"Calendar read {duration_text(now - fetched)} ago"


def words_change_in(state: RoomState, now: datetime) -> float:
    """Return the seconds until these words change by time alone: each second in a countdown, else each minute."""
    if state.countdown is not None and state.countdown.joins_at > now:
        return (state.countdown.joins_at - now) % timedelta(seconds=1) / timedelta(seconds=1) or 1.0
    return 60 - now.second - now.microsecond / 1e6


def company_text(others: int) -> str:
    """Say how many others are there."""
    match others:
        case 0:
            return "alone so far"
        case 1:
            return "with 1 person"
        case _:
            return f"with {others} people"


def duration_text(span: timedelta) -> str:
    """Say how long, in the largest whole unit that still tells something."""
    minutes = int(span / _MINUTE)
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size * (1 if unit == "minute" else 2):
            return f"{minutes // size} {unit}{'' if minutes // size == 1 else 's'}"
    return "less than a minute"


def _status(state: RoomState, now: datetime) -> tuple[str, str, str]:
    """Return the status in three parts, the middle one being a stranger's words."""
    title = call_title(state)
    match state.call.phase:
        case Phase.JOINING:
            return "Joining ", title, "…"
        case Phase.LOBBY:
            return "Waiting to be let into ", title, ""
        case Phase.LIVE:
            return "In ", title, f" {company_text(len(state.call.participants))}{_muted(state)}"
        case Phase.RECONNECTING:
            return "Reconnecting: ", reason_text(state.call.reason) or title, ""
        case Phase.LEAVING:
            return "Leaving ", title, "…"
        case Phase.IDLE:
            return _idle_status(state, now)


def _idle_status(state: RoomState, now: datetime) -> tuple[str, str, str]:
    if state.countdown is not None:
        title = clean_text(state.countdown.title) or "the meeting"
        return "Joining ", title, f" {_time_to(state.countdown.joins_at, now)}"
    meetings = _timed(state.agenda, now)
    if (kind := availability(state, now)) is Availability.UNKNOWN:
        # why it is not known is a problem, and said as one
        return "Today’s meetings are not known" if state.agenda.error else "The calendar has not been read yet", "", ""
    if kind is Availability.BOOKED:
        return f"Booked until {_when(meetings[0].end, now)}: ", meeting_title(meetings[0]), ""
    if meetings and meetings[0].start.astimezone(now.tzinfo).date() == now.date():
        return f"Free until {_clock(meetings[0].start, now)}", "", ""
    return "Free for the rest of today", "", ""


def _countdown_detail(state: RoomState, countdown: Countdown, now: datetime) -> str:
    meeting = _find(state, countdown.key)
    return _booking(meeting, now) if meeting else f"Booked for {_when(countdown.start, now)}"


def _call_detail(state: RoomState, now: datetime) -> str:
    if state.call.phase not in _IN_CALL and state.call.reason:
        return reason_text(state.call.reason)
    meeting = _find(state, state.call.key)
    if meeting is None:
        return f"Since {_clock(state.call.since, now)}" if state.call.since else ""
    if state.call.phase not in _IN_CALL:
        return _booking(meeting, now)
    if now < meeting.end:
        return f"Until {_when(meeting.end, now)}, {duration_text(meeting.end - now + timedelta(seconds=59))} left"
    return f"Booked until {_when(meeting.end, now)}, {duration_text(now - meeting.end)} over time"


def _booking(meeting: Meeting, now: datetime) -> str:
    organizer = clean_text(meeting.organizer)
    return f"{_clock(meeting.start, now)} – {_clock(meeting.end, now)}" + (f"  ·  {organizer}" if organizer else "")


def _row(state: RoomState, meeting: Meeting, now: datetime) -> MeetingRow:
    return MeetingRow(
        key=meeting.key,
        title=meeting_title(meeting),
        start="all day" if meeting.all_day else _clock(meeting.start, now),
        end="" if meeting.all_day else _clock(meeting.end, now),
        day=_day(meeting.start, now),
        organizer=clean_text(meeting.organizer),
        note=_note(state, meeting),
        on_now=meeting.start <= now,
        joinable=meeting.auto_join is not AutoJoin.NO,
    )


def _note(state: RoomState, meeting: Meeting) -> str:
    if state.call.phase is not Phase.IDLE and state.call.key == meeting.key:
        return "the room is in this meeting"
    why = reason_text(meeting.why)
    match meeting.auto_join:
        case AutoJoin.YES:
            return "joins by itself"
        case AutoJoin.TOUCH:
            return why or "press Join"
        case AutoJoin.NO:
            return why or "no join link"


def _person(person: Participant, *, speaking: bool) -> PersonRow:
    name = clean_text(person.name) or "Guest"
    return PersonRow(name, speaking and not person.mic_muted, person.mic_muted, person.screen_on)


def _timed(agenda: Agenda, now: datetime) -> list[Meeting]:
    """Return what occupies the room: all-day entries are notes, not bookings."""
    return [m for m in agenda.meetings if not m.all_day and m.end > now]


def _find(state: RoomState, key: MeetingKey | None) -> Meeting | None:
    return next((m for m in state.agenda.meetings if m.key == key), None)


def _muted(state: RoomState) -> str:
    return "  ·  muted" if state.senses.connected and state.senses.mic_muted else ""


def _time_to(moment: datetime, now: datetime) -> str:
    # rounded up, so that "0:01" is never shown for a second that is over
    left_s = -((now - moment) // timedelta(seconds=1))
    return f"in {left_s // 60}:{left_s % 60:02}" if left_s > 0 else "now"


def _when(moment: datetime, now: datetime) -> str:
    day = _day(moment, now)
    return f"{day} {_clock(moment, now)}" if day else _clock(moment, now)


def _clock(moment: datetime, now: datetime) -> str:
    return f"{moment.astimezone(now.tzinfo):%H:%M}"


def _day(moment: datetime, now: datetime) -> str:
    days = (moment.astimezone(now.tzinfo).date() - now.date()).days
    match days:
        case _ if days <= 0:
            return ""
        case 1:
            return "tomorrow"
        case _:
            return f"{moment.astimezone(now.tzinfo):%A}"
