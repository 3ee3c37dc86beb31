"""Receiver reports (RFC 3550): how the streams of one m-line arrive, so that their sender can adapt."""

import time

from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpReceiverInfo, RtcpSrPacket, RtpPacket

from appliance.media.rtc.frames import AUDIO_CLOCK, VIDEO_CLOCK, SenderClock

_MAX_SSRCS = 8
_MASK = 0xFFFFFFFF


def reported_clock(packet: RtcpSrPacket, kind: str) -> SenderClock | None:
    """Return how a stream's timestamps and its sender's clock hang together; None if the report has no time in it."""
    info = packet.sender_info
    rate = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK
    return SenderClock(info.rtp_timestamp, rate, info.ntp_timestamp / (1 << 32)) if info.ntp_timestamp else None


class ReceptionReports:
    """Statistics per SSRC of one m-line; an SSRC not heard since the last report is left out."""

    def __init__(self) -> None:
        self._streams: dict[int, StreamStatistics] = {}
        self._clock_rates: dict[int, int] = {}
        self._heard: set[int] = set()
        self._last_report: dict[int, tuple[int, float]] = {}

    def add(self, packet: RtpPacket, clock_rate: int) -> None:
        """Count a packet."""
        if packet.ssrc not in self._streams:
            self._forget_oldest()
            self._streams[packet.ssrc] = StreamStatistics(clock_rate)
            self._clock_rates[packet.ssrc] = clock_rate
        self._streams[packet.ssrc].add(packet)
        self._heard.add(packet.ssrc)

    @property
    def fresh(self) -> bool:
        """Whether there is anything to report."""
        return bool(self._heard)

    def jitter_s(self, ssrc: int | None) -> float:
        """Return how unevenly this stream's packets arrive, in seconds."""
        stream = self._streams.get(ssrc) if ssrc is not None else None
        return stream.jitter / self._clock_rates[ssrc] if stream is not None and ssrc is not None else 0.0

    def sender_report(self, packet: RtcpSrPacket) -> None:
        """Remember when the sender spoke of itself: our reports let it measure the round trip."""
        if packet.ssrc in self._streams:
            stamp = (packet.sender_info.ntp_timestamp >> 16) & _MASK
            self._last_report[packet.ssrc] = stamp, time.monotonic()

    def take(self) -> list[RtcpReceiverInfo]:
        """Return a report for every SSRC heard since the last time."""
        heard, self._heard = self._heard, set()
        return [self._info(ssrc, self._streams[ssrc]) for ssrc in sorted(heard) if ssrc in self._streams]

    def _info(self, ssrc: int, stream: StreamStatistics) -> RtcpReceiverInfo:
        stamp, at = self._last_report.get(ssrc, (0, None))
        delay = 0 if at is None else int((time.monotonic() - at) * 65536)
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=min(stream.fraction_lost, 255),
            packets_lost=stream.packets_lost,
            highest_sequence=(stream.cycles + (stream.max_seq or 0)) & _MASK,
            jitter=min(stream.jitter, _MASK),
            lsr=stamp,
            dlsr=min(delay, _MASK),
        )

    def _forget_oldest(self) -> None:
        while len(self._streams) >= _MAX_SSRCS:
            oldest = next(iter(self._streams))
            del self._streams[oldest], self._clock_rates[oldest]
            self._last_report.pop(oldest, None)
