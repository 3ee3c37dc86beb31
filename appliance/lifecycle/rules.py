"""When the room counts down, joins and leaves by itself: pure functions of the agenda, the call and the time.

The rule table (also in docs/calendars.md):

1. A meeting that may be joined automatically is counted down from `lead_s` before its start, and joined at its start.
2. Nothing is joined without a countdown of at least `min_countdown_s`: a meeting that appears late, or a room that
   starts in the middle of one, counts down first.
3. A meeting the room left, cancelled or was thrown out of is not joined again by itself.
4. While the room is in a call it joins nothing else and cuts nobody off.
5. A call is left when its booked end has passed and nobody else has been there for `alone_s`; one that breaks off after
   its booked end has `COME_BACK` to come back. The booked end is what the calendar says now; a booking that is gone
   from it keeps the end it had.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.state.room import Agenda, AutoJoin, Call, Countdown, Meeting, MeetingKey, Phase, Wanted

COME_BACK = timedelta(seconds=60)


class Decision(StrEnum):
    """What was decided about one occurrence, once and for all; survives restarts."""

    JOINED = "joined"
    LEFT = "left"
    CANCELLED = "cancelled"
    ENDED = "ended"
    """The server ended it, or it could not be joined until its end."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The room's own settings for automatic joins, in seconds."""

    lead_s: float = 60
    min_countdown_s: float = 10
    alone_s: float = 10


def meeting_to_join(
    agenda: Agenda, decided: Mapping[MeetingKey, Decision], now: datetime, lead_s: float
) -> Meeting | None:
    """Return the earliest meeting the room should count down to or join by itself now."""
    lead = timedelta(seconds=lead_s)
    for meeting in agenda.meetings:
        due = meeting.start - lead <= now < meeting.end
        if due and meeting.auto_join is AutoJoin.YES and decided.get(meeting.key) in {None, Decision.JOINED}:
            return meeting
    return None


def countdown_for(meeting: Meeting, running: Countdown | None, now: datetime, timing: Timing) -> Countdown:
    """Return the countdown to a meeting: to its start, but never shorter than people need to cancel it."""
    # the countdown that is on stays as it is, unless the meeting was moved meanwhile
    if running is not None and running.key == meeting.key and running.start == meeting.start:
        return running
    earliest = now + timedelta(seconds=timing.min_countdown_s)
    return Countdown(meeting.key, meeting.title, meeting.start, max(meeting.start, earliest))


def next_countdown(
    agenda: Agenda,
    decided: Mapping[MeetingKey, Decision],
    running: Countdown | None,
    wanted: Wanted | None,
    now: datetime,
    timing: Timing,
) -> Countdown | None:
    """Return the countdown that should be on now, None when there is nothing to join."""
    if wanted is not None:
        return None
    meeting = meeting_to_join(agenda, decided, now, timing.lead_s)
    return countdown_for(meeting, running, now, timing) if meeting is not None else None


def booked_end(wanted: Wanted, agenda: Agenda) -> datetime | None:
    """Return when the wanted call ends as it is booked now, or was when it was last in the calendar."""
    return next((meeting.end for meeting in agenda.meetings if meeting.key == wanted.key), wanted.ends_at)


def should_leave(
    wanted: Wanted | None, call: Call, alone_since: datetime | None, now: datetime, timing: Timing
) -> bool:
    """Say whether the meeting is over and nobody else is there any more."""
    if wanted is None or wanted.ends_at is None or now < wanted.ends_at:
        return False
    if call.phase is not Phase.LIVE:
        return now >= _given_up_at(wanted.ends_at, call.since, timing)
    return alone_since is not None and now >= alone_since + timedelta(seconds=timing.alone_s)


def _given_up_at(ends_at: datetime, since: datetime | None, timing: Timing) -> datetime:
    """Say when a call that is not live past its end is over too.

    One that runs late may break for a moment, and a daemon that starts again has yet to hear that it is live.
    """
    over = ends_at + timedelta(seconds=timing.alone_s)
    return over if since is None else max(over, since + COME_BACK)


def next_wake(
    agenda: Agenda,
    countdown: Countdown | None,
    wanted: Wanted | None,
    alone_since: datetime | None,
    now: datetime,
    timing: Timing,
    call_since: datetime | None = None,
) -> datetime | None:
    """Return the next instant at which one of the rules may say something new, None if no time is awaited."""
    moments = [meeting.start - timedelta(seconds=timing.lead_s) for meeting in agenda.meetings]
    if countdown is not None:
        moments.append(countdown.joins_at)
    if wanted is not None and wanted.ends_at is not None:
        alone = timedelta(seconds=timing.alone_s)
        moments += [wanted.ends_at, wanted.ends_at + alone, _given_up_at(wanted.ends_at, call_since, timing)]
        if alone_since is not None:
            moments.append(alone_since + alone)
    return min((moment for moment in moments if moment > now), default=None)
