"""When to try whether the link carries more, by a burst at a higher rate: at the start, after a fall, now and then."""

from dataclasses import dataclass

from appliance.media.rtc.congestion.throughput import Probed

_LENGTH_US = 15_000
_LONG_US = 100_000
"""Long enough to meet the other flows on the link; a short one finds room in their pauses."""
_LEAST_BYTES = 5 * 1000
_FIRST = (3.0, 6.0)
_FURTHER = 2.0
_AGAIN = 1.5
_WORTH = 0.7
"""A probe that showed this share of its rate is worth a further one."""
_AFTER_FALL_US = 2_000_000
_EVERY_US = 5_000_000
_LONGEST_US = 40_000_000
_FALL = 0.66
_TIMEOUT_US = 1_000_000
_MARGIN = 1.05
_RETRY_US = 300_000
_MOST_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """Send at least `size` bytes at `rate` bits per second, at once; padding where there is no media."""

    rate: int
    size: int


class Prober:
    """Decides on probes, one at a time."""

    def __init__(self) -> None:
        self._planned = list(_FIRST)
        self._begun: int | None = None
        self._rate = 0
        self._next_at: int | None = None
        self._wait_us = _EVERY_US
        self._highest = 0
        self._retries = 0

    def next(self, now: int, *, target: int, most: int) -> Probe | None:
        """Return the probe to send now, if any. `most` is what the sender could use."""
        if self._begun is not None:
            if now - self._begun < _TIMEOUT_US:
                return None
            self.done(None, target=target, now=now)
        if target >= most:
            # sound alone uses little; what was planned is for the picture that comes later
            return None
        if self._planned:
            return self._probe(int(target * self._planned.pop(0)), most, now)
        if self._next_at is None or now < self._next_at:
            return None
        return self._probe(int(target * _AGAIN), most, now, length=_LONG_US)

    def done(self, result: Probed | None, *, target: int, now: int) -> None:
        """Take what a probe showed; `target` is the rate from before it."""
        self._begun = None
        if result is not None and result.sent < _WORTH * self._rate and self._retries < _MOST_RETRIES:
            # it was us who were slow, so it proved nothing
            self._retries += 1
            self._next_at = now + _RETRY_US
            return
        self._retries = 0
        if result is not None and result.carried >= max(_WORTH * self._rate, target):
            self._planned = self._planned or [_FURTHER]
            self._wait_us = _EVERY_US
        else:
            self._planned.clear()
            # a link that was found full again and again is asked ever less often
            self._wait_us = min(self._wait_us * 2, _LONGEST_US)
        self._next_at = now + self._wait_us

    def fell(self, before: int, after: int, now: int) -> None:
        """Note that the rate had to go down."""
        self._planned.clear()
        self._highest = max(self._highest, before)
        if after < _FALL * self._highest:
            self._highest = after
            self._wait_us = _EVERY_US
            self._next_at = now + _AFTER_FALL_US
        else:
            self._next_at = now + self._wait_us

    def _probe(self, rate: int, most: int, now: int, *, length: int = _LENGTH_US) -> Probe:
        self._begun = now
        self._rate = min(rate, int(most * _MARGIN))
        return Probe(self._rate, max(self._rate * length // 8_000_000, _LEAST_BYTES))
