"""When the room's TV should be on, when off, and when it is left to whoever holds the remote. Pure.

| rule | the TV |
|---|---|
| a call, a countdown or a share is on | is on; nothing switches it off then |
| a meeting the room could join begins (from `lead_s` before until ten minutes after) | is on, so that people see Join |
| somebody came in or touched the panel after five quiet minutes | is on until they were not noticed for 15 minutes |
| it is night, and nobody was noticed for 15 minutes | is off |
| no sign of people for `idle_off_s`, and no meeting is booked now | is off |
| anything else | is left alone |

A wish has an occasion: this meeting, this visit, this night. It is fulfilled once for each. Whoever uses the TV's own
remote afterwards has the last word until the next occasion; only at night, an hour later, is it tried again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appliance.state.room import AutoJoin, Meeting, Phase, RoomState

BEGINNING = timedelta(minutes=10)
"""How long after its start a meeting that waits for a touch keeps the TV's attention."""
QUIET = timedelta(minutes=5)
"""A sign of people after so long a silence is a new visit."""
STAYING = timedelta(minutes=15)
"""How long people are taken to be there after the last sign of them."""
REMOTE_COUNTS = timedelta(hours=1)
"""How long a TV that somebody switched on by its remote at night is left on."""


@dataclass(frozen=True, slots=True)
class TvHours:
    """[tv], as far as it is about time."""

    zone: ZoneInfo
    lead_s: float = 60.0
    """How long before its start a meeting is "joining soon"."""
    off_from: time | None = None
    """When the night begins, on the clock in the room; none for a room without nights."""
    off_until: time | None = None
    idle_off_s: float = 0.0
    """How long without a sign of people until the TV goes off by day; 0 for never."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells that people are there, by the room's clock."""

    since: datetime
    """When the room began to watch."""
    seen_at: datetime | None = None
    """The last time somebody came in, moved or touched something."""
    visit_at: datetime | None = None
    """When that visit began."""
    busy_at: datetime | None = None
    """The last time a call, countdown or share was on, or a meeting booked."""
    occupied: bool = False
    """A sensor sees somebody."""

    @property
    def last(self) -> datetime:
        """The last of all signs of life."""
        return max(at for at in (self.since, self.seen_at, self.busy_at) if at is not None)


@dataclass(frozen=True, slots=True)
class TvWish:
    """What the TV should be, and for what occasion."""

    on: bool
    occasion: str
    """Tells one occasion from another; opaque."""
    shows: bool = True
    """The TV should show the room's picture, whatever input it was on; somebody who only came in may use another."""
    insists: bool = False
    """An hour after somebody overruled it, it is tried again."""


def seen(signs: Signs, now: datetime) -> Signs:
    """Take in a touch, or somebody coming in."""
    quiet = signs.seen_at is None or not timedelta(0) <= now - signs.seen_at < QUIET
    visit_at = now if quiet and not signs.occupied else signs.visit_at or now
    return replace(signs, seen_at=now, visit_at=visit_at)


def occupied(signs: Signs, now: datetime, *, there: bool) -> Signs:
    """Take in what a presence sensor says."""
    return replace(seen(signs, now), occupied=there) if there or signs.occupied else signs


def noted(signs: Signs, state: RoomState, now: datetime) -> Signs:
    """Take in what the room does, and that its clock may have been set back."""
    since, seen_at, visit_at, busy_at = (
        at if at is None else min(at, now) for at in (signs.since, signs.seen_at, signs.visit_at, signs.busy_at)
    )
    assert since is not None  # noqa: S101 - it never was
    return replace(
        signs,
        since=since,
        seen_at=now if signs.occupied else seen_at,
        visit_at=visit_at,
        busy_at=now if is_busy(state) or any(_running(meeting, now) for meeting in state.agenda.meetings) else busy_at,
    )


def is_busy(state: RoomState) -> bool:
    """Whether the TV is needed now, whatever the hour."""
    call_on = state.wanted is not None or state.call.phase is not Phase.IDLE
    return call_on or state.countdown is not None or state.senses.sharing


def tv_wish(state: RoomState, signs: Signs, hours: TvHours, now: datetime) -> TvWish | None:
    """Return what the TV should be now; None leaves it as it is."""
    if is_busy(state):
        return TvWish(on=True, occasion=_meeting_occasion(state))
    beginning = next(_beginning(state, hours, now), None)
    if beginning is not None:
        return TvWish(on=True, occasion=f"meeting {beginning.key}")
    if signs.visit_at is not None and signs.seen_at is not None and _staying(signs.seen_at, now):
        return TvWish(on=True, occasion=f"visit {signs.visit_at.isoformat()}", shows=False)
    last = signs.last
    night = night_of(hours, now)
    if night is not None:
        return None if _staying(_last_people(signs), now) else TvWish(False, f"night {night.isoformat()}", insists=True)
    idle = hours.idle_off_s and now - last >= timedelta(seconds=hours.idle_off_s)
    if idle and not any(_running(meeting, now) for meeting in state.agenda.meetings):
        return TvWish(on=False, occasion=f"idle since {last.isoformat()}")
    return None


def night_of(hours: TvHours, now: datetime) -> date | None:
    """Return the day on which the night that is now began, None by day.

    A night begins and ends at instants, not at readings of a clock: when clocks go back over its end it does not come
    twice, and when they skip it (spring) it begins or ends where the skipped hour was.
    """
    if hours.off_from is None or hours.off_until is None or hours.off_from == hours.off_until:
        return None
    today = now.astimezone(hours.zone).date()
    for day in (today, today - timedelta(days=1)):
        last_day = day if hours.off_from < hours.off_until else day + timedelta(days=1)
        if _instant(day, hours.off_from, hours.zone) <= now < _instant(last_day, hours.off_until, hours.zone):
            return day
    return None


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _meeting_occasion(state: RoomState) -> str:
    """Name the meeting: one occasion from its countdown until it was left."""
    for part in (state.countdown, state.wanted, state.call):
        if part is not None and part.key is not None:
            return f"meeting {part.key}"
    return "share" if state.senses.sharing else "call"


def _beginning(state: RoomState, hours: TvHours, now: datetime) -> Iterator[Meeting]:
    lead = timedelta(seconds=hours.lead_s)
    for meeting in state.agenda.meetings:
        joinable = meeting.auto_join is not AutoJoin.NO and not meeting.all_day
        if joinable and meeting.start - lead <= now < min(meeting.start + BEGINNING, meeting.end):
            yield meeting


def _running(meeting: Meeting, now: datetime) -> bool:
    return not meeting.all_day and meeting.start <= now < meeting.end


def _staying(at: datetime | None, now: datetime) -> bool:
    return at is not None and timedelta(0) <= now - at < STAYING


def _last_people(signs: Signs) -> datetime | None:
    return max((at for at in (signs.seen_at, signs.busy_at) if at is not None), default=None)
