"""How much of what we sent arrives per second: of everything lately, and of one probe."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.media.rtc.congestion.sendlog import Delivered

_WINDOW_US = 500_000
_LEAST_US = 150_000
_LEAST_PACKETS = 10
_SECOND = 1_000_000
_BAD_PROBE = 2.0
_SATURATED = 0.9
_PROBE_SHARE = 0.95
_LEAST_PROBE_PACKETS = 4


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of a probe."""

    sent: int
    """The rate at which it really left: a busy machine falls behind."""
    carried: int
    """What it proves that the link carries."""


class Throughput:
    """The acknowledged bitrate over the last half second."""

    def __init__(self) -> None:
        self._packets: deque[Delivered] = deque()
        self._bytes = 0

    def update(self, packets: Sequence[Delivered]) -> int | None:
        """Learn what arrived; return bits per second, or None before there is enough to tell."""
        self._packets.extend(packets)
        self._bytes += sum(packet.size for packet in packets)
        if not self._packets:
            return None
        newest = self._packets[-1].arrived_us
        while self._packets and not 0 <= newest - self._packets[0].arrived_us <= _WINDOW_US:
            self._bytes -= self._packets.popleft().size
        span = newest - self._packets[0].arrived_us if self._packets else 0
        if span < _LEAST_US or len(self._packets) < _LEAST_PACKETS:
            return None
        return (self._bytes - self._packets[0].size) * 8 * _SECOND // span


def probed(packets: Sequence[Delivered]) -> Probed | None:
    """Return what a probe's packets prove, in bits per second; None if nothing."""
    if len(packets) < _LEAST_PROBE_PACKETS:
        return None
    by_sending = sorted(packets, key=lambda packet: packet.sent_us)
    by_arrival = sorted(packets, key=lambda packet: packet.arrived_us)
    sent_us = by_sending[-1].sent_us - by_sending[0].sent_us
    arrived_us = by_arrival[-1].arrived_us - by_arrival[0].arrived_us
    total = sum(packet.size for packet in packets)
    if sent_us <= 0 or arrived_us <= 0:
        return None
    sent = (total - by_sending[-1].size) * 8 * _SECOND // sent_us
    arrived = (total - by_arrival[0].size) * 8 * _SECOND // arrived_us
    if arrived > _BAD_PROBE * sent:
        return None
    # slower than it was sent: that was all the link could carry, so keep a little below
    return Probed(sent, int(arrived * _PROBE_SHARE) if arrived < _SATURATED * sent else min(sent, arrived))
