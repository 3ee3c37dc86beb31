"""Everything one connection sends: numbered, paced, and no more of it than the network carries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from appliance.media.rtc.clock import now_us
from appliance.media.rtc.congestion.allocation import SOUND, SOUND_HEADERS, Claim, share
from appliance.media.rtc.congestion.controller import START, Controller
from appliance.media.rtc.congestion.pacer import FALLEN_PACING, PACING, Pacer, RepairBudget, Urgency
from appliance.media.rtc.congestion.probing import Probe
from appliance.media.rtc.frames import Capacity
from appliance.media.rtc.native.transport import NativeTransport
from appliance.media.rtc.transport_wide import stamp

_UNPACED = 50_000_000
"""Forwarded video comes as it comes; to hold it up would only fill queues."""
_CHANGE = 0.02
_LARGE = 500
_KEPT = 64
"""Packets: aiortc keeps the last 128 for those who ask again."""
_WATCH_S = 0.5
_HEADROOM = 1.2
_AUTHENTICATION = 10
"""Bytes that SRTP adds."""


class Outlet(Protocol):
    """One sending m-line."""

    most: int
    """Bits per second it has use for."""

    @property
    def kind(self) -> str:
        """video or audio."""

    @property
    def ssrcs(self) -> tuple[int, int]:
        """Its stream's SSRC and that of its repairs."""

    @property
    def on_bitrate(self) -> Callable[[int], None] | None:
        """What hears how much it may send; without, it sends what comes."""

    @property
    def speaks(self) -> bool:
        """Whether something is sent on it."""

    async def repeat(self, sequence: int) -> bool:
        """Send a packet again as a repair; False if it cannot."""


class Sending:
    """Between the m-lines of a connection and its transport."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """`send` protects a packet and puts it on the wire."""
        self.controller = Controller(start=START)
        self.number_id: int | None = None
        """Header extension id of the transport-wide number, once negotiated."""
        self._send = send
        self._outlets: list[Outlet] = []
        self._pacer: Pacer[bytes] = Pacer(_UNPACED)
        self._repairs = RepairBudget()
        self._number = 0
        self.native: NativeTransport | None = None
        """The native engine's end of the connection, if it sends the packets."""
        self.pushed = 0
        """Packets taken so far."""
        self._newest: tuple[Outlet, int] | None = None
        """The last large video packet, or a small one when that is long ago: padding repeats it."""
        self._newest_at = 0
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._told: dict[int, int] = {}

    @property
    def estimate(self) -> int | None:
        """Bits per second that the network carries, None while nothing was heard of it."""
        controller = self.controller
        return controller.target if controller.heard or controller.bounded else None

    @property
    def capacity(self) -> Capacity | None:
        """What the network carries, None while nothing was heard of it."""
        controller, bitrate = self.controller, self.estimate
        return None if bitrate is None else Capacity(bitrate, controller.heard, controller.full(now_us()))

    def add(self, outlet: Outlet) -> None:
        """Learn of an m-line."""
        self._outlets.append(outlet)

    async def send(self, packet: bytes) -> None:
        """Send a serialised RTP packet now, or when its turn comes."""
        ssrc = int.from_bytes(packet[8:12], "big")
        urgency, size = self._urgency(ssrc, packet), len(packet) + _AUTHENTICATION
        if urgency is Urgency.REPAIR and not self._pacer.probing and not self._repairs.take(size, now_us()):
            return
        self.pushed += 1
        self._pacer.push(packet, size, urgency)
        await self._drain()
        if self._pacer.next_at() is not None:
            self._woken.set()

    async def room(self) -> None:
        """Wait until no video is waiting: the next frame had better wait where it can still be dropped whole."""
        await self._room.wait()

    def note_frame(self) -> None:
        """Learn that a frame is about to be sent."""

    def feedback(self, fci: bytes) -> None:
        """Take transport-wide feedback."""
        now = now_us()
        self._collect()
        if not self.controller.feedback(fci, now):
            return
        self.tell()
        probe = self.controller.probe(now) if self._can_pad() else None
        if probe is not None:
            self._start(probe, now)

    def bounded(self, bitrate: int) -> None:
        """Take the receiver's own estimate (REMB)."""
        self.controller.remb(bitrate)
        self.tell()

    def report(self, lost: float, rtt_s: float | None) -> None:
        """Take a receiver report."""
        rtt_us = None if rtt_s is None else int(rtt_s * 1_000_000)
        self.controller.report(lost, rtt_us=rtt_us, now=now_us())
        self.tell()

    def tell(self) -> None:
        """Tell the pacer and the m-lines what they may send."""
        pictures = [o for o in self._outlets if o.speaks and o.kind == "video"]
        voices = [o for o in self._outlets if o.speaks and o.kind == "audio"]
        sounds = len(voices)
        self.controller.want(int((sum(o.most for o in pictures) + sounds * SOUND) * _HEADROOM))
        target = self.controller.target
        fallen = self.controller.collapsed(now_us())
        self._repairs.learn(self.estimate, fallen=fallen)
        pacing = FALLEN_PACING if fallen else PACING
        self._pace(max(int(target * pacing), 0 if all(o.on_bitrate for o in pictures) else _UNPACED))
        parts = share(target, sounds=sounds, pictures=[Claim(index, o.most) for index, o in enumerate(pictures)])
        for index, outlet in enumerate(pictures):
            self._tell(outlet, parts[index])
        for outlet in voices:
            self._tell(outlet, min(target // sounds, SOUND) - SOUND_HEADERS)

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        while True:
            await self._wait()
            self._woken.clear()
            try:
                await self._drain()
                await self._pad()
            except ConnectionError:
                # the connection is closing; its owner hears of that elsewhere
                self._pacer.clear()

    def _collect(self) -> None:
        """Tell the controller what left; here it is told with each packet."""

    def _can_pad(self) -> bool:
        return self._newest is not None

    def _start(self, probe: Probe, now: int) -> None:
        self._pacer.start_probe(probe, now)
        self._woken.set()

    def _pace(self, rate: int) -> None:
        self._pacer.set_rate(rate)

    def _tell(self, outlet: Outlet, bitrate: int) -> None:
        before = self._told.get(outlet.ssrcs[0], 0)
        if outlet.on_bitrate is not None and abs(bitrate - before) > _CHANGE * before:
            self._told[outlet.ssrcs[0]] = bitrate
            outlet.on_bitrate(bitrate)

    def _urgency(self, ssrc: int, packet: bytes) -> Urgency:
        for outlet in self._outlets:
            if ssrc in outlet.ssrcs:
                if ssrc != outlet.ssrcs[0]:
                    return Urgency.REPAIR
                if outlet.kind == "audio":
                    return Urgency.SOUND
                if len(packet) >= _LARGE or self.pushed - self._newest_at > _KEPT:
                    self._newest = outlet, int.from_bytes(packet[2:4], "big")
                    self._newest_at = self.pushed
        return Urgency.VIDEO

    async def _wait(self) -> None:
        at = self._pacer.next_at()
        if at is None:
            await self._woken.wait()
            return
        timer = asyncio.get_running_loop().call_later(max(at - now_us(), 0) / 1_000_000, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    async def _drain(self) -> None:
        self.controller.tick(now_us())
        for packet in self._pacer.due(now_us()):
            await self._put(packet)
        if self._pacer.video_waits:
            self._room.clear()
        else:
            self._room.set()

    async def _put(self, packet: bytes) -> None:
        if self.number_id is None:
            await self._send(packet)
            return
        number, self._number = self._number, (self._number + 1) & 0xFFFF
        self.controller.sent([(number, now_us(), len(packet) + _AUTHENTICATION)])
        await self._send(stamp(packet, self.number_id, number))

    async def _pad(self) -> None:
        while self._pacer.padding(now_us()) > 0:
            # comes back to us by `send`
            if self._newest is None or not await self._newest[0].repeat(self._newest[1]):
                self._pacer.end_probe()


class NativeSending(Sending):
    """The same where the native engine numbers, paces and logs the packets."""

    def begin(self, native: NativeTransport) -> None:
        """Learn of the engine's end of the connection."""
        self.native = native
        native.on_room = self._room.set
        native.pace(_UNPACED)

    async def room(self) -> None:
        while self.native is not None and self.native.holds():
            self._room.clear()
            await self._room.wait()

    def note_frame(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Keep watch over a receiver that falls silent, while anything is sent, until cancelled."""
        while True:
            self._woken.clear()
            await self._woken.wait()
            await asyncio.sleep(_WATCH_S)
            self._collect()
            before = self.controller.target
            self.controller.tick(now_us())
            if self.controller.target != before:
                self.tell()

    def _collect(self) -> None:
        if self.native is not None:
            self.controller.sent((number, at, size + _AUTHENTICATION) for at, size, number in self.native.sent())

    def _can_pad(self) -> bool:
        return self.native is not None and self.native.can_pad()

    def _start(self, probe: Probe, now: int) -> None:  # noqa: ARG002 - the engine has its own clock
        if self.native is not None:
            self.native.probe(probe.rate, probe.size)

    def _pace(self, rate: int) -> None:
        if self.native is not None:
            self.native.pace(rate, self._repairs.rate)
            self.native.set_rtt(self.controller.rtt_us / 1_000_000)
