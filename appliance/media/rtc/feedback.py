"""The one clock of a peer connection: requests, reports and estimates leave from here, and nothing runs while idle."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from aiortc.rtp import AnyRtcpPacket, RtcpReceiverInfo, RtcpRrPacket
from aiortc.utils import random32

from appliance.media.rtc.bandwidth import Bandwidth
from appliance.media.rtc.clock import now_us
from appliance.media.rtc.congestion.arrivals import ArrivalLog
from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.native.receiver import NativeReceiver, NativeReports
from appliance.media.rtc.native.transport import NativeTransport
from appliance.media.rtc.transport_wide import TransportFeedback

_REPORT_S = 1.0
_FIRST_REPORT_S = 0.05
"""Senders name their streams in every packet until they see a report."""
_MAX_REPORTS = 31
_MAX_DATAGRAM = 1100


class Reporter(Protocol):
    """What knows how packets arrive."""

    @property
    def unreported(self) -> bool: ...
    def take_reports(self) -> list[RtcpReceiverInfo]: ...


class Feedback:
    """Feedback of all m-lines of one connection."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self.ssrc: int = random32()
        """In whose name feedback goes out."""
        self._bandwidth = Bandwidth()
        self._arrivals = ArrivalLog()
        self._heard_ssrc = 0
        self._streams: list[LineReceiver | NativeReceiver] = []
        self._woken = asyncio.Event()
        self.native_reports = NativeReports(wake=self._woken.set, bandwidth=self._bandwidth)
        self._reporters: list[Reporter] = [self.native_reports]
        self._next_report: float | None = None

    def new_stream(self, kind: str) -> LineReceiver:
        """Make the receiver of one m-line."""
        stream = LineReceiver(kind, wake=self._woken.set, bandwidth=self._bandwidth)
        self._streams.append(stream)
        self._reporters.append(stream)
        return stream

    def new_native_stream(self, kind: str) -> NativeReceiver:
        """Make the receiver of one m-line whose packets the native engine handles."""
        stream = NativeReceiver(kind, wake=self._woken.set, bandwidth=self._bandwidth, reports=self.native_reports)
        self._streams.append(stream)
        return stream

    def note_number(self, number: int, ssrc: int) -> None:
        """Take the transport-wide number of a packet that has just arrived."""
        due = self._arrivals.due_at()
        self._arrivals.add(number, now_us())
        self._heard_ssrc = ssrc
        if self._arrivals.due_at() != due:
            self._woken.set()

    def begin_natively(self, native: NativeTransport) -> None:
        """Learn where the native engine counts packets; it tells of their numbers itself."""
        self.native_reports.begin(native)

    async def run(self) -> None:
        """Send feedback until cancelled."""
        while True:
            await self._wait()
            self._woken.clear()
            await self._send_all(time.monotonic())

    async def _wait(self) -> None:
        delay = self._delay(time.monotonic())
        if delay is None:
            await self._woken.wait()
            return
        timer = asyncio.get_running_loop().call_later(delay, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def _delay(self, now: float) -> float | None:
        delays = [delay for stream in self._streams if (delay := stream.delay(now)) is not None]
        if self._next_report is None and any(reporter.unreported for reporter in self._reporters):
            self._next_report = now + _FIRST_REPORT_S
        if self._next_report is not None:
            delays.append(max(self._next_report - now, 0.0))
        due = self._arrivals.due_at()
        if due is not None:
            delays.append(max(due - now_us(), 0) / 1_000_000)
        return min(delays, default=None)

    async def _send_all(self, now: float) -> None:
        datagram = b""
        for packet in self._packets(now):
            data = bytes(packet)
            if len(datagram) + len(data) > _MAX_DATAGRAM:
                await self._deliver(datagram)
                datagram = b""
            datagram += data
        await self._deliver(datagram)

    def _packets(self, now: float) -> Iterator[AnyRtcpPacket | TransportFeedback]:
        for fci in self._arrivals.take(now_us()):
            yield TransportFeedback(self.ssrc, self._heard_ssrc, fci)
        if self._next_report is not None and now >= self._next_report:
            reports = [report for reporter in self._reporters for report in reporter.take_reports()]
            # when nothing was heard there is nothing to report, and no reason to wake up again
            self._next_report = now + _REPORT_S if reports else None
            if reports:
                self._bandwidth.note_loss(max(report.fraction_lost for report in reports) / 256)
            for start in range(0, len(reports), _MAX_REPORTS):
                yield RtcpRrPacket(ssrc=self.ssrc, reports=reports[start : start + _MAX_REPORTS])
        estimate = self._bandwidth.feedback(self.ssrc, now)
        if estimate is not None:
            yield estimate
        for stream in self._streams:
            yield from stream.feedback(self.ssrc, now)

    async def _deliver(self, datagram: bytes) -> None:
        if datagram:
            try:
                await self._send(datagram)
            except ConnectionError:
                # the connection is closing; its owner hears of that elsewhere
                self._next_report = None
