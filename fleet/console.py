"""`salon console --once`: the fleet as a plain table."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.state.clean import clean_text
from appliance.telemetry.protocol.address import BadBrokerUrl, broker_address
from appliance.telemetry.protocol.codec import encode_call
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.topics import every_room
from fleet.line import Access, BrokerUnreachable, Line
from fleet.rooms import Fleet, Presence, Room

_QUIET_S = 0.5
_CALL_LIFE = timedelta(seconds=30)
_HEAD = ("ROOM", "NAME", "STATE", "PHASE", "LAST SEEN", "ISSUES")


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Which broker to listen to, and how to get in."""

    url: str = "mqtt://127.0.0.1:1883"
    org: str = "home"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    listen_s: float = 3.0
    """How long to wait for rooms to answer."""


class _Picture:
    """The fleet as it is told; `changed` is set at each message."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.fleet = Fleet()
        self.changed = asyncio.Event()
        self._now = now

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self.fleet.hear(topic, payload, retained=retained, now=self._now())
        self.changed.set()


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
    picture, loop = _Picture(now), asyncio.get_running_loop()

    def hear(topic: str, payload: bytes, retained: bool) -> None:
        loop.call_soon_threadsafe(picture.hear, topic, payload, retained)

    async with Line(_access(settings), subscribe=[every_room(settings.org)], hear=hear) as line:
        asked: set[str] = set()
        # whoever has not answered when the time is over is shown with what is known
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.listen_s):
                quiet = False
                while not quiet:
                    picture.changed.clear()
                    _ask(line, picture.fleet, asked, now())
                    quiet = await _quiet(picture)
    return picture.fleet


def _access(settings: ConsoleSettings) -> Access:
    return Access(
        broker_address(settings.url),
        username=settings.username,
        password_file=settings.password_file,
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
    )


async def _quiet(picture: _Picture) -> bool:
    """Wait for a message; True when none comes and every room that is online has told its health."""
    rooms = picture.fleet.rooms.values()
    waiting = any(room.presence is Presence.ONLINE and not room.health for room in rooms)
    try:
        async with asyncio.timeout(None if waiting else _QUIET_S):
            await picture.changed.wait()
    except TimeoutError:
        return True
    return False


def _ask(line: Line, fleet: Fleet, asked: set[str], now: datetime) -> None:
    """Have rooms say everything again: health is not retained, and no broker's memory is to be relied on."""
    for room in fleet.rooms.values():
        if room.presence is Presence.ONLINE and room.topics.room not in asked:
            asked.add(room.topics.room)
            expires = int((now + _CALL_LIFE).timestamp() * 1000)
            call = Call(f"console-{secrets.token_hex(8)}", "rebirth", expires)
            line.publish(room.topics.call, encode_call(call))


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
