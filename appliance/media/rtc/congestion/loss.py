"""What lost packets say of the link: less than 2 % is nothing, more than 10 % too much (draft-ietf-rmcat-gcc-02, 6).

Unlike the draft this asks whether sending less helped. Radio loses a tenth of the packets at any rate; there, backing
off for ever would end at the lowest rate and lose a tenth of that.
"""

_SECOND = 1_000_000
_LITTLE, _MUCH = 0.02, 0.10
_GROWTH = 1.08
_SLOW_GROWTH = 1.03
"""Between little and much; the draft holds the rate there, and would do so for ever on a link that loses a little."""
_WINDOW_US, _WINDOW_PACKETS = 200_000, 40
_LONG_WINDOW_US, _FEW_PACKETS = 1_000_000, 10
_REACTION_US = 100_000
_CLEAR_CUT = 0.85
"""After backing off to this share of a rate it must show whether that helped."""
_TESTS = 2
"""So often in vain, and the loss is not ours: once may have been a link that had just changed."""
_BELIEVED_US = 30_000_000
_MOST_INHERENT = 0.3
_LEARNING = 0.1


class LossRate:
    """A limit that exists only while packets are lost."""

    def __init__(self, *, least: int) -> None:
        self.limit: int | None = None
        self.fraction = 0.0
        """Share of packets lost lately."""
        self._least = least
        self._delivered = self._lost = 0
        self._since: int | None = None
        self._cut_from: tuple[int, float] | None = None
        """Rate and loss before we began to back off."""
        self._in_vain = 0
        self._inherent = 0.0
        """Loss that does not depend on us."""
        self._believed = 0.0
        self._believed_until = 0

    def lift(self) -> None:
        """Forget the limit: a probe has shown that the link carries more."""
        self.limit = self._cut_from = None
        self._in_vain = 0

    def update(self, delivered: int, lost: int, *, rate: int, rtt_us: int, now: int) -> None:
        """Count packets that were sent at about `rate`."""
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if elapsed < 0:
            # sent before we backed off
            return
        self._delivered += delivered
        self._lost += lost
        packets = self._delivered + self._lost
        full = elapsed >= _WINDOW_US and packets >= _WINDOW_PACKETS
        if full or (elapsed >= _LONG_WINDOW_US and packets >= _FEW_PACKETS):
            self.fraction = min(max(self._lost / packets, 0.0), 1.0)
            self._delivered = self._lost = 0
            self._since = now
            self._judge(rate, elapsed, rtt_us, now)

    def _judge(self, rate: int, elapsed: int, rtt_us: int, now: int) -> None:
        drift = _LEARNING * (self.fraction - self._inherent)
        self._inherent = 0.0 if now > self._believed_until else min(self._inherent + drift, self._believed)
        excess = (self.fraction - self._inherent) / (1 - self._inherent)
        if excess > _MUCH:
            self._compare(rate)
            if self._in_vain < _TESTS:
                self.limit = max(int(rate * (1 - excess / 2)), self._least)
                self._since = now + rtt_us + _REACTION_US
            else:
                self._inherent = self._believed = min(self.fraction, _MOST_INHERENT)
                self._believed_until = now + _BELIEVED_US
                self.lift()
            return
        if excess < _LITTLE:
            self._cut_from, self._in_vain = None, 0
        self._grow(_GROWTH if excess < _LITTLE else _SLOW_GROWTH, rate, elapsed)

    def _compare(self, rate: int) -> None:
        """Look whether backing off has made the loss smaller."""
        if self._cut_from is None:
            self._cut_from = rate, self.fraction
        before, loss = self._cut_from
        if rate > _CLEAR_CUT * before:
            return
        # a full link would carry as much as before, and lose the less the less we send
        expected = max(0.0, 1 - (1 - loss) * before / rate)
        helped = self.fraction < (loss + expected) / 2
        self._cut_from, self._in_vain = (rate, self.fraction), 0 if helped else self._in_vain + 1

    def _grow(self, growth: float, rate: int, elapsed: int) -> None:
        if self.limit is not None:
            self.limit = int(self.limit * growth ** (min(elapsed, _SECOND) / _SECOND)) + 1
            if self.limit > 2 * rate:
                self.limit = None
