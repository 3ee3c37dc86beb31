"""The room's voice on MQTT: stays connected, says how the room is, and takes calls from far away."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance.state.commands import Ack, Command, Origin
from appliance.state.room import Phase, RoomState, ServiceHealth
from appliance.state.wishes import StreamStats
from appliance.telemetry.calls import CallDesk, Journal
from appliance.telemetry.connection import Access, BrokerAway, Connection, Incoming, NotInFive
from appliance.telemetry.courier import Courier
from appliance.telemetry.gauges import GaugeReader, clock_sync, machine, own_addresses
from appliance.telemetry.order_desk import OrderDesk, Orders
from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.codec import BadPayload, decode
from appliance.telemetry.protocol.payloads import State
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.reporter import Readings, Reporter
from appliance.telemetry.rivals import IDENTITY, Rivals
from appliance.telemetry.store import Stored, TelemetryFile

logger = logging.getLogger(__name__)

SERVICE = "mqtt"
_RIVAL = (
    "Another machine says it is this room ({room}), and each throws the other out. It was made from a copy of this"
    " one's disk: stop it there, remove room-id from its state folder, and start it again."
)
_CALLS_WAITING = 32
_STABLE_S = 10
_GOODBYE_S = 1


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and how to get in."""

    url: str = "mqtt://127.0.0.1:1883"
    """mqtt:// or, with TLS, mqtts://."""
    org: str = "home"
    """The first part of all topics: a-z, 0-9 and -."""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    """Certificates to trust instead of the system's, PEM."""
    health_s: float = 30
    """Seconds between two health reports in a meeting, when nothing changes."""
    idle_s: float = 300
    """The same between meetings."""
    timezone: str = ""
    """The room's, for the inventory."""
    certificate_file: str = ""
    """The room's own certificate and key; empty for none."""
    keys: tuple[bytes, ...] = ()
    """Of the console whose orders count, pinned at enrolment."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the agent speaks and tries again."""

    gap_s: float = 0.5
    """At most one report in this time."""
    first_retry_s: float = 1.0
    longest_retry_s: float = 120.0
    will_delay_s: int = 15
    jitter: Callable[[], float] = random.random
    """0 to 1: so that a building full of rooms does not come back at once."""

    def retry_s(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row; after a long outage, any time up to the longest."""
        longest = self.first_retry_s * 2.0 ** min(failures - 1, 16)
        if longest >= self.longest_retry_s:
            return max(self.first_retry_s, self.longest_retry_s * self.jitter())
        return longest * (0.5 + self.jitter() / 2)


class MqttAgent:
    """Runs for as long as the daemon does; the broker may come and go."""

    def __init__(  # noqa: PLR0913 - what it knows of the room comes in piece by piece
        self,
        settings: MqttSettings,
        *,
        state_dir: Path,
        states: Callable[[], AsyncIterator[RoomState]],
        dispatch: Callable[[Command, Origin], Awaitable[Ack]],
        on_health: Callable[[ServiceHealth], None],
        now: Callable[[], datetime],
        streams: Callable[[], tuple[StreamStats, ...]] = tuple,
        courier: Courier | None = None,
        orders: Orders | None = None,
        pace: Pace = Pace(),
    ) -> None:
        self._settings = settings
        self._address = broker_address(settings.url)
        self._states = states
        self._on_health = on_health
        self._now = now
        self._streams = streams
        self._courier = courier
        self._orders = orders
        self._pace = pace
        self._gauges = GaugeReader(state_dir)
        self._file = TelemetryFile(state_dir / "mqtt.json")
        self._bd = 0
        """The newest session begun."""
        self._desk = CallDesk(dispatch=dispatch, rebirth=self._be_reborn, now=now, keep=self._keep)
        # a run after a failed one goes on counting: numbers rise for as long as the boot lasts
        self._numbers = itertools.count(1)
        self._calls: asyncio.Queue[Incoming] = asyncio.Queue(_CALLS_WAITING)
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._line: Connection | None = None
        self._five = True
        """The broker speaks MQTT 5, as far as we know."""
        self._refused: dict[str, str] = {}
        """Why the broker does not take what we say, by topic."""
        self._rivals = Rivals()
        self._told: str | None = None

    async def run(self) -> None:
        """Speak for the room until cancelled, then say goodbye."""
        self._told = None
        await asyncio.to_thread(self._remember)
        states = self._states()
        self._room = await anext(states)
        self._topics = Topics(self._settings.org, self._room.id)
        self._order_desk = OrderDesk(
            topics=self._topics,
            host=self._address.host,
            calls=self._desk,
            orders=self._orders,
            keys=self._settings.keys,
            now=self._now,
            tell=self._on_health,
        )
        hardware = await asyncio.to_thread(machine, timezone=self._settings.timezone)
        self._reporter = Reporter(
            self._topics,
            boot=self._room.boot,
            machine=hardware,
            now=self._now,
            numbers=self._numbers,
            every_s=self._every_s,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(states), name="mqtt-follow")
            tasks.create_task(self._answer(), name="mqtt-answer")
            tasks.create_task(self._stay_connected(), name="mqtt-connect")

    async def _follow(self, states: AsyncIterator[RoomState]) -> None:
        async for room in states:
            self._room = room
            if self._reporter.changed(room, bd=self._bd, calls_refused=self._desk.refused):
                self._news.set()

    async def _answer(self) -> None:
        while True:
            message = await self._calls.get()
            refused = self._desk.refused
            ack = await self._order_desk.take(message)
            if ack and self._line:
                self._line.send(self._reporter.ack(ack))
            if self._desk.refused > refused or message.topic != self._topics.call:
                self._news.set()

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            self._tell(await self._session())
            failures = 1 if time.monotonic() - began > _STABLE_S else failures + 1
            await asyncio.sleep(self._pace.retry_s(failures))

    async def _session(self) -> str:
        """Connect once and speak until it is over; return why it is."""
        bd = self._bd + 1
        if self._courier is not None:
            self._courier.connecting()
        will = self._reporter.will(bd)
        orders = (self._topics.desired, self._topics.jobs) if self._orders else ()
        topics = (self._topics.call, *orders, self._topics.state, self._topics.ack)
        connection = Connection(self._access(), will=will, subscribe=topics, hear=self._hear, on_taken=self._taken)
        try:
            async with connection as line:
                await self._speak(line)
                return line.why_over()
        except NotInFive:
            self._five = False
            why = await self._session()
            # it may have failed for another reason
            self._five = self._bd < bd
            return why
        except BrokerAway as err:
            return str(err)
        finally:
            self._meet_rival(there=connection.taken_over)

    async def _speak(self, line: Connection) -> None:
        self._bd += 1
        await self._keep(self._desk.journal)
        line.over.add_done_callback(lambda _: self._news.set())
        self._line = line
        self._refused.clear()
        self._tell("")
        records: asyncio.Task[None] | None = None
        asking = asyncio.create_task(self._ask_for_refused(line), name="mqtt-ask")
        try:
            while not line.over.done():
                await self._report(line)
                # how the room is comes before how it was
                records = records or self._begin_records(line)
                await self._pause(line)
        finally:
            self._line = None
            await _end(asking)
            await _end(records)
            if not line.over.done():
                await self._say_goodbye(line)

    async def _ask_for_refused(self, line: Connection) -> None:
        """Keep asking to hear what the broker refuses; without acknowledgements nothing is ever done."""
        tries = 0
        while line.refused:
            tries += 1
            await asyncio.sleep(self._pace.retry_s(tries))
            line.ask_again()

    def _begin_records(self, line: Connection) -> asyncio.Task[None] | None:
        if self._courier is None:
            return None
        run = self._courier.run(line.send, self._topics, self._reporter.stamp)
        return asyncio.create_task(run, name="mqtt-records")

    async def _report(self, line: Connection) -> None:
        self._news.clear()
        self._meet_rival(there=False)
        readings = replace(await asyncio.to_thread(self._measure), streams=self._streams())
        if self._courier is not None:
            age_s = await self._courier.age_s()
            readings = replace(readings, spooled=self._courier.waiting, spool_age_s=age_s)
        for message in self._reporter.report(self._room, readings, bd=self._bd, calls_refused=self._desk.refused):
            line.send(message)
        if self._orders and (reported := self._reporter.reported(self._orders.reported())):
            line.send(reported)

    async def _pause(self, line: Connection) -> None:
        """Wait for news or the next heartbeat, but never less than the gap."""
        await asyncio.wait({line.over}, timeout=self._pace.gap_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._every_s(self._room) - self._pace.gap_s)):
                await self._news.wait()

    def _every_s(self, room: RoomState) -> float:
        return self._settings.idle_s if room.call.phase is Phase.IDLE else self._settings.health_s

    async def _say_goodbye(self, line: Connection) -> None:
        """Say that the room stopped, and wait until the broker not only has it but says it too.

        amqtt forgets what it has acknowledged but not yet spread when a client hangs up.
        """
        self._gone.clear()
        line.send(self._reporter.goodbye(self._bd))
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await line.acked()
                if self._topics.state in line.listening:
                    await self._gone.wait()

    def _hear(self, message: Incoming) -> None:
        if message.topic in {self._topics.call, self._topics.desired, self._topics.jobs}:
            try:
                self._calls.put_nowait(message)
            except asyncio.QueueFull:
                self._desk.refuse_flood()
        elif message.topic == self._topics.ack and self._courier is not None:
            self._courier.hear_ack(message.payload)
        elif message.topic == self._topics.state:
            self._hear_own_state(message)

    def _hear_own_state(self, message: Incoming) -> None:
        """Contradict a late last will of an older session, which the broker would retain for ever."""
        try:
            stamp, state = decode(State, message.payload)
        except BadPayload:
            return
        if state.online:
            # once it may be the room before its restart, retained
            self._meet_rival(there=stamp.boot != self._room.boot)
            return
        if message.retained:
            return
        if self._line is None:
            self._gone.set()
        else:
            self._say_all()

    def _taken(self, topic: str, why_not: str) -> None:
        """Take in whether the broker lets us say this; only MQTT 5 tells."""
        if self._refused.get(topic, "") == why_not:
            return
        self._refused[topic] = why_not
        self._tell(self._refusal())

    def _refusal(self) -> str:
        words = [f"{topic.partition('/up/')[2]} ({why})" for topic, why in self._refused.items() if why]
        if not words:
            return ""
        return (
            f"The MQTT broker at {self._address} does not take what this room says: {', '.join(words)}. "
            f"Let it write to {self._topics.state.removesuffix('state')}#."
        )

    def _meet_rival(self, *, there: bool) -> None:
        now = time.monotonic()
        if there:
            self._rivals.met(now)
        told = self._rivals.told
        if self._rivals.changed(now):
            detail = "" if told else _RIVAL.format(room=self._topics.room)
            logger.log(
                logging.INFO if told else logging.WARNING, "%s", detail or "No other room has this one's id now."
            )
            self._on_health(ServiceHealth(IDENTITY, ok=told, detail=detail))

    def _be_reborn(self) -> None:
        self._say_all()
        if self._courier is not None:
            self._courier.again()

    def _say_all(self) -> None:
        self._reporter.again()
        self._news.set()

    def _tell(self, problem: str) -> None:
        if problem == self._told:
            return
        self._told = problem
        detail = problem or f"Connected to the MQTT broker at {self._address}."
        logger.log(logging.WARNING if problem else logging.INFO, "%s", detail)
        self._on_health(ServiceHealth(SERVICE, ok=not problem, detail=detail, since=self._now()))

    def _access(self) -> Access:
        settings = self._settings
        client_id = f"salon-{self._topics.org}-{self._topics.room}"
        return Access(
            self._address,
            client_id,
            settings.username,
            settings.password_file,
            settings.ca_file,
            settings.certificate_file,
            self._five,
            self._pace.will_delay_s,
        )

    def _measure(self) -> Readings:
        return Readings(self._gauges.read(), own_addresses(), clock_sync())

    def _remember(self) -> None:
        stored = self._file.load()
        # without a memory the clock gives a number above all earlier ones
        self._bd = stored.bd or int(self._now().timestamp())
        self._desk.journal.entries = {entry.ack.id: entry for entry in stored.calls}

    async def _keep(self, journal: Journal) -> None:
        stored = Stored(self._bd, tuple(journal.entries.values()))
        await asyncio.to_thread(self._file.save, stored)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
