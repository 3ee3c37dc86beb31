"""From what the link does to a rate: AIMD on delay (draft-ietf-rmcat-gcc-02, section 5.5), and losses (section 6)."""

from appliance.media.rtc.congestion.delay import Usage

_SECOND = 1_000_000
_BACK_OFF = 0.85
_GROWTH = 1.08
"""Per second, until the link was full for the first time; then two flows that share it must come to the same rate."""
_HEADROOM = 1.5
_SPARE = 10_000
_PACKET_BITS = 1200 * 8
_LEAST_GROWTH = 4_000
"""Bits per second and second."""
_RESPONSE_US = 100_000
_SLOW_US = 200_000


class DelayRate:
    """Grows while the queue does not, backs off to a little less than what arrives when it does."""

    def __init__(self, *, start: int, least: int, most: int) -> None:
        self.rate = start
        self._least, self._most = least, most
        self._met_limit = False
        self._holding = False
        self._updated_at: int | None = None
        self._backed_off_at: int | None = None

    def limit(self, most: int) -> None:
        """Never grow beyond `most` from now on; what is known already stays known."""
        self._most = max(most, self._least)

    def jump(self, rate: int) -> None:
        """Take a rate that was proved otherwise."""
        self.rate = min(max(rate, self._least), self._most)

    def update(self, usage: Usage, *, arriving: int | None, rtt_us: int, now: int) -> bool:
        """Adapt the rate; True when it backed off."""
        elapsed = 0 if self._updated_at is None else min(now - self._updated_at, _SECOND)
        self._updated_at = now
        match usage:
            case Usage.OVER:
                return self._back_off(arriving, rtt_us, now)
            case Usage.UNDER:
                # the queue empties: whatever is added now would only delay that
                self._holding = True
            case Usage.NORMAL if self._holding:
                self._holding = False
            case Usage.NORMAL:
                self._grow(arriving, rtt_us, elapsed)
        return False

    def _grow(self, arriving: int | None, rtt_us: int, elapsed: int) -> None:
        if self._met_limit:
            grown = self.rate + max(_PACKET_BITS * _SECOND / (rtt_us + _RESPONSE_US), _LEAST_GROWTH) * elapsed / _SECOND
        else:
            grown = self.rate * _GROWTH ** (elapsed / _SECOND) + 1
        # what was never tried is not known to work
        tried = self._most if arriving is None else _HEADROOM * arriving + _SPARE
        self.rate = max(self.rate, int(min(grown, tried, self._most)))

    def _back_off(self, arriving: int | None, rtt_us: int, now: int) -> bool:
        wait = min(max(rtt_us, 10_000), _SLOW_US)
        soon = self._backed_off_at is not None and now - self._backed_off_at < wait
        if soon and (arriving is None or arriving > self.rate // 2):
            return False
        self._backed_off_at, self._holding, self._met_limit = now, True, True
        rate = self.rate * _BACK_OFF if arriving is None else arriving * _BACK_OFF
        self.rate = max(int(min(rate, self.rate)), self._least)
        return True
