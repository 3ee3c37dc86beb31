"""How often something may happen: token buckets, one for each caller and one for all of them together."""

import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_CALLERS = 4096


class Bucket:
    """Allows bursts of `burst`, and `per_s` a second in the long run."""

    def __init__(self, burst: float, per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._left = burst
        self._at = clock()

    def take(self, amount: float = 1.0) -> bool:
        """Take from the bucket; False when it is empty."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._per_s, self._burst)
        self._at = now
        if self._left < amount:
            return False
        self._left -= amount
        return True


class CallerLimits:
    """A bucket for each address and one for all."""

    def __init__(
        self, *, each: tuple[float, float], total: tuple[float, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._clock = clock
        self._all = Bucket(*total, clock=clock)
        self._callers: OrderedDict[str, Bucket] = OrderedDict()

    def allow(self, caller: str) -> bool:
        """Whether this caller may go on now."""
        bucket = self._callers.pop(caller, None) or Bucket(*self._each, clock=self._clock)
        self._callers[caller] = bucket
        if len(self._callers) > _MAX_CALLERS:
            self._callers.popitem(last=False)
        return bucket.take() and self._all.take()
