"""What the camera sends for a number of bits per second: sizes, frame rates, or nothing but sound. Pure.

Down at once, up only after a while: each step costs a key frame, and a picture that keeps changing its size is worse
than a small one.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

_UP_AFTER_S = 3.0
_ROOM = 1.25
"""A rung is climbed when there is this much more than it needs."""
ENOUGH = {1: 2_500_000, 2: 400_000, 4: 120_000}
"""More than this does nothing for a layer, by what its size is divided by."""
ALL = frozenset(ENOUGH)
_LEAST = {1: 480_000, 2: 200_000, 4: 100_000}
"""Less than this is too little for a simulcast layer at full rate."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One encode of the camera's picture."""

    divisor: int
    """Of width and height: 1, 2 or 4."""
    fps: int
    bitrate: int
    place: int
    """The simulcast layer as which it is sent, by what that one's size is divided by."""


@dataclass(frozen=True, slots=True)
class _Rung:
    least: int
    """Bits per second it takes."""
    layers: tuple[tuple[int, int], ...]
    """(divisor, frame rate), the smallest first."""
    place: int | None = None
    """The simulcast layer that its only picture is sent as; None where each is sent as its own."""


_ONE = (
    _Rung(0, ()),
    _Rung(50_000, ((4, 15),)),
    _Rung(110_000, ((2, 15),)),
    _Rung(220_000, ((2, 30),)),
    _Rung(550_000, ((1, 30),)),
)


class Ladder:
    """Where one camera stands."""

    def __init__(self, *, simulcast: bool = False) -> None:
        self._simulcast = simulcast
        self._wanted = ALL
        self._rungs = _simulcast(ALL) if simulcast else _ONE
        self._rung: _Rung | None = None
        self._better_since: float | None = None

    def layers(self, budget: int, now: float, wanted: frozenset[int] = ALL) -> tuple[Layer, ...]:
        """Return what to send, the smallest layer first; nothing when there is room for sound only.

        `wanted` are the divisors of the simulcast layers that somebody receives. While there is no room for even the
        smallest of them, the largest picture that fits is sent in its place: a server would need seconds to find out
        that it has to forward another one.
        """
        if self._simulcast and wanted != self._wanted:
            self._wanted, self._rungs, self._rung = wanted, _simulcast(wanted), None
        if self._rung is None or budget < self._rung.least:
            self._rung, self._better_since = self._highest(budget), None
        else:
            self._climb(budget, now)
        return tuple(_shared(self._rung, budget))

    def _climb(self, budget: int, now: float) -> None:
        better = self._highest(int(budget / _ROOM))
        if self._rung is None or better.least <= self._rung.least:
            self._better_since = None
        elif self._better_since is None:
            self._better_since = now
        elif now - self._better_since >= _UP_AFTER_S:
            self._rung, self._better_since = better, None

    def _highest(self, budget: int) -> _Rung:
        return max((rung for rung in self._rungs if rung.least <= max(budget, 0)), key=lambda rung: rung.least)


def _simulcast(wanted: AbstractSet[int]) -> tuple[_Rung, ...]:
    """Return a rung for each wanted layer, with all smaller ones; below them, the same picture smaller or slower."""
    divisors = sorted(wanted, reverse=True)
    if not divisors:
        return _ONE[:1]
    smallest = divisors[0]
    below = [
        replace(rung, place=smallest)
        for rung in _ONE
        if rung.least < _LEAST[smallest] and all(d >= smallest for d, _ in rung.layers)
    ]
    rungs = []
    for count, divisor in enumerate(divisors, 1):
        least = sum(ENOUGH[smaller] for smaller in divisors[: count - 1]) + _LEAST[divisor]
        rungs.append(_Rung(least, tuple((each, 30) for each in divisors[:count])))
    return (*below, *rungs)


def _shared(rung: _Rung, budget: int) -> list[Layer]:
    """Share a budget: the smaller layers get what is enough for them, the largest what is left."""
    shared = []
    for divisor, fps in rung.layers:
        largest = (divisor, fps) == rung.layers[-1]
        bitrate = min(budget if largest else int(0.5 * budget), ENOUGH[divisor])
        shared.append(Layer(divisor, fps, bitrate, rung.place or divisor))
        budget -= bitrate
    return shared
