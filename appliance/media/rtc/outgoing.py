"""What one m-line sends, whoever handles its packets: its frames in order, and what the other end says of them."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import av
from aiortc import MediaStreamTrack, RTCRtpCodecParameters
from aiortc.codecs import get_encoder
from aiortc.codecs.base import Encoder
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpRrPacket, RtcpSrPacket
from aiortc.utils import random32

from appliance.media.rtc.bandwidth import told_bitrate
from appliance.media.rtc.congestion.allocation import SOUND
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.native.transport import NativeSender
from appliance.media.rtc.sender import FrameQueue, OutgoingClock
from appliance.media.rtc.sending import Sending

_RESEND_S = 0.015
"""A packet asked for twice within this time is one request that several people, or one impatient one, made."""
_MAX_RESENT = 256
_MOST = {"audio": SOUND, "video": 2_500_000}


class OutTrack(MediaStreamTrack):
    """Stands where aiortc wants a track; the frames come from its queue."""

    def __init__(self, kind: str, queue: FrameQueue) -> None:
        super().__init__()
        self.kind = kind
        self.queue = queue

    async def recv(self) -> "av.Packet[Any]":
        raise MediaStreamError


class OutgoingStream:
    """The half of a sender that is ours."""

    def __init__(self, track: OutTrack, sending: Sending) -> None:
        self.on_keyframe_request: Callable[[], None] | None = None
        self.on_bitrate: Callable[[int], None] | None = None
        """Hears how much it may send; without, it sends what comes."""
        self.most = _MOST[track.kind]
        self.speaks = False
        self.frames = self.octets = 0
        self.fraction_lost = 0.0
        self._video = track.kind == "video"
        self.sending = sending
        self.clock = OutgoingClock()
        self._queue = track.queue
        self._origin: int = random32()
        self._packer: Encoder | None = None
        self._was_silent = False
        self._resent: dict[int, float] = {}

    async def next_frame(self, *, is_enabled: Callable[[], bool]) -> EncodedFrame | None:
        """Wait for a frame; None if it may not leave, because the m-line is silent or was until now."""
        self._queue.go_live()
        if self._video:
            await self.sending.room()
        frame = await self._queue.get()
        self.sending.note_frame()
        was_silent, self._was_silent = self._was_silent, not is_enabled()
        if self._was_silent:
            return None
        if was_silent and not frame.keyframe:
            # the m-line speaks again, and what came meanwhile is missing at the other end
            self._queue.need_key()
            return None
        return frame

    def pack(self, frame: EncodedFrame, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        """Return the frame in pieces for aiortc to send."""
        if self._packer is None:
            self._packer = get_encoder(codec)
        packet = av.Packet(frame.data)
        packet.pts = self._timestamp(frame)
        packet.time_base = Fraction(1, frame.clock_rate)
        payloads, timestamp = self._packer.pack(packet)
        if not payloads:
            return None
        self._count(frame)
        level = None if frame.level is None else -frame.level
        return RTCEncodedFrame(payloads, timestamp, cast("int", level))

    def send_natively(self, frame: EncodedFrame, sending: NativeSender) -> int | None:
        """Give a frame to the native engine; return the timestamp it went out with, None if it did not."""
        timestamp = (self._timestamp(frame) + self._origin) & 0xFFFFFFFF
        if not sending.send(frame.data, timestamp, frame.level):
            self._queue.need_key()
            return None
        self._count(frame)
        return timestamp

    def take_feedback(self, packet: AnyRtcpPacket, ssrc: int, rtt_s: float | None) -> None:
        """Learn what the receiver of our SSRC says."""
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == ssrc:
                    self.fraction_lost = report.fraction_lost / 256
                    self.sending.report(self.fraction_lost, rtt_s)
        bitrate = told_bitrate(packet, ssrc)
        if bitrate is not None:
            self.sending.bounded(bitrate)

    def is_new_request(self, sequence_number: int) -> bool:
        """Tell whether a packet that is asked for was not sent again a moment ago."""
        now = time.monotonic()
        if now - self._resent.get(sequence_number, 0.0) < _RESEND_S:
            return False
        if len(self._resent) > _MAX_RESENT:
            self._resent.clear()
        self._resent[sequence_number] = now
        return True

    def _timestamp(self, frame: EncodedFrame) -> int:
        return self.clock.map(frame.timestamp, frame.clock_rate, time.monotonic())

    def _count(self, frame: EncodedFrame) -> None:
        self.frames += 1
        self.octets += len(frame.data)
