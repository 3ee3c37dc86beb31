"""How long received sound should wait before it is played: long enough for nearly all packets, and no longer.

After NetEQ's delay manager: a histogram, slowly forgotten, of how much later than the quickest each packet came.
"""

from collections import deque

import numpy as np

LEAST_MS, MOST_MS = 20.0, 300.0
_BUCKET_MS = 5.0
_BUCKETS = int(MOST_MS / _BUCKET_MS)
_FIRST_MS = 40.0
"""To begin with, before anything is known; taken back like any delay that is not needed."""
_QUANTILE = 0.97
_FORGET = 0.995
"""Of each packet that arrives: what was learned fades in about four seconds."""
_QUICK_FORGET = 0.8
"""At the beginning, when little is known."""
_REVIEW_EVERY = 10
"""Packets from one look at the histogram to the next; one that is later than expected is looked at at once."""
_HEAVY = 1e9
_FLOOR_SLOT_MS = 500.0
_FLOOR_SLOTS = 10
"""The quickest packet of the last five seconds sets the clock: neither two clocks' drift nor another route lasts."""
_DECAY = 0.05
"""Milliseconds per millisecond by which a delay that was needed once is taken back."""
_REPAIR_MS = 20.0
"""The packet after a lost one brings the lost one's sound again."""
_LOSS_FORGET = 0.995
_LOSSY = 0.005


class TargetDelay:
    """What one stream needs. All times are milliseconds; `sent_ms` is on the sender's clock."""

    def __init__(self) -> None:
        self.least_ms = LEAST_MS
        """What is wanted for other reasons than jitter: lip sync."""
        self._floor: deque[tuple[float, float]] = deque(maxlen=_FLOOR_SLOTS)
        self._floor_ms: float | None = None
        self._histogram = [0.0] * _BUCKETS
        self._weight, self._forget = 1.0, _QUICK_FORGET
        self._until_review = 0
        self._needed, self._needed_at = _FIRST_MS, 0.0
        self._jitter_ms = 0.0
        self._loss = 0.0

    def arrived(self, sent_ms: float, now_ms: float) -> None:
        """Learn from a packet."""
        if self._floor_ms is None:
            self._needed_at = now_ms
        self._learn_floor(now_ms - sent_ms, now_ms)
        late = max(self.of(sent_ms, now_ms), 0.0)
        # to weigh each packet more than the last is to forget the last, at a fraction of the cost
        self._weight /= self._forget
        self._forget = min(_FORGET, self._forget + (1.0 - self._forget) * 0.1)
        self._histogram[min(int(late / _BUCKET_MS), _BUCKETS - 1)] += self._weight
        self._until_review -= 1
        if self._until_review <= 0 or late > self._jitter_ms:
            self._review()

    def was_late(self, delay_ms: float, now_ms: float) -> None:
        """Learn that a packet had to be waited for, and how much delay would have spared it."""
        if delay_ms > self._peak(now_ms):
            self._needed, self._needed_at = min(delay_ms, MOST_MS), now_ms

    def played(self, *, lost: bool) -> None:
        """Learn how many packets never come."""
        self._loss = self._loss * _LOSS_FORGET + (1.0 - _LOSS_FORGET) * lost

    def of(self, sent_ms: float, now_ms: float) -> float:
        """Return how long after its earliest possible arrival a sample would be played now."""
        return 0.0 if self._floor_ms is None else now_ms - sent_ms - self._floor_ms

    def at(self, now_ms: float) -> float:
        """Return the delay to aim for."""
        repair = _REPAIR_MS if self._loss > _LOSSY else 0.0
        wanted = max(self.least_ms, LEAST_MS, self._jitter_ms + repair, self._peak(now_ms))
        return min(wanted, MOST_MS)

    def forget_clock(self) -> None:
        """Begin with other timestamps; how the network behaves stays known."""
        self._floor.clear()
        self._floor_ms = None

    def _review(self) -> None:
        self._until_review = _REVIEW_EVERY
        shares = np.cumsum(self._histogram) / sum(self._histogram)
        self._jitter_ms = (1 + int(np.searchsorted(shares, _QUANTILE))) * _BUCKET_MS
        if self._weight > _HEAVY:
            self._histogram = [weight / self._weight for weight in self._histogram]
            self._weight = 1.0

    def _peak(self, now_ms: float) -> float:
        return self._needed - _DECAY * (now_ms - self._needed_at)

    def _learn_floor(self, transit_ms: float, now_ms: float) -> None:
        slot = now_ms // _FLOOR_SLOT_MS
        if self._floor and self._floor[-1][0] == slot:
            self._floor[-1] = slot, min(self._floor[-1][1], transit_ms)
        else:
            while self._floor and self._floor[0][0] < slot - _FLOOR_SLOTS:
                self._floor.popleft()
            self._floor.append((slot, transit_ms))
        self._floor_ms = min(transit for _, transit in self._floor)
