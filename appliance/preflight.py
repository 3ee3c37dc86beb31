"""The room's own pre-flight: looks, before each meeting and now and then, at what nobody would notice before it starts.

Disk, clock, and whether the next meeting's server can be reached; and it has media try the devices once ahead of each
booking, while nobody is in a meeting. What devices, programs and the calendar do is told as it changes, and counts in
the verdict as well. What decides is pure; the probes below it send nothing of a meeting.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from appliance.clock import synchronised
from appliance.errors import SalonError
from appliance.state.preflight import Preflight, Trouble
from appliance.state.room import AutoJoin, Meeting, MeetingKey, Phase, RoomState

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
TROUBLED = timedelta(minutes=1)
"""While something serious is wrong, so that it is known soon when it is not any more."""
AHEAD = timedelta(minutes=10)
"""So long before each booking it runs, too."""
_COUNTDOWN = timedelta(minutes=1)
"""So late the countdown has the devices tried."""
_LOW_MB, _FULL_MB = 500, 50
_MADE = datetime(2026, 1, 1, tzinfo=UTC)
"""No right clock is before this program was made."""
_ANSWER_S = 5.0
_LOOK_AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a meeting's server listens."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the room could not get in at a server."""

    why: str
    untrusted: bool = False
    """It answers, and cannot show that it is who it should be."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probes found."""

    disk_free_mb: int | None = None
    synchronised: bool | None = None
    server: Server | None = None
    """The next meeting's, when there is one."""
    obstacle: Obstacle | None = None


def judge(probed: Probed, now: datetime) -> Preflight:
    """Return what stands against the next meeting."""
    found = (_disk(probed.disk_free_mb), _clock(probed.synchronised, now), _server(probed))
    return Preflight(now, tuple(trouble for trouble in found if trouble is not None))


def _disk(free_mb: int | None) -> Trouble | None:
    if free_mb is None or free_mb >= _LOW_MB:
        return None
    remedy = "Make room: old logs (journalctl --vacuum-size=200M) and packages (apt clean) go first."
    return Trouble("disk.low", free_mb < _FULL_MB, f"Only {free_mb} MB are free on the room's disk.", remedy)


def _clock(synchronised: bool | None, now: datetime) -> Trouble | None:
    remedy = "Meetings are joined by this clock: check the network, and that systemd-timesyncd or chrony runs."
    if now < _MADE:
        return Trouble("clock.wrong", True, f"The room's clock says {now:%Y-%m-%d}.", remedy)
    if synchronised is False:
        return Trouble("clock.unset", False, "No time server has set the room's clock since it started.", remedy)
    return None


def _server(probed: Probed) -> Trouble | None:
    if probed.server is None or probed.obstacle is None:
        return None
    host, why = probed.server.host, probed.obstacle.why
    if probed.obstacle.untrusted:
        text = f"The room does not trust the next meeting's server, {host}, and could not join it ({why})."
        remedy = (
            "Name the server's certificate, or its authority's, in meetings.ca_file of room.toml, or renew it there."
        )
        return Trouble("server.untrusted", True, text, remedy)
    text = f"The next meeting's server, {host}, cannot be reached ({why})."
    remedy = "Check the room's network, its firewall, and whether the server runs."
    return Trouble("server.unreachable", True, text, remedy)


def due(room: RoomState, last: datetime, now: datetime) -> datetime:
    """Return when to look next."""
    ahead = (one.start - AHEAD for one in room.agenda.meetings if not one.all_day and one.start - AHEAD > last)
    troubled = room.preflight is not None and any(trouble.serious for trouble in room.preflight.troubles)
    # a clock that was set back must not put it off
    soon = min(last, now) + (TROUBLED if troubled else EVERY)
    return min(soon, min(ahead, default=soon))


def coming(room: RoomState, now: datetime) -> Meeting | None:
    """Return the next meeting that the room may join."""
    joinable = (one for one in room.agenda.meetings if one.end > now and one.auto_join is not AutoJoin.NO)
    return next((one for one in joinable if one.start - now < _LOOK_AHEAD), None)


def to_try_for(room: RoomState, now: datetime) -> datetime | None:
    """Return the start of the booking ahead of which the devices may be tried now.

    A camera's lamp would be seen, so neither during a call nor during another booking, whose people may just talk.
    """
    booked = [one for one in room.agenda.meetings if not one.all_day]
    quiet = room.wanted is None and room.call.phase is Phase.IDLE and room.countdown is None
    if not quiet or room.senses.sound_check.running or any(one.start <= now < one.end for one in booked):
        return None
    starts = (one.start for one in booked if one.auto_join is not AutoJoin.NO)
    return next((start for start in starts if _COUNTDOWN < start - now <= AHEAD), None)


def server_of(link: str, livekit: Mapping[str, str]) -> Server | None:
    """Return where the room would connect to; `livekit` has servers whose links name another host."""
    try:
        parts = urlsplit(link)
        query = {name.lower(): values for name, values in parse_qs(parts.query, max_num_fields=50).items()}
        # a page that names its server is not where the room goes
        named = livekit.get(parts.netloc.rpartition("@")[2], link)
        parts = urlsplit(query.get("livekiturl", [named])[0])
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    tls = parts.scheme in {"https", "wss"}
    return Server(host, port or (443 if tls else 80), tls) if host else None


class PreflightCheck:
    """Runs the probes when they are due."""

    def __init__(
        self,
        *,
        states: Callable[[], AsyncIterator[RoomState]],
        links: Callable[[], Mapping[MeetingKey, str]],
        livekit: Mapping[str, str],
        disk: Path,
        on_preflight: Callable[[Preflight], None],
        try_devices: Callable[[datetime], None],
        trust: Callable[[], ssl.SSLContext],
        now: Callable[[], datetime],
    ) -> None:
        self._states = states
        self._links = links
        self._livekit = livekit
        self._disk = disk
        self._on_preflight = on_preflight
        self._try_devices = try_devices
        self._trust = trust
        self._tried_for: datetime | None = None
        self._now = now
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Look at the start, every quarter of an hour, and ahead of each booking."""
        states = self._states()
        self._room = await anext(states)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(states), name="preflight follow")
            tasks.create_task(self._keep_looking(), name="preflight")

    async def _follow(self, states: AsyncIterator[RoomState]) -> None:
        async for room in states:
            moved = room.agenda.meetings != self._room.agenda.meetings
            self._room = room
            if moved:
                self._news.set()

    async def _keep_looking(self) -> None:
        while True:
            self._news.clear()
            looked_at, meeting = self._now(), coming(self._room, self._now())
            self._on_preflight(judge(await self._probe(meeting), self._now()))
            self._try_in_time()
            while self._now() < due(self._room, looked_at, self._now()) and self._same(meeting):
                await self._wait(due(self._room, looked_at, self._now()))
                self._try_in_time()

    def _try_in_time(self) -> None:
        start = to_try_for(self._room, self._now())
        if start is not None and start != self._tried_for:
            logger.info("a meeting draws near; trying the devices")
            self._tried_for = start
            self._try_devices(start)

    def _same(self, meeting: Meeting | None) -> bool:
        """Whether the meeting that was looked at is still the next one."""
        newest = coming(self._room, self._now())
        return (newest and newest.key) == (meeting and meeting.key)

    async def _wait(self, until: datetime) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min((until - self._now()).total_seconds(), 60.0))):
                await self._news.wait()
        self._news.clear()

    async def _probe(self, meeting: Meeting | None) -> Probed:
        link = self._links().get(meeting.key, "") if meeting else ""
        server = server_of(link, self._livekit) if link else None
        obstacle = await reach(server, self._trust) if server else None
        return Probed(await asyncio.to_thread(_free_mb, self._disk), synchronised(), server, obstacle)


async def reach(server: Server, trust: Callable[[], ssl.SSLContext]) -> Obstacle | None:
    """Connect, shake hands and hang up; return why that did not work. `trust` tells whom the join will trust."""
    try:
        context = await asyncio.to_thread(trust) if server.tls else None
    except SalonError as err:
        return Obstacle(str(err), untrusted=True)
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(server.host, server.port, ssl=context)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    except TimeoutError:
        return Obstacle("it does not answer")
    except ssl.SSLCertVerificationError as err:
        return Obstacle(err.verify_message.rstrip("."), untrusted=True)
    except OSError as err:
        return Obstacle(_in_words(err))
    return None


def _in_words(err: OSError) -> str:
    if isinstance(err, ssl.SSLError):
        return "it does not speak TLS"
    if err.errno is not None and err.errno > 0:
        # asyncio's own words are about its calls
        return os.strerror(err.errno).lower()
    return (err.strerror or "it does not answer").lower()


def _free_mb(disk: Path) -> int | None:
    try:
        free = os.statvfs(disk)
    except OSError:
        return None
    return free.f_bavail * free.f_frsize // (1024 * 1024)
