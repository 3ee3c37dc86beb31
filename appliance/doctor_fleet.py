"""The doctor on the room in its fleet: could it hold its next meeting, whose is it, what waits for its console."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from appliance.findings import Finding, Level
from appliance.sections import Settings
from appliance.state.room import RoomState
from appliance.telemetry.issues import issues_of
from appliance.telemetry.readiness import ready_of
from provisioning.enrolled import Enrolment, NotEnrolled, enrolment

_ENDS_SOON = timedelta(days=30)
_MANY = 1000
"""Records that wait: more than a console that is there leaves for a moment."""
_NO_CONSOLE = "the room is enrolled at no console"
_RENEWS = "The room renews it by itself while it reaches its console: check the network, and that the console runs."


def examine_verdict(room: RoomState) -> Finding:
    """Say whether the room could hold its next meeting now, or what stands against it."""
    issues = issues_of(room)
    ready = ready_of(room, issues)
    if ready is None:
        return Finding(Level.NOTE, "the room has not yet looked whether it could hold its next meeting")
    if ready.ok:
        return Finding(Level.OK, "the room is ready for its next meeting")
    against = (f"{issue.text} {issue.remedy}".rstrip() for issue in issues if issue.id in ready.because)
    return Finding(Level.LACK, "the room could not hold its next meeting now", "\n".join(against))


def examine_fleet(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Say at which console the room is enrolled, and what it keeps for it."""
    try:
        found = enrolment(settings.state_dir)
    except NotEnrolled as err:
        yield Finding(Level.LACK, f"the room's console: {err}")
        return
    if found is None:
        remedy = "To bring the room into one: salon setup --console URL --code CODE"
        yield Finding(Level.NOTE, _NO_CONSOLE, remedy)
    else:
        yield Finding(Level.OK, f"the room is enrolled at {found.console} as {found.org}/{found.room}")
        yield _certificate(settings.state_dir, found, now)
    yield from _records(settings.state_dir / "spool.db", now)


def fleet_lines(settings: Settings, now: datetime) -> Iterator[str]:
    """Say the same in passing: nothing of a room that is in no fleet, nor to who may not look."""
    if os.access(settings.state_dir, os.R_OK | os.X_OK):
        yield from (found.what for found in examine_fleet(settings, now) if found.what != _NO_CONSOLE)


def _certificate(state_dir: Path, found: Enrolment, now: datetime) -> Finding:
    # only a room in a fleet has one
    from provisioning.enrolment import certificate_end  # noqa: PLC0415

    try:
        until = certificate_end(state_dir, found)
    except (OSError, ValueError) as err:
        return Finding(
            Level.LACK, f"the room's certificate cannot be read ({err})", "Enrol the room again: salon setup"
        )
    day = f"{until:%Y-%m-%d}"
    if until <= now:
        remedy = "Its console's broker lets it in no more. Enrol the room again, with a new code: salon setup"
        return Finding(Level.LACK, f"the room's certificate ended on {day}", remedy)
    soon = until - now < _ENDS_SOON
    return Finding(
        Level.LACK if soon else Level.OK, f"the room's certificate lasts until {day}", _RENEWS if soon else ""
    )


def _records(spool: Path, now: datetime) -> Iterator[Finding]:
    # a room without a fleet has no spool, and need not pay for the database
    from appliance.telemetry.spool_file import Waiting, waiting_in  # noqa: PLC0415

    waiting = waiting_in(spool)
    if waiting is None or waiting == Waiting(0, 0):
        return
    oldest = datetime.fromtimestamp(waiting.oldest / 1000, now.tzinfo)
    records = "1 record waits" if waiting.records == 1 else f"{waiting.records} records wait"
    what = f"{records} for the console, the oldest of {oldest:%Y-%m-%d %H:%M}"
    remedy = "They are sent when the console answers; without one nobody takes them, and the oldest measurements go."
    many = waiting.records > _MANY
    yield Finding(Level.NOTE if many else Level.OK, what, remedy if many else "")
