"""What arrives of one stream: packets in, frames out, and the feedback their sender should get."""

import time
from collections.abc import Callable, Mapping, Sequence

from aiortc import RTCRtpCodecParameters
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unwrap_rtx,
)

from appliance.media.rtc.assembler import Packet, VideoAssembler
from appliance.media.rtc.bandwidth import Bandwidth
from appliance.media.rtc.depacketize import depacketize
from appliance.media.rtc.frames import VIDEO_CLOCK, EncodedFrame, InStats, SenderClock
from appliance.media.rtc.keyframes import KeyframeRequests
from appliance.media.rtc.reorder import AudioOrder
from appliance.media.rtc.reports import ReceptionReports, reported_clock

TICK_S = 0.02
_RETIRED_S = 2.0
"""How long packets of an SSRC that was replaced may still straggle in."""

_Audio = tuple[str, RtpPacket]


class StreamReceiver:
    """One received stream: an m-line's only one, or one of its layers. With a new SSRC or codec it begins anew."""

    def __init__(self, kind: str, *, layer: str = "", wake: Callable[[], None], bandwidth: Bandwidth) -> None:
        self.kind = kind
        self.layer = layer
        self.on_frame: Callable[[EncodedFrame], None] | None = None
        self.clock: SenderClock | None = None
        """From the newest sender report of the present stream."""
        self._wake = wake
        self._bandwidth = bandwidth
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._repairs: dict[int, int] = {}
        self._reports = ReceptionReports()
        self._ssrc: int | None = None
        self._retired: dict[int, float] = {}
        self._video = VideoAssembler()
        self._audio: AudioOrder[_Audio] = AudioOrder()
        self._lost_before = 0
        self._skips_before = 0
        self._packets = self._bytes = self._frames = self._keyframes = 0
        self._codec, self._clock_rate = "", VIDEO_CLOCK
        self._key = KeyframeRequests()

    def configure(self, codecs: Sequence[RTCRtpCodecParameters], repairs: Mapping[int, int]) -> None:
        """Learn payload types, and which SSRC repairs which; again after every negotiation."""
        self._codecs = {codec.payloadType: codec for codec in codecs if codec.payloadType is not None}
        self._repairs = dict(repairs)

    def snapshot(self) -> InStats:
        """Return the counters."""
        buffer = self._video if self.kind == "video" else self._audio
        return InStats(
            packets=self._packets,
            lost=self._lost_before + buffer.lost,
            bytes=self._bytes,
            frames=self._frames,
            keyframes=self._keyframes,
            jitter_s=self._reports.jitter_s(self._ssrc),
            skips=self._skips_before + self._video.skips,
        )

    def request_keyframe(self) -> None:
        """Ask the sender for a key frame, now or when the last request is a second old."""
        if self.kind == "video":
            self._key.wanted = True
            self._wake()

    def forget_keyframe(self) -> None:
        """Ask no more for a key frame."""
        self._key.wanted = False

    @property
    def unreported(self) -> bool:
        """Whether a packet came since the last report."""
        return self._reports.fresh

    def take_reports(self) -> list[RtcpReceiverInfo]:
        """Return what a receiver report should say."""
        return self._reports.take()

    def on_sender_report(self, packet: RtcpSrPacket) -> None:
        """Take a sender's report."""
        self._reports.sender_report(packet)
        if packet.ssrc == self._ssrc:
            self.clock = reported_clock(packet, self.kind) or self.clock

    def on_packet(self, packet: RtpPacket, arrival_ms: int) -> None:
        """Take a packet from the wire; may call `on_frame`."""
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            return
        if self.kind == "video":
            self._bandwidth.add(packet, arrival_ms)
        first_since_report = not self._reports.fresh
        self._reports.add(packet, codec.clockRate)
        self._packets += 1
        self._bytes += len(packet.payload)
        original = self._unwrap(packet, codec) if codec.name == "rtx" else packet
        if original is not None and self._is_current(original.ssrc):
            self._take(original, self._codecs[original.payload_type], recovered=original is not packet)
        if first_since_report or self.delay(time.monotonic()) is not None:
            self._wake()

    def delay(self, now: float) -> float | None:
        """Return in how many seconds `feedback` wants to be called, None if nothing is due."""
        delays = [TICK_S] if self._video.waiting or self._audio.waiting else []
        self._key.wanted |= self._video.needs_key
        if self._ssrc is not None and (asks_in := self._key.delay(now, self._packets)) is not None:
            delays.append(asks_in)
        return min(delays, default=None)

    def feedback(self, ssrc: int, now: float) -> list[AnyRtcpPacket]:
        """Let time pass; return the requests to send, in the name of our `ssrc`. May call `on_frame`."""
        if self.kind == "audio":
            for codec, packet in self._audio.tick(now):
                self._emit_audio(codec, packet)
            return []
        for frame in self._video.tick(now):
            self._emit_video(frame.timestamp, frame.data, key=frame.key)
        if self._ssrc is None:
            return []
        requests: list[AnyRtcpPacket] = []
        lost = self._video.requests(now)
        if lost:
            requests.append(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=ssrc, media_ssrc=self._ssrc, lost=lost))
        self._key.wanted |= self._video.needs_key
        if self._key.take(now, self._packets):
            requests.append(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=ssrc, media_ssrc=self._ssrc))
        return requests

    def _unwrap(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> RtpPacket | None:
        """Return the packet inside a retransmission (RFC 4588), if it is of the present stream."""
        apt = codec.parameters.get("apt")
        # without SSRCs in the SDP (simulcast) whoever repairs on this m-line repairs what is current; a repair of a
        # stream that was replaced must not bring it back
        if self._ssrc is None or self._repairs.get(packet.ssrc, self._ssrc) != self._ssrc:
            return None
        if not isinstance(apt, int) or apt not in self._codecs or len(packet.payload) < 2:
            return None
        return unwrap_rtx(packet, payload_type=apt, ssrc=self._ssrc)

    def _is_current(self, ssrc: int) -> bool:
        if ssrc == self._ssrc:
            return True
        now = time.monotonic()
        if self._retired.get(ssrc, 0.0) > now:
            return False
        self._retired = {old: until for old, until in self._retired.items() if until > now}
        if self._ssrc is not None:
            self._retired[self._ssrc] = now + _RETIRED_S
            self._begin_anew()
            self._key.new_stream()
            self.clock = None
        self._ssrc = ssrc
        return True

    def _begin_anew(self) -> None:
        self._lost_before += self._video.lost + self._audio.lost
        self._skips_before += self._video.skips
        self._video, self._audio = VideoAssembler(), AudioOrder()
        self._video.needs_key = self.kind == "video"

    def _take(self, packet: RtpPacket, codec: RTCRtpCodecParameters, *, recovered: bool) -> None:
        now = time.monotonic()
        if self.kind == "audio":
            for name, ready in self._audio.push(packet.sequence_number, (codec.name, packet), now):
                self._emit_audio(name, ready)
            return
        try:
            piece = depacketize(codec.name, packet.payload)
        except ValueError:
            return
        if self._codec and codec.name != self._codec:
            if recovered:
                return  # of the pictures before the change
            self._begin_anew()
        self._codec, self._clock_rate = codec.name, codec.clockRate
        ours = Packet(packet.sequence_number, packet.timestamp, bool(packet.marker), piece, recovered)
        for frame in self._video.push(ours, now):
            self._emit_video(frame.timestamp, frame.data, key=frame.key)

    def _emit_video(self, timestamp: int, data: bytes, *, key: bool) -> None:
        if key:
            self._key.wanted = False
            self._keyframes += 1
        received_ns = time.monotonic_ns()
        self._emit(EncodedFrame(self._codec, timestamp, self._clock_rate, data, key, received_ns, layer=self.layer))

    def _emit_audio(self, codec: str, packet: RtpPacket) -> None:
        if packet.payload:
            level = packet.extensions.audio_level
            self._emit(
                EncodedFrame(
                    codec,
                    packet.timestamp,
                    self._codecs[packet.payload_type].clockRate if packet.payload_type in self._codecs else 48_000,
                    packet.payload,
                    received_ns=time.monotonic_ns(),
                    level=None if level is None else level[1],
                )
            )

    def _emit(self, frame: EncodedFrame) -> None:
        self._frames += 1
        if self.on_frame is not None:
            self.on_frame(frame)
