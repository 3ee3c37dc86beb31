"""One receiving m-line: a single stream, or the simulcast layers of one (RFC 8853), told apart by their RID."""

from collections.abc import Callable, Mapping, Sequence

from aiortc import RTCRtpCodecParameters
from aiortc.rtp import AnyRtcpPacket, RtcpReceiverInfo, RtcpSrPacket, RtpPacket

from appliance.media.rtc.bandwidth import Bandwidth
from appliance.media.rtc.frames import EncodedFrame, InStats, SenderClock
from appliance.media.rtc.receiver import StreamReceiver

_MAX_LAYERS = 4
_MAX_SSRCS = 32


class LineReceiver:
    """Gives each layer a receiver of its own; without simulcast there is one, whose name is empty."""

    def __init__(self, kind: str, *, wake: Callable[[], None], bandwidth: Bandwidth) -> None:
        self.kind = kind
        self.on_frame: Callable[[EncodedFrame], None] | None = None
        self._wake = wake
        self._bandwidth = bandwidth
        self._codecs: Sequence[RTCRtpCodecParameters] = ()
        self._repairs: Mapping[int, int] = {}
        self._streams: dict[str, StreamReceiver] = {}
        self._names: dict[int, str] = {}
        """SSRCs with the layer each carries: senders name it only until a receiver report names the SSRC."""

    @property
    def clock(self) -> SenderClock | None:
        """How timestamps and the sender's clock hang together; layers are in step, so any of them will do."""
        return next((stream.clock for stream in self._streams.values() if stream.clock is not None), None)

    def configure(self, codecs: Sequence[RTCRtpCodecParameters], repairs: Mapping[int, int]) -> None:
        """Learn payload types, and which SSRC repairs which; again after every negotiation."""
        self._codecs, self._repairs = codecs, repairs
        for stream in self._streams.values():
            stream.configure(codecs, repairs)

    def snapshot(self) -> InStats:
        """Return the counters, of all layers together."""
        each = [stream.snapshot() for stream in self._streams.values()]
        return InStats(
            packets=sum(stats.packets for stats in each),
            lost=sum(stats.lost for stats in each),
            bytes=sum(stats.bytes for stats in each),
            frames=sum(stats.frames for stats in each),
            keyframes=sum(stats.keyframes for stats in each),
            jitter_s=max((stats.jitter_s for stats in each), default=0.0),
            skips=sum(stats.skips for stats in each),
        )

    def request_keyframe(self, layer: str = "") -> None:
        """Ask the sender for a key frame of a layer, now or when the last request is a second old."""
        stream = self._streams.get(layer)
        # asked for before the first packet came, it is kept for when one does
        if stream is None and (layer or not self._streams):
            stream = self._stream(layer)
        if stream is not None:
            stream.request_keyframe()

    def forget_keyframe(self, layer: str) -> None:
        """Ask no more for a key frame of a layer."""
        stream = self._streams.get(layer)
        if stream is not None:
            stream.forget_keyframe()

    @property
    def unreported(self) -> bool:
        """Whether a packet came since the last report."""
        return any(stream.unreported for stream in self._streams.values())

    def take_reports(self) -> list[RtcpReceiverInfo]:
        """Return what a receiver report should say."""
        return [report for stream in self._streams.values() for report in stream.take_reports()]

    def on_sender_report(self, packet: RtcpSrPacket) -> None:
        """Take a sender's report."""
        for stream in self._streams.values():
            stream.on_sender_report(packet)

    def on_packet(self, packet: RtpPacket, arrival_ms: int) -> None:
        """Take a packet from the wire; may call `on_frame`."""
        stream = self._stream_of(packet)
        if stream is not None:
            stream.on_packet(packet, arrival_ms)

    def delay(self, now: float) -> float | None:
        """Return in how many seconds `feedback` wants to be called, None if nothing is due."""
        delays = [delay for stream in self._streams.values() if (delay := stream.delay(now)) is not None]
        return min(delays, default=None)

    def feedback(self, ssrc: int, now: float) -> list[AnyRtcpPacket]:
        """Let time pass; return the requests to send, in the name of our `ssrc`. May call `on_frame`."""
        return [request for stream in self._streams.values() for request in stream.feedback(ssrc, now)]

    def _stream_of(self, packet: RtpPacket) -> StreamReceiver | None:
        said = packet.extensions.rtp_stream_id or packet.extensions.repaired_rtp_stream_id
        if said:
            self._learn(packet.ssrc, said)
        name = self._names.get(packet.ssrc)
        if name is None and any(self._streams):
            # a layer that has not said which: its next packets will
            return None
        return self._stream(name or "")

    def _learn(self, ssrc: int, name: str) -> None:
        if self._names.pop(ssrc, None) is None and len(self._names) >= _MAX_SSRCS:
            self._names.pop(next(iter(self._names)))
        self._names[ssrc] = name

    def _stream(self, name: str) -> StreamReceiver | None:
        stream = self._streams.get(name)
        if stream is None and len(self._streams) < _MAX_LAYERS:
            stream = StreamReceiver(self.kind, layer=name, wake=self._wake, bandwidth=self._bandwidth)
            stream.configure(self._codecs, self._repairs)
            stream.on_frame = self._received
            self._streams[name] = stream
        return stream

    def _received(self, frame: EncodedFrame) -> None:
        if self.on_frame is not None:
            self.on_frame(frame)
