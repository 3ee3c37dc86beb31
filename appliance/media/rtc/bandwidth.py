"""What the way to us can carry, told to the sender as REMB: it has no other way to know before something is lost."""

import time

from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci

_INTERVAL_S = 1.0
_START = 4_000_000
"""Told with the first packets: libwebrtc believes a REMB at once only in its first two seconds, then climbs slowly."""
_FLOOR = 300_000
_MAX_SSRCS = 64


class Bandwidth:
    """One estimate for all video that one peer connection receives."""

    def __init__(self) -> None:
        self._estimator = RemoteBitrateEstimator()
        self._bitrate = _START
        self._ssrcs: dict[int, None] = {}
        self._told: float | None = None
        self._told_bitrate = 0

    def add(self, packet: RtpPacket, arrival_ms: int) -> None:
        """Learn from one video packet that carries the time it was sent."""
        if packet.ssrc not in self._ssrcs:
            if len(self._ssrcs) >= _MAX_SSRCS:
                return
            self._ssrcs[packet.ssrc] = None
            self._told = None
        if packet.extensions.abs_send_time is None:
            return
        estimate = self._estimator.add(
            abs_send_time=packet.extensions.abs_send_time,
            arrival_time_ms=arrival_ms,
            payload_size=len(packet.payload) + packet.padding_size,
            ssrc=packet.ssrc,
        )
        if estimate is not None:
            self._bitrate = min(max(estimate[0], _FLOOR), _START)

    def feedback(self, ssrc: int, now: float | None = None) -> RtcpPsfbPacket | None:
        """Return a REMB when it is time for one, or when much less fits than we said."""
        now = time.monotonic() if now is None else now
        fell = self._bitrate < 0.9 * self._told_bitrate
        if not self._ssrcs or (self._told is not None and now - self._told < _INTERVAL_S and not fell):
            return None
        self._told, self._told_bitrate = now, self._bitrate
        fci = pack_remb_fci(self._bitrate, list(self._ssrcs))
        return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=fci)
