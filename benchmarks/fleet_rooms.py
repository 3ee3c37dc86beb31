"""Ten thousand rooms in one process: each a TCP connection of its own with a will and a subscription, MQTT 3.1.1.

They say what a real room says, with the room's own encoders, at the adaptive rhythm: one in eight is in a meeting and
reports each 30 s, the others each 300 s, and all send what they noted in between. The packets are written by hand,
because a client library for each would cost more than everything that is measured.
"""

import asyncio
import heapq
import random
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import (
    CallPhase,
    ClockSync,
    DeviceHealth,
    DeviceInfo,
    Gauges,
    Health,
    Info,
    Ready,
    ScreenInfo,
    Stamp,
    State,
    StreamSum,
)
from appliance.telemetry.protocol.records import (
    BatchHead,
    Kind,
    Sample,
    decode_ack,
    encode_batch,
    encode_content,
)
from appliance.telemetry.protocol.topics import Topics

IN_MEETING = 8
"""One room of so many is."""
MEETING_S, IDLE_S = 30, 300
"""Between two reports."""
MEETING_BATCH_S, IDLE_BATCH_S = 300, 600
"""Between two batches of samples."""
CHANGES = 0.1
"""The share of reports that bring a change everybody sees."""
_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE, _PING = 0x10, 0x32, 0x40, 0x82, 0xC0
_KEEPALIVE_S = 120
_DEVICES = ("camera", "microphone", "speaker")


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _packet(kind: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | (0x80 if size else 0))
        if not size:
            return bytes((kind, *length)) + body


@dataclass(slots=True)
class Tally:
    """What all rooms said and were answered."""

    connected: int = 0
    lost: int = 0
    """Connections that ended."""
    health: int = 0
    batches: int = 0
    records: int = 0
    acked: int = 0
    """Records the console says it has."""
    puback: int = 0


@dataclass(slots=True)
class Speech:
    """What a room says; the same words for all, since only their number costs."""

    meeting: bool
    health: Health
    sample: bytes
    info: Info


def speech(*, meeting: bool) -> Speech:
    """Return what a room says, in a meeting or idle."""
    phase = CallPhase.LIVE if meeting else CallPhase.IDLE
    streams = tuple(
        StreamSum(kind, way, 2, 900.0, 0, 0, fps=29.5, loss=0.001, jitter_ms=3.0, rtt_ms=20.0)
        for kind in ("audio", "video")
        for way in ("in", "out")
    )
    health = Health(
        phase,
        participants=3 if meeting else 0,
        gauges=Gauges(0.12, 0.4, 3790, 2914, 51.2, 21840, 86400),
        devices=tuple(DeviceHealth(kind, meeting, True, f"{kind}-1", True, True, True) for kind in _DEVICES),
        streams=streams if meeting else (),
        ready=Ready(True, 1_795_338_000_000),
        every_s=MEETING_S if meeting else IDLE_S,
    )
    sample = Sample(
        health.every_s, phase, health.participants, ready=True, cpu=0.12, mem_available_mb=2914, temp_c=51.2, loss=0.001
    )
    info = Info(
        "",
        "0.1.0",
        "Raspberry Pi 5 Model B Rev 1.0",
        "Debian GNU/Linux 13 (trixie)",
        tuple(DeviceInfo(kind, f"Brand {kind}", "v4l2") for kind in _DEVICES),
        ScreenInfo("sdl", 1920, 1080),
    )
    return Speech(meeting, health, encode_content(sample), info)


class _Room(asyncio.Protocol):
    """One connection."""

    def __init__(self, topics: Topics, name: str, speech: Speech, tally: Tally) -> None:
        self.topics, self.speech = topics, speech
        self._name, self._tally = name, tally
        self._boot = f"{random.getrandbits(64):016x}"
        self._seq, self._packets = count(1), count(1)
        self._n = 0
        self._away = False
        self._buffer = bytearray()
        self.up = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        will = encode(self._stamp(), State(False, 1))
        flags = 0b00101110
        head = _text(b"MQTT") + bytes((4, flags)) + struct.pack(">H", _KEEPALIVE_S)
        who = _text(f"sim-{self.topics.room}".encode())
        transport.write(_packet(_CONNECT, head + who + _text(self.topics.state.encode()) + _text(will)))
        down = f"rooms/v1/{self.topics.org}/{self.topics.room}/down/#"
        transport.write(_packet(_SUBSCRIBE, struct.pack(">H", next(self._packets)) + _text(down.encode()) + b"\1"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost += 1
        if not self.up.done():
            self.up.set_exception(exc or ConnectionError("the broker hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for kind, body in self._whole():
            self._take(kind, body)

    def _whole(self) -> Iterator[tuple[int, bytes]]:
        buffer = self._buffer
        while len(buffer) >= 2:
            size, shift, place = 0, 0, 1
            while place < len(buffer):
                size |= (buffer[place] & 0x7F) << shift
                shift, place = shift + 7, place + 1
                if not buffer[place - 1] & 0x80:
                    break
            else:
                return
            if len(buffer) < place + size:
                return
            yield buffer[0], bytes(buffer[place : place + size])
            del buffer[: place + size]

    def _take(self, kind: int, body: bytes) -> None:
        match kind & 0xF0:
            case 0x90:
                self._tally.connected += 1
                self.up.set_result(None)
            case 0x40:
                self._tally.puback += 1
            case 0x30:
                size = struct.unpack_from(">H", body)[0]
                topic, rest = body[2 : 2 + size], body[2 + size :]
                if kind & 0b110:
                    self._transport.write(_packet(_PUBACK, rest[:2]))
                    rest = rest[2:]
                if topic.endswith(b"/ack"):
                    ack = decode_ack(rest)
                    self._tally.acked += ack.last - ack.first + 1

    def _stamp(self) -> Stamp:
        now = int(time.time() * 1000)
        return Stamp(1, self._boot, next(self._seq), now, int(time.monotonic() * 1000), ClockSync.YES)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        head = _text(topic.encode()) + struct.pack(">H", next(self._packets) % 65535 + 1)
        self._transport.write(_packet(_PUBLISH | retain, head + payload))

    def introduce(self) -> None:
        """Say the documents."""
        info = self.speech.info
        named = Info(self._name, info.sw, info.model, info.os, info.devices, info.screen)
        self._publish(self.topics.state, encode(self._stamp(), State(True, 1, "0.1.0")), retain=True)
        self._publish(self.topics.info, encode(self._stamp(), named), retain=True)
        self.report()

    def report(self) -> None:
        """Say the health; now and then a meeting has begun or ended, which those who look at the pages see."""
        if random.random() < CHANGES:
            self._away = not self._away
        other = CallPhase.IDLE if self.speech.meeting else CallPhase.LIVE
        phase = other if self._away else self.speech.health.phase
        self._publish(self.topics.health, encode(self._stamp(), replace(self.speech.health, phase=phase)))
        self._tally.health += 1

    def batch(self, records: int) -> None:
        """Send so many samples."""
        first, now = self._n + 1, int(time.time() * 1000)
        self._n += records
        step = self.speech.health.every_s * 1000
        rows = tuple(
            (n, now - (self._n - n) * step, 0, "yes", Kind.SAMPLE, self.speech.sample)
            for n in range(first, self._n + 1)
        )
        head = BatchHead(self._boot, 1_790_000_000, first, self._n)
        self._publish(self.topics.batch, encode_batch(self._stamp(), head, rows))
        self._tally.batches += 1
        self._tally.records += records

    def ping(self) -> None:
        """Keep the connection."""
        self._transport.write(bytes((_PING, 0)))

    def close(self) -> None:
        """Hang up, without a goodbye."""
        self._transport.abort()


@dataclass(slots=True)
class SimulatedFleet:
    """Many rooms of one organisation at one broker."""

    org: str
    port: int
    rooms: int
    tally: Tally = field(default_factory=Tally)
    _rooms: list[_Room] = field(default_factory=list)

    async def connect(self, *, at_once: int = 100) -> None:
        """Connect all and have them introduce themselves; so many shake hands at once."""
        speeches = speech(meeting=True), speech(meeting=False)
        loop = asyncio.get_running_loop()
        for start in range(0, self.rooms, at_once):
            group = [self._room(number, speeches) for number in range(start, min(self.rooms, start + at_once))]
            await asyncio.gather(
                *(loop.create_connection(lambda room=room: room, "127.0.0.1", self.port) for room in group)  # type: ignore[misc]
            )
            await asyncio.gather(*(room.up for room in group))
            for room in group:
                room.introduce()
            self._rooms += group

    def _room(self, number: int, speeches: tuple[Speech, Speech]) -> _Room:
        topics = Topics(self.org, f"{number:08x}-0000-4000-8000-000000000000")
        return _Room(topics, f"Room {number}", speeches[number % IN_MEETING != 0], self.tally)

    async def speak(self, seconds: float) -> None:
        """Report at the adaptive rhythm for so long, as if it had always been so."""
        began = time.monotonic()
        due = [deed for room in self._rooms for deed in self._rhythm(room)]
        heapq.heapify(due)
        while due and due[0][0] <= seconds:
            at, _, every, act = heapq.heappop(due)
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            act()
            heapq.heappush(due, (at + every, random.random(), every, act))
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))

    async def hurry(self, messages: int, per_s: float) -> None:
        """Say so many messages in all, each room in its turn: reports, and of each five one batch."""
        began = time.monotonic()
        for number in range(messages):
            room = self._rooms[number % len(self._rooms)]
            if number // len(self._rooms) % 5 == 4:
                room.batch(IDLE_BATCH_S // IDLE_S)
            else:
                room.report()
            await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))

    def _rhythm(self, room: _Room) -> Iterator[tuple[float, float, float, Callable[[], None]]]:
        meeting = room.speech.meeting
        every, batch_s = (MEETING_S, MEETING_BATCH_S) if meeting else (IDLE_S, IDLE_BATCH_S)
        deeds = ((every, room.report), (batch_s, lambda: room.batch(batch_s // every)), (_KEEPALIVE_S / 2, room.ping))
        # each somewhere in the middle of its rhythm
        return ((random.uniform(0, period), random.random(), period, act) for period, act in deeds)

    def close(self) -> None:
        """Hang up all at once."""
        for room in self._rooms:
            room.close()
