"""What arrives on one m-line when the native engine handles the packets: its frames, and key frames asked for."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from aiortc import RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_PLI, AnyRtcpPacket, RtcpPsfbPacket, RtcpReceiverInfo, RtcpSrPacket

from appliance.media.rtc.bandwidth import Bandwidth
from appliance.media.rtc.frames import AUDIO_CLOCK, VIDEO_CLOCK, EncodedFrame, InStats, SenderClock
from appliance.media.rtc.keyframes import KeyframeRequests
from appliance.media.rtc.native.engine import FRAME, NEEDS_KEY, STREAM, Event
from appliance.media.rtc.native.library import NO_LEVEL
from appliance.media.rtc.native.transport import NativeTransport
from appliance.media.rtc.reports import reported_clock

_MAX_SSRCS = 256
_RATE_S = 0.5


class _Layer:
    """One stream of an m-line: the only one, or one of simulcast."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ssrc: int | None = None
        self.clock: SenderClock | None = None
        self.requests = KeyframeRequests()


class NativeReceiver:
    """One receiving m-line, as `LineReceiver` is where packets are handled in Python."""

    def __init__(self, kind: str, *, wake: Callable[[], None], bandwidth: Bandwidth, reports: "NativeReports") -> None:
        self.kind = kind
        self.on_frame: Callable[[EncodedFrame], None] | None = None
        self.clock: SenderClock | None = None
        """How timestamps and the sender's clock hang together; layers are in step, so any of them will do."""
        self._reports = reports
        self._wake = wake
        self._bandwidth = bandwidth
        self._codecs: dict[int | None, tuple[str, int]] = {}
        """Name and clock rate of each payload type."""
        self._source: tuple[NativeTransport, int] | None = None
        self._layers: dict[int, _Layer] = {}
        self._wanted: set[str] = set()
        """Layers whose key frame was asked for before their first packet came."""
        self._frames = self._keyframes = 0
        self._clock_rate = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK

    def bind(self, transport: NativeTransport, number: int) -> None:
        """Learn where the packets are counted."""
        self._source = transport, number

    def configure(self, codecs: Sequence[RTCRtpCodecParameters], repairs: Mapping[int, int]) -> None:  # noqa: ARG002 - the engine's affair
        """Learn payload types; again after every negotiation."""
        known = [codec for codec in codecs if codec.payloadType is not None]
        self._codecs = {codec.payloadType: (codec.name, codec.clockRate) for codec in known}

    def snapshot(self) -> InStats:
        """Return the counters, of all layers together."""
        if self._source is None:
            return InStats()
        transport, number = self._source
        seen = transport.count_line(number)
        return InStats(
            packets=seen.packets,
            lost=seen.lost,
            bytes=seen.bytes,
            frames=self._frames,
            keyframes=self._keyframes,
            jitter_s=max(self._jitters(), default=0.0),
            skips=seen.skips,
        )

    def _jitters(self) -> Iterator[float]:
        return (self._reports.jitter_s(layer.ssrc, self._clock_rate) for layer in self._layers.values())

    def on_sender_report(self, packet: RtcpSrPacket) -> None:
        """Take a sender's report."""
        self._reports.on_sender_report(packet)
        for layer in self._layers.values():
            if packet.ssrc == layer.ssrc:
                layer.clock = reported_clock(packet, self.kind) or layer.clock
        self._set_clock()

    def request_keyframe(self, layer: str = "") -> None:
        """Ask the sender for a key frame of a layer, now or when the last request is a second old."""
        if self.kind != "video":
            return
        known = next((one for one in self._layers.values() if one.name == layer), None)
        if known is not None:
            known.requests.wanted = True
        elif layer or not self._layers:
            self._wanted.add(layer)
        self._wake()

    def forget_keyframe(self, layer: str) -> None:
        """Ask no more for a key frame of a layer."""
        self._wanted.discard(layer)
        for one in self._layers.values():
            if one.name == layer:
                one.requests.wanted = False

    def on_event(self, event: Event) -> None:
        """Take what the engine says of this m-line; may call `on_frame`."""
        layer = self._layer(event)
        if event.kind == FRAME:
            self._emit(event, layer)
        elif event.kind in {NEEDS_KEY, STREAM}:
            layer.requests.wanted |= event.kind == NEEDS_KEY
            self._wake()

    def delay(self, now: float) -> float | None:
        """Return in how many seconds `feedback` wants to be called, None if nothing is due."""
        delays = [each.requests.delay(now, self._packets(index)) for index, each in self._wanting()]
        return min((delay for delay in delays if delay is not None), default=None)

    def feedback(self, ssrc: int, now: float) -> list[AnyRtcpPacket]:
        """Return the requests to send, in the name of our `ssrc`."""
        return [
            RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=ssrc, media_ssrc=each.ssrc)
            for index, each in self._wanting()
            if each.ssrc is not None and each.requests.take(now, self._packets(index))
        ]

    def _layer(self, event: Event) -> _Layer:
        layer = self._layers.get(event.layer)
        if layer is None:
            layer = self._layers[event.layer] = _Layer(self._name_of(event.layer))
            layer.requests.wanted = layer.name in self._wanted
        if event.ssrc != layer.ssrc:
            layer.ssrc, layer.clock = event.ssrc, None
            self._set_clock()
            layer.requests.new_stream()
            if self.kind == "video":
                self._bandwidth.hear(event.ssrc)
        return layer

    def _set_clock(self) -> None:
        self.clock = next((layer.clock for layer in self._layers.values() if layer.clock is not None), None)

    def _name_of(self, layer: int) -> str:
        if self._source is None:
            return ""
        transport, number = self._source
        return transport.layer_name(number, layer)

    def _wanting(self) -> Iterator[tuple[int, _Layer]]:
        return ((index, layer) for index, layer in self._layers.items() if layer.requests.wanted)

    def _packets(self, layer: int) -> int:
        if self._source is None:
            return 0
        transport, number = self._source
        return transport.layer_packets(number, layer)

    def _emit(self, event: Event, layer: _Layer) -> None:
        name, clock_rate = self._codecs.get(event.payload_type, ("", 0))
        if not name:
            return
        self._frames += 1
        if self.kind == "video" and event.key:
            self._keyframes += 1
            layer.requests.wanted = False
        if self.on_frame is not None:
            self.on_frame(
                EncodedFrame(
                    name,
                    event.timestamp,
                    clock_rate,
                    event.data,
                    event.key,
                    event.at_us * 1000,
                    None if event.level == NO_LEVEL else event.level,
                    layer.name,
                )
            )


class NativeReports:
    """Receiver reports of a whole connection, from the engine's counters."""

    def __init__(self, *, wake: Callable[[], None], bandwidth: Bandwidth) -> None:
        self.unreported = False
        """Whether a packet came since the last report."""
        self._transport: NativeTransport | None = None
        self._wake = wake
        self._bandwidth = bandwidth
        self._last: dict[int, tuple[int, float]] = {}
        self._jitter: dict[int | None, int] = {}
        self._octets = 0
        self._counted_at = 0.0

    def begin(self, transport: NativeTransport) -> None:
        """Learn where packets are counted."""
        self._transport, self._counted_at = transport, time.monotonic()
        transport.on_heard = self._heard

    def jitter_s(self, ssrc: int | None, clock_rate: int) -> float:
        """Return how unevenly an SSRC's packets arrived by the last report (RFC 3550, 6.4.1)."""
        return self._jitter.get(ssrc, 0) / clock_rate

    def on_sender_report(self, packet: RtcpSrPacket) -> None:
        """Remember when a sender spoke of itself: our reports let it measure the round trip."""
        stamp = (packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
        self._last.pop(packet.ssrc, None)
        self._last[packet.ssrc] = stamp, time.monotonic()
        if len(self._last) > _MAX_SSRCS:
            del self._last[next(iter(self._last))]

    def take_reports(self) -> list[RtcpReceiverInfo]:
        """Return what the next receiver report should say."""
        self.unreported = False
        if self._transport is None:
            return []
        now = time.monotonic()
        counts = self._transport.count()
        # who numbers its packets hears of each and estimates better itself, as in `Bandwidth.add`
        if not counts.numbered:
            self._note_rate(counts.octets, now)
        reports = self._transport.reports()
        self._jitter = {report.ssrc: report.jitter for report in reports}
        for report in reports:
            if report.ssrc in self._last:
                report.lsr, at = self._last[report.ssrc]
                report.dlsr = min(int((now - at) * 65536), 0xFFFFFFFF)
        return reports

    def _note_rate(self, octets: int, now: float) -> None:
        elapsed = now - self._counted_at
        if elapsed > _RATE_S:
            self._bandwidth.note_rate(int((octets - self._octets) * 8 / elapsed))
            self._octets, self._counted_at = octets, now

    def _heard(self) -> None:
        self.unreported = True
        self._wake()
