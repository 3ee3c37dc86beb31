"""`salon console --once`: the fleet as a plain table."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from appliance.state.clean import clean_text
from appliance.telemetry.protocol.address import BadBrokerUrl
from appliance.telemetry.protocol.payloads import Call
from fleet.ingest import BrokerUnreachable, ConsoleSettings, Ingest, Line, listening
from fleet.rooms import Fleet, Presence, Room

_QUIET_S = 0.5
_CALL_LIFE = timedelta(seconds=30)
_HEAD = ("ROOM", "NAME", "STATE", "PHASE", "LAST SEEN", "ISSUES")


async def console_once(settings: ConsoleSettings, *, write: Callable[[str], None], now: Callable[[], datetime]) -> int:
    """Write the table of all rooms and return the exit code: 0, or 1 when the broker cannot be used."""
    try:
        fleet = await survey(settings, now=now)
    except (BrokerUnreachable, BadBrokerUrl) as err:
        write(str(err))
        return 1
    for line in table(fleet.rooms.values(), now()):
        write(line)
    if not fleet.rooms:
        write(f"No room of {settings.org!r} has said anything to this broker yet.")
    return 0


async def survey(settings: ConsoleSettings, *, now: Callable[[], datetime]) -> Fleet:
    """Return what the broker has kept, and what the rooms that are online say when asked."""
    ingest = Ingest(now)
    async with listening(settings, ingest) as line:
        asked: set[str] = set()
        # whoever has not answered when the time is over is shown with what is known
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.listen_s):
                quiet = False
                while not quiet:
                    ingest.changed.clear()
                    _ask(line, ingest.fleet, asked, now())
                    quiet = await _quiet(ingest)
    return ingest.fleet


async def _quiet(ingest: Ingest) -> bool:
    """Wait for a message; True when none comes and every room that is online has told its health."""
    rooms = ingest.fleet.rooms.values()
    waiting = any(room.presence is Presence.ONLINE and not room.health for room in rooms)
    try:
        async with asyncio.timeout(None if waiting else _QUIET_S):
            await ingest.changed.wait()
    except TimeoutError:
        return True
    return False


def _ask(line: Line, fleet: Fleet, asked: set[str], now: datetime) -> None:
    """Have rooms say everything again: health is not retained, and no broker's memory is to be relied on."""
    for room in fleet.rooms.values():
        if room.presence is Presence.ONLINE and room.topics.room not in asked:
            asked.add(room.topics.room)
            expires = int((now + _CALL_LIFE).timestamp() * 1000)
            line.call(room.topics, Call(f"console-{secrets.token_hex(8)}", "rebirth", expires))


def table(rooms: Iterable[Room], now: datetime) -> list[str]:
    """Return aligned lines, sorted by room."""
    rows = [_HEAD, *(_row(room, now) for room in sorted(rooms, key=lambda room: room.topics.room))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(room: Room, now: datetime) -> tuple[str, ...]:
    phase = room.state.phase if room.state and room.presence is Presence.ONLINE else None
    if room.health and phase:
        phase = room.health.phase
    issues = "-" if room.health is None else str(len(room.health.issues))
    return (room.topics.room, clean_text(room.name, 40), room.presence, phase or "-", _ago(room.seen, now), issues)


def _ago(then: datetime | None, now: datetime) -> str:
    if then is None:
        return "-"
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago" if seconds > 1 else "now"
