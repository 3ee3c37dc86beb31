"""What a room's status is, for one dot in a list of thousands. Pure: ingest, control and pages ask the same rule."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.telemetry.protocol.payloads import CallPhase, Health, Issue, Severity

SKEW_MS = 30_000
"""A clock that is further off is worth a warning: meetings begin at the wrong time."""
_PATIENCE = 2.5
"""A room is silent when a report is so many times its own interval late."""
_EVERY_S = (10, 3600)
_GRACE_MS = 750_000
"""A console that has just come back calls no room silent for so long: the longest usual interval, with patience."""


class Presence(StrEnum):
    """Whether a room is there."""

    ONLINE = "online"
    OFFLINE = "offline"
    """It said goodbye."""
    LOST = "lost"
    """It vanished: power, network or crash."""
    SILENT = "silent"
    """Its connection stands, and its reports do not come."""
    UNKNOWN = "unknown"


class Status(StrEnum):
    """The worst that is true of a room now; the order is the order of urgency."""

    OFFLINE = "offline"
    BROKEN = "broken"
    """It could not hold its next meeting."""
    MEETING = "meeting"
    WARNING = "warning"
    READY = "ready"
    NEW = "new"
    """Enrolled or announced, never heard."""


IN_MEETING = frozenset({CallPhase.JOINING, CallPhase.LOBBY, CallPhase.LIVE, CallPhase.RECONNECTING})
_GONE = frozenset({Presence.OFFLINE, Presence.LOST, Presence.SILENT})
_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.UNKNOWN: 2, Severity.INFO: 3}


@dataclass(frozen=True, slots=True)
class Summary:
    """A room in one line."""

    status: Status
    phase: CallPhase
    issue_count: int
    worst: str
    """The text of the worst issue; empty without one."""


def summary_of(presence: Presence, health: Health | None, *, skew_ms: int | None, trouble: str = "") -> Summary:
    """Return the line for a room; `trouble` is what the console itself has found wrong with it."""
    phase = health.phase if health else CallPhase.UNKNOWN
    issues = health.issues if health else ()
    found = worst_of(issues)
    ours = trouble or _skewed(skew_ms)
    worst = found if found and (found.severity is Severity.ERROR or not ours) else None
    return Summary(_status(presence, health, warned=bool(ours)), phase, len(issues), worst.text if worst else ours)


def _status(presence: Presence, health: Health | None, *, warned: bool) -> Status:
    if presence in _GONE:
        return Status.OFFLINE
    if health is None:
        return Status.NEW
    broken = health.ready is not None and not health.ready.ok
    if broken or any(issue.severity is Severity.ERROR for issue in health.issues):
        return Status.BROKEN
    if health.phase in IN_MEETING:
        return Status.MEETING
    warned = warned or any(issue.severity is not Severity.INFO for issue in health.issues)
    return Status.WARNING if warned else Status.READY


def worst_of(issues: tuple[Issue, ...]) -> Issue | None:
    """Return the issue to show when there is room for one."""
    return min(issues, key=lambda issue: _RANKS[issue.severity], default=None)


def _skewed(skew_ms: int | None) -> str:
    if skew_ms is None or abs(skew_ms) <= SKEW_MS:
        return ""
    way = "behind" if skew_ms > 0 else "ahead"
    return f"Its clock is {abs(skew_ms) // 1000} s {way}; check the room's time service."


def due_at(heard_at: int, every_s: int) -> int:
    """Return by when the next report must have come; milliseconds since 1970."""
    least, most = _EVERY_S
    return heard_at + int(min(most, max(least, every_s)) * _PATIENCE * 1000)


def is_silent(presence: Presence, due: int, now: int, *, hearing_since: int | None) -> bool:
    """Whether a room that counts as online has gone silent.

    `hearing_since` is since when the console has heard the broker without a break; None while it does not. A console
    that was away first gives every room the time to report again.
    """
    if presence is not Presence.ONLINE or hearing_since is None:
        return False
    return now > max(due, hearing_since + _GRACE_MS)
