"""What the way to us can carry, told to the sender as REMB: it has no other way to know before something is lost."""

import struct

from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtp import RTCP_PSFB_APP, AnyRtcpPacket, RtcpPsfbPacket, RtpPacket, pack_remb_fci, unpack_remb_fci

_INTERVAL_S = 1.0
_MOST = 4_000_000
"""Told with the first packets: libwebrtc believes a REMB at once only in its first two seconds, then climbs slowly."""
_LEAST = 300_000
_BAD_LOSS = 0.05
_CLIMB = 1.5
_BACK_OFF = 0.85
_MAX_SSRCS = 64


class Bandwidth:
    """One estimate for all video that one peer connection receives.

    It rests on how long packets take, which a busy machine gets wrong: our own event loop is then the delay. So it
    counts only while packets are being lost as well.
    """

    def __init__(self) -> None:
        self._estimator = RemoteBitrateEstimator()
        self._estimate = _MOST
        self._bitrate = _MOST
        self._ssrcs: dict[int, None] = {}
        self._told: float | None = None

    def hear(self, ssrc: int) -> bool:
        """Learn of a stream; False when there are more than a REMB can name."""
        if ssrc not in self._ssrcs:
            if len(self._ssrcs) >= _MAX_SSRCS:
                return False
            self._ssrcs[ssrc] = None
            self._told = None
        return True

    def note_rate(self, bits_per_second: int) -> None:
        """Take what arrives, where nobody watches how long each packet takes: after losses, a little less than that."""
        self._estimate = int(bits_per_second * _BACK_OFF)

    def add(self, packet: RtpPacket, arrival_ms: int) -> None:
        """Learn from one video packet that carries the time it was sent."""
        numbered = packet.extensions.transport_sequence_number is not None
        # who numbers its packets hears of each and estimates better itself; this only lets it begin fast
        if not self.hear(packet.ssrc) or numbered or packet.extensions.abs_send_time is None:
            return
        estimate = self._estimator.add(
            abs_send_time=packet.extensions.abs_send_time,
            arrival_time_ms=arrival_ms,
            payload_size=len(packet.payload) + packet.padding_size,
            ssrc=packet.ssrc,
        )
        if estimate is not None:
            self._estimate = estimate[0]

    def note_loss(self, fraction: float) -> None:
        """Take the share of packets lost since the last report, 0 to 1."""
        if fraction > _BAD_LOSS:
            self._bitrate = min(max(self._estimate, _LEAST), _MOST)
        else:
            self._bitrate = min(int(self._bitrate * _CLIMB), _MOST)

    def feedback(self, ssrc: int, now: float) -> RtcpPsfbPacket | None:
        """Return a REMB when it is time for one."""
        if not self._ssrcs or (self._told is not None and now - self._told < _INTERVAL_S):
            return None
        self._told = now
        return RtcpPsfbPacket(
            fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=pack_remb_fci(self._bitrate, list(self._ssrcs))
        )


def told_bitrate(packet: AnyRtcpPacket, ssrc: int) -> int | None:
    """Return what a receiver says by REMB that it can take, if it says so of this stream."""
    if not isinstance(packet, RtcpPsfbPacket) or packet.fmt != RTCP_PSFB_APP:
        return None
    try:
        bitrate, ssrcs = unpack_remb_fci(packet.fci)
    except (ValueError, struct.error):
        return None
    return bitrate if ssrc in ssrcs else None
