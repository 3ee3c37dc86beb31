"""What happened, told from how the room was and how it is: pure."""

from collections.abc import Iterable, Iterator

from appliance.state.room import Call, Phase, RoomState
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync, Issue, Severity
from appliance.telemetry.protocol.records import Happening

_STEP_MS = 2000
"""The wall clock may differ by so much from what the machine counts before it counts as set."""
_REACHED = {
    Phase.JOINING: "call.joining",
    Phase.LOBBY: "call.lobby",
    Phase.LIVE: "call.live",
    Phase.RECONNECTING: "call.reconnecting",
    Phase.LEAVING: "call.leaving",
}
_OUTSIDE = {Phase.JOINING, Phase.LOBBY}


def issues_changed(before: Iterable[Issue], after: Iterable[Issue]) -> Iterator[Happening]:
    """Yield which issues began, got worse or better, and ended."""
    old, new = ({issue.id: issue for issue in issues} for issues in (before, after))
    for name, issue in new.items():
        if name not in old or old[name].severity is not issue.severity:
            yield Happening("issue.began", issue.severity, name, issue.text)
    for name, issue in old.items():
        if name not in new:
            yield Happening("issue.ended", Severity.INFO, name, issue.text)


def changed(before: RoomState, after: RoomState) -> Iterator[Happening]:
    """Yield what happened to the call and in the room; nobody's name and no reason that a server gave."""
    yield from _call_changed(before.call, after.call)
    if before.occupied is not None and after.occupied is not None and before.occupied != after.occupied:
        yield Happening("room.occupied" if after.occupied else "room.empty")


def _call_changed(before: Call, after: Call) -> Iterator[Happening]:
    if before.key != after.key and before.phase is not Phase.IDLE and after.phase is not Phase.IDLE:
        yield _over(before)
    elif before.phase is after.phase:
        return
    if after.phase is Phase.IDLE:
        yield _over(before)
    else:
        severity = Severity.WARNING if after.phase is Phase.RECONNECTING else Severity.INFO
        yield Happening(_REACHED[after.phase], severity)


def _over(call: Call) -> Happening:
    if call.phase in _OUTSIDE:
        return Happening("call.failed", Severity.WARNING, text="The room did not get into its meeting.")
    return Happening("call.left")


def clock_set(before: Moment, after: Moment) -> Happening | None:
    """Tell of a wall clock that was set, or that nobody sets any more."""
    by_ms = (after.ts - before.ts) - (after.mono - before.mono)
    if abs(by_ms) > _STEP_MS:
        return Happening("clock.stepped", text=f"The clock was set by {by_ms / 1000:+.0f} s.")
    if before.sync is not ClockSync.YES and after.sync is ClockSync.YES:
        return Happening("clock.synchronised")
    return None
