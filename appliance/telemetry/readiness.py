"""Whether the room could hold its next meeting now: pure, from the newest pre-flight and all that is wrong."""

from collections.abc import Iterable
from datetime import datetime

from appliance.state.room import Meeting, RoomState
from appliance.telemetry.issues import STALE_AFTER
from appliance.telemetry.protocol.payloads import Issue, Ready, Severity

_CALENDAR = "calendar.stale"


def ready_of(room: RoomState, issues: Iterable[Issue]) -> Ready | None:
    """Return the verdict; None before the first pre-flight."""
    if room.preflight is None or room.now is None:
        return None
    because = tuple(issue.id for issue in issues if _stands_against(issue, room, room.now))
    coming = next_meeting(room, room.now)
    return Ready(not because, _ms(room.preflight.at), because, None if coming is None else _ms(coming.start))


def next_meeting(room: RoomState, now: datetime) -> Meeting | None:
    """Return the meeting that is on, or comes next."""
    return next((one for one in room.agenda.meetings if one.end > now and not one.all_day), None)


def _stands_against(issue: Issue, room: RoomState, now: datetime) -> bool:
    if issue.id == _CALENDAR:
        # one reading that fails is no reason; a room that knows nothing of its meetings joins none
        read = room.agenda.fetched_at
        return read is None or now - read > STALE_AFTER
    return issue.severity is Severity.ERROR


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
