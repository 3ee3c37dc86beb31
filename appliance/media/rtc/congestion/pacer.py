"""Spreads packets over time, so that a key frame is no burst: sound at once, then repairs, then video."""

from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

from appliance.media.rtc.congestion.probing import Probe

T = TypeVar("T")
PACING, FALLEN_PACING = 2.5, 1.1
"""Times the target: video comes in lumps, and must not queue behind an average; while a queue drains it had better."""
_BURST_US = 4_000
_LATE_US = 2_000
"""Timers fire late; so much is caught up."""
_PROBE_BURST_US = 1_000
"""A probe's rate is measured from its packets, so they must not come in lumps."""
_LONGEST_US = 500_000
"""Whatever the rate, nothing waits longer."""
_SECOND = 1_000_000
_MOST_REPAIRS = 200
_REPAIR_SHARE, _FALLEN_REPAIR_SHARE = 1.0, 0.1
"""Of the rate; where a queue must drain a new key frame needs it more."""
_REPAIRS_US = 250_000
_LEAST_REPAIRS = 3_000
"""Bytes of repairs that may leave at once after a pause, if more than fits into that time."""


class Urgency(IntEnum):
    """What leaves first."""

    SOUND = 0
    REPAIR = 1
    VIDEO = 2


class Pacer(Generic[T]):
    """The queue in front of one transport."""

    def __init__(self, rate: int) -> None:
        self._pace = rate
        self._queues: dict[Urgency, deque[tuple[T, int]]] = {urgency: deque() for urgency in Urgency}
        self._bytes = 0
        self._hurry = 0
        """The least rate that empties the queue in time."""
        self._free_at = 0
        """When all that has left would be through at the pacing rate."""
        self._probe: Probe | None = None
        self._probe_left = 0

    @property
    def video_waits(self) -> bool:
        """Whether video is waiting: the next frame had better wait where it can still be dropped whole."""
        return bool(self._queues[Urgency.VIDEO])

    @property
    def probing(self) -> bool:
        """Whether a probe is going out, which repairs pad."""
        return self._probe is not None

    def set_rate(self, rate: int) -> None:
        """Learn how fast to send while anything waits."""
        self._pace = rate

    def start_probe(self, probe: Probe, now: int) -> None:
        """Send at the probe's rate from now on, until its bytes are out."""
        self._probe, self._probe_left = probe, probe.size
        # a pause after its first packet would count as the link's
        self._free_at = min(self._free_at, now)

    def push(self, item: T, size: int, urgency: Urgency) -> None:
        """Take a packet."""
        queue = self._queues[urgency]
        if urgency is Urgency.REPAIR and len(queue) >= _MOST_REPAIRS:
            # what could not be repaired in time is not repaired at all
            self._bytes -= queue.popleft()[1]
        queue.append((item, size))
        self._bytes += size
        self._hurry = max(self._hurry, self._bytes * 8 * _SECOND // _LONGEST_US)

    def due(self, now: int) -> list[T]:
        """Return what may leave now."""
        ready: list[T] = []
        # sound is too little to harm, but it counts
        while self._queues[Urgency.SOUND]:
            ready.append(self._take(Urgency.SOUND, now))
        if now < self._free_at and self._probe is None:
            return ready
        while self._free_at < now + self._burst_us and (urgency := self._first()) is not None:
            ready.append(self._take(urgency, now))
        return ready

    def padding(self, now: int) -> int:
        """Return how many bytes the probe lacks now; push repairs of what was sent before."""
        if self._probe is None or self._bytes or self._free_at >= now + _PROBE_BURST_US:
            return 0
        return self._probe_left

    def next_at(self) -> int | None:
        """Return when `due` or `padding` has something to say, None for an empty queue."""
        return self._free_at if self._bytes or self._probe is not None else None

    def clear(self) -> None:
        """Forget what waits."""
        for queue in self._queues.values():
            queue.clear()
        self._bytes = 0
        self._probe = None

    def end_probe(self) -> None:
        """Give the probe up: there is nothing to pad it with."""
        self._probe = None

    @property
    def _burst_us(self) -> int:
        return _BURST_US if self._probe is None else _PROBE_BURST_US

    def _first(self) -> Urgency | None:
        return next((urgency for urgency, queue in self._queues.items() if queue), None)

    def _take(self, urgency: Urgency, now: int) -> T:
        item, size = self._queues[urgency].popleft()
        self._bytes -= size
        self._account(size, now)
        return item

    def _account(self, size: int, now: int) -> None:
        self._free_at = max(self._free_at, now - _LATE_US) + size * 8 * _SECOND // self._rate()
        if not self._bytes:
            self._hurry = 0
        if self._probe is not None:
            self._probe_left -= size
            if self._probe_left <= 0:
                self._probe = None

    def _rate(self) -> int:
        if self._probe is not None:
            return self._probe.rate
        return max(self._pace, self._hurry, 1)


class RepairBudget:
    """What repairs may take of the rate: what was lost on a full link must not keep it full."""

    def __init__(self) -> None:
        self.rate = 0
        """Bits per second; 0 is as much as they like."""
        self._credit = 0
        self._at = 0

    def learn(self, target: int | None, *, fallen: bool = False) -> None:
        """Take the rate to send at on average, None while that is not known, and whether it has just become small."""
        self.rate = int((target or 0) * (_FALLEN_REPAIR_SHARE if fallen else _REPAIR_SHARE))

    def take(self, size: int, now: int) -> bool:
        """Tell whether a repair of so many bytes may be sent; who still misses it asks again."""
        if not self.rate:
            return True
        earned = self.rate * min(now - self._at, _REPAIRS_US) // (8 * _SECOND)
        most = max(self.rate * _REPAIRS_US // (8 * _SECOND), _LEAST_REPAIRS)
        if earned:
            self._credit, self._at = min(self._credit + earned, most), now
        if self._credit <= 0:
            return False
        self._credit -= size
        return True
