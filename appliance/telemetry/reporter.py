"""Decides what the room publishes when: everything at a birth, then what changed, and health at each heartbeat."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from appliance.state.room import RoomState
from appliance.state.wishes import StreamStats
from appliance.telemetry.calls import REMOTE_COMMANDS
from appliance.telemetry.issues import issues_of
from appliance.telemetry.moments import mono_ms
from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import (
    CALL_ACK,
    Body,
    CallAck,
    ClockSync,
    Ending,
    Event,
    Gauges,
    Health,
    Info,
    Issue,
    Reported,
    Stamp,
    State,
)
from appliance.telemetry.protocol.topics import VERSION, Topics
from appliance.telemetry.readiness import ready_of
from appliance.telemetry.report import Machine, ended, health_of, info_of, state_of


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way to the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    worth_s: int | None = None
    """With MQTT 5 a broker drops it when nobody has taken it by then."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What is measured beside the room's state, at the moment of publishing."""

    gauges: Gauges = Gauges()
    addresses: tuple[str, ...] = ()
    sync: ClockSync = ClockSync.UNKNOWN
    streams: tuple[StreamStats, ...] = ()
    spooled: int = 0
    """Records that wait for the console's answer."""
    spool_age_s: int | None = None
    """How long the oldest of them has."""


class Reporter:
    """Turns room states into messages and numbers them."""

    def __init__(
        self,
        topics: Topics,
        *,
        boot: str,
        machine: Machine,
        now: Callable[[], datetime],
        numbers: Iterator[int],
        every_s: Callable[[RoomState], float] = lambda _: 30,
    ) -> None:
        self._topics = topics
        self._boot = boot
        self._machine = machine
        self._now = now
        self._numbers = numbers
        self._every_s = every_s
        self._sync = ClockSync.UNKNOWN
        self._issues: tuple[Issue, ...] = ()
        self._said: tuple[State, Info, Health] | None = None
        self._said_reported: Reported | None = None

    def will(self, bd: int) -> Outgoing:
        """Return what the broker says should the room be lost; also withdraws what was said before."""
        self.again()
        return self._message(self._topics.state, ended(bd, Ending.LOST), retain=True)

    def goodbye(self, bd: int) -> Outgoing:
        return self._message(self._topics.state, ended(bd, Ending.STOPPED), retain=True)

    def ack(self, ack: CallAck) -> Outgoing:
        return self._message(self._topics.event, Event(CALL_ACK, data=ack))

    def again(self) -> None:
        """Say everything at the next report."""
        self._said, self._said_reported = None, None

    def reported(self, newest: Reported) -> Outgoing | None:
        """Return the configuration in force, if it differs from what was last said."""
        if newest == self._said_reported:
            return None
        self._said_reported = newest
        return self._message(self._topics.reported, newest, retain=True)

    def changed(self, room: RoomState, *, bd: int, calls_refused: int) -> bool:
        """Whether a report has news; gauges and stream counters alone are none."""
        if self._said is None:
            return True
        state, info, health = self._said
        newest = self._bodies(room, Readings(addresses=info.addresses), bd=bd, calls_refused=calls_refused)
        return _lasting(newest) != _lasting((state, info, health))

    def report(self, room: RoomState, readings: Readings, *, bd: int, calls_refused: int = 0) -> tuple[Outgoing, ...]:
        """Return what to publish now: health always, state and info when they differ from what was last said."""
        self._sync = readings.sync
        newest = self._bodies(room, readings, bd=bd, calls_refused=calls_refused)
        self._issues = newest[2].issues
        state, info, _ = self._said or (None, None, None)
        self._said = newest
        return tuple(self._news(newest, state, info))

    def _news(self, newest: tuple[State, Info, Health], state: State | None, info: Info | None) -> Iterable[Outgoing]:
        if newest[0] != state:
            yield self._message(self._topics.state, newest[0], retain=True)
        if newest[1] != info:
            yield self._message(self._topics.info, newest[1], retain=True)
        yield replace(self._message(self._topics.health, newest[2]), worth_s=2 * newest[2].every_s)

    def _bodies(
        self, room: RoomState, readings: Readings, *, bd: int, calls_refused: int
    ) -> tuple[State, Info, Health]:
        issues = issues_of(room, self._issues)
        return (
            state_of(room, bd=bd, machine=self._machine, ip=next(iter(readings.addresses), None)),
            info_of(room, machine=self._machine, commands=REMOTE_COMMANDS, addresses=readings.addresses),
            replace(
                health_of(room, readings.gauges, issues, streams=readings.streams, calls_refused=calls_refused),
                ready=ready_of(room, issues),
                every_s=math.ceil(self._every_s(room)),
                spooled=readings.spooled,
                spool_age_s=readings.spool_age_s,
            ),
        )

    def stamp(self) -> Stamp:
        """Return what the next message begins with."""
        ts = int(self._now().timestamp() * 1000)
        return Stamp(VERSION, self._boot, next(self._numbers), ts, mono_ms(), self._sync)

    def _message(self, topic: str, body: Body, *, retain: bool = False) -> Outgoing:
        return Outgoing(topic, encode(self.stamp(), body), retain)


def _lasting(said: tuple[State, Info, Health]) -> tuple[State, Info, Health]:
    """Leave out what differs each time, and is no news by itself."""
    state, info, health = said
    ready = None if health.ready is None else replace(health.ready, at=0)
    return state, info, replace(health, gauges=Gauges(), streams=(), spooled=0, spool_age_s=None, ready=ready)
