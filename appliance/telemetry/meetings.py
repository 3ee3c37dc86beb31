"""What became of each meeting, gathered state by state: pure, and small enough to be kept across a restart.

Each booked or begun meeting gets one record, when it is over: held, nobody came, left out, or the room never got in.
A call that is left may be entered again while its booking lasts; it is told once.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from appliance.state.room import Agenda, AutoJoin, MeetingKey, Phase, RoomState
from appliance.state.room import Meeting as Booking
from appliance.state.wishes import StreamStats
from appliance.telemetry.protocol.records import Began, Meeting, Outcome
from appliance.telemetry.report import said

_COME_BACK_MS = 120_000
"""So long after its end a call may come back and is still the same meeting."""
_REMEMBERED = 64
_IN_IT = {Phase.LIVE, Phase.RECONNECTING}


@dataclass(frozen=True, slots=True)
class Course:
    """A meeting that is not told yet, and what was seen of it. Times in milliseconds since 1970."""

    meeting: str
    booked_from: int | None = None
    booked_until: int | None = None
    server: str = ""
    title: str = ""
    joins: bool = False
    """The room was to join it: by itself, or with a touch."""
    tried_at: int | None = None
    """When the room first went there."""
    began_at: int | None = None
    ended_at: int | None = None
    """When it was last seen in it; None while it is."""
    began: Began = Began.UNKNOWN
    cancelled: bool = False
    sensed: bool = False
    """A motion sensor would have told of people."""
    occupied: bool = False
    participants: int = 0
    reconnects: int = 0
    reconnecting: bool = False
    looks: int = 0
    """How often streams were looked at."""
    loss_sum: float = 0.0
    worst_loss: float = 0.0
    jitter_ms: float = 0.0
    rtt_ms: float | None = None
    freezes: int = 0
    longest_gap_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """All meetings that are not told yet, and those told lately."""

    open: tuple[Course, ...] = ()
    told: tuple[str, ...] = ()
    counted_down: str = ""
    """The meeting that a countdown ran for in the state before."""


def meeting_id(key: MeetingKey) -> str:
    """Return the same name for the same occurrence, which tells nothing of it."""
    return hashlib.sha256(f"salon meeting\n{key}".encode()).hexdigest()[:16]


def seen(ledger: Ledger, room: RoomState, now: datetime, began: Began = Began.UNKNOWN) -> Ledger:
    """Take in how the room is; `began` is who asked for the call that it is in."""
    now_ms = _ms(now)
    courses = {course.meeting: course for course in ledger.open}
    for course in _booked(room.agenda, now):
        if course.meeting not in ledger.told:
            courses[course.meeting] = _rebooked(courses.get(course.meeting), course)
    courses = {name: course for name, course in courses.items() if not _called_off(course, room.agenda, now_ms)}
    _take_countdown(ledger, room, courses)
    here = "" if room.call.key is None or room.call.phase is Phase.IDLE else meeting_id(room.call.key)
    if here:
        course = courses.get(here, Course(here, title=room.call.title))
        courses[here] = _visited(course, room, now_ms, began)
    courses = {name: course if name == here else _gone(course, now_ms) for name, course in courses.items()}
    courses = {name: _looked_at(course, room, now_ms) for name, course in courses.items()}
    counted = meeting_id(room.countdown.key) if room.countdown else ""
    told = tuple(name for name in ledger.told if name != here)
    return Ledger(tuple(courses.values()), told, counted)


def measured(ledger: Ledger, room: RoomState, streams: Iterable[StreamStats], freezes: int) -> Ledger:
    """Take in how the streams of the call do."""
    known = tuple(streams)
    if room.call.key is None or room.call.phase is not Phase.LIVE or not known:
        return ledger
    here = meeting_id(room.call.key)
    return replace(ledger, open=tuple(_heard(c, known, freezes) if c.meeting == here else c for c in ledger.open))


def told(ledger: Ledger, now: datetime, *, titles: bool) -> tuple[Ledger, tuple[Meeting, ...]]:
    """Return the meetings that are over, each once."""
    now_ms = _ms(now)
    over = [course for course in ledger.open if _is_over(course, now_ms)]
    if not over:
        return ledger, ()
    names = tuple(course.meeting for course in over)
    still = tuple(course for course in ledger.open if course.meeting not in names)
    records = tuple(_record(course, outcome, titles) for course in over if (outcome := _outcome(course)))
    return replace(ledger, open=still, told=(*ledger.told, *names)[-_REMEMBERED:]), records


def _booked(agenda: Agenda, now: datetime) -> Sequence[Course]:
    """Return the bookings that are on, or soon: what is far ahead may still be moved."""
    return [
        _course(booking) for booking in agenda.meetings if booking.start <= now < booking.end and not booking.all_day
    ]


def _called_off(course: Course, agenda: Agenda, now_ms: int) -> bool:
    """Whether a booking has gone from the calendar before anybody took it up."""
    waits = course.tried_at is None and course.booked_until is not None and now_ms < course.booked_until
    booked = {meeting_id(booking.key) for booking in agenda.meetings}
    return waits and agenda.fetched_at is not None and course.meeting not in booked


def _course(booking: Booking) -> Course:
    return Course(
        meeting_id(booking.key),
        _ms(booking.start),
        _ms(booking.end),
        booking.provider,
        booking.title,
        joins=booking.auto_join is not AutoJoin.NO,
    )


def _rebooked(course: Course | None, newest: Course) -> Course:
    if course is None:
        return newest
    return replace(
        course,
        booked_from=newest.booked_from,
        booked_until=newest.booked_until,
        server=newest.server,
        title=newest.title,
        joins=course.joins or newest.joins,
    )


def _take_countdown(ledger: Ledger, room: RoomState, courses: dict[str, Course]) -> None:
    """A countdown that goes away without a call was cancelled."""
    name = ledger.counted_down
    running = room.countdown is not None and meeting_id(room.countdown.key) == name
    if not name or running or room.wanted is not None or room.call.phase is not Phase.IDLE:
        return
    booking = next((one for one in room.agenda.meetings if meeting_id(one.key) == name), None)
    course = courses.get(name) or (_course(booking) if booking else None)
    if course is not None:
        courses[name] = replace(course, cancelled=True)


def _visited(course: Course, room: RoomState, now_ms: int, began: Began) -> Course:
    call = room.call
    live = call.phase in _IN_IT
    reconnecting = call.phase is Phase.RECONNECTING
    return replace(
        course,
        tried_at=course.tried_at or now_ms,
        began_at=course.began_at or (now_ms if live else None),
        ended_at=None,
        began=began if course.tried_at is None else course.began,
        title=course.title or call.title,
        participants=max(course.participants, len(call.participants)),
        reconnects=course.reconnects + (reconnecting and not course.reconnecting),
        reconnecting=reconnecting,
    )


def _gone(course: Course, now_ms: int) -> Course:
    """Take in that the room is not, or no longer, in this meeting's call."""
    if course.tried_at is None or course.ended_at is not None:
        return course
    return replace(course, ended_at=now_ms, reconnecting=False)


def _looked_at(course: Course, room: RoomState, now_ms: int) -> Course:
    if course.booked_until is None or now_ms >= course.booked_until or room.occupied is None:
        return course
    return replace(course, sensed=True, occupied=course.occupied or room.occupied)


def _heard(course: Course, streams: Sequence[StreamStats], freezes: int) -> Course:
    loss = max(stream.loss for stream in streams)
    trips = [stream.rtt_ms for stream in streams if stream.rtt_ms is not None]
    known = [course.rtt_ms] if course.rtt_ms is not None else []
    return replace(
        course,
        looks=course.looks + 1,
        loss_sum=course.loss_sum + loss,
        worst_loss=max(course.worst_loss, loss),
        jitter_ms=max(course.jitter_ms, *(stream.jitter_ms for stream in streams)),
        rtt_ms=max([*known, *trips], default=None),
        freezes=course.freezes + freezes,
        longest_gap_ms=max(course.longest_gap_ms, *(stream.longest_gap_ms for stream in streams)),
    )


def _is_over(course: Course, now_ms: int) -> bool:
    if course.tried_at is not None and course.ended_at is None:
        return False
    if course.booked_until is not None:
        return now_ms >= course.booked_until and (course.ended_at is None or now_ms >= course.ended_at)
    return course.ended_at is not None and now_ms >= course.ended_at + _COME_BACK_MS


def _outcome(course: Course) -> Outcome | None:
    """Return what became of it; None for a booking without a call of which nobody can tell."""
    if course.began_at is not None:
        alone = course.booked_until is not None and course.began is Began.SCHEDULE and not course.participants
        return Outcome.NO_SHOW if alone and course.sensed and not course.occupied else Outcome.HELD
    if course.tried_at is not None:
        return Outcome.FAILED
    if course.cancelled:
        return Outcome.LEFT_OUT
    if course.sensed:
        return Outcome.HELD if course.occupied else Outcome.NO_SHOW
    return Outcome.NO_SHOW if course.joins else None


def _record(course: Course, outcome: Outcome, titles: bool) -> Meeting:
    return Meeting(
        course.meeting,
        outcome,
        course.booked_from,
        course.booked_until,
        course.began_at,
        course.ended_at if course.began_at is not None else None,
        course.began,
        said(course.server),
        course.participants,
        course.reconnects,
        round(course.loss_sum / course.looks, 4) if course.looks else None,
        course.worst_loss if course.looks else None,
        course.jitter_ms if course.looks else None,
        course.rtt_ms,
        course.freezes,
        course.longest_gap_ms,
        said(course.title) if titles and course.title else None,
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
