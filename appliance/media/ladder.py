"""What the camera sends for a number of bits per second: sizes, frame rates, or nothing but sound. Pure.

Down at once, up only after a while: each step costs a key frame, and a picture that keeps changing its size is worse
than a small one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_UP_AFTER_S = 3.0
_ROOM = 1.25
"""A rung is climbed when there is this much more than it needs."""
ENOUGH = {1: 2_500_000, 2: 400_000, 4: 120_000}
"""More than this does nothing for a layer, by what its size is divided by."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One encode of the camera's picture."""

    divisor: int
    """Of width and height: 1, 2 or 4."""
    fps: int
    bitrate: int


@dataclass(frozen=True, slots=True)
class _Rung:
    least: int
    """Bits per second it takes."""
    layers: tuple[tuple[int, int], ...]
    """(divisor, frame rate), the smallest first."""


_ONE = (
    _Rung(0, ()),
    _Rung(50_000, ((4, 15),)),
    _Rung(110_000, ((2, 15),)),
    _Rung(220_000, ((2, 30),)),
    _Rung(550_000, ((1, 30),)),
)
_SIMULCAST = (
    _Rung(0, ()),
    _Rung(50_000, ((4, 15),)),
    _Rung(100_000, ((4, 30),)),
    _Rung(320_000, ((4, 30), (2, 30))),
    _Rung(1_000_000, ((4, 30), (2, 30), (1, 30))),
)


class Ladder:
    """Where one camera stands."""

    def __init__(self, *, simulcast: bool = False) -> None:
        self._rungs = _SIMULCAST if simulcast else _ONE
        self._rung: _Rung | None = None
        self._better_since: float | None = None

    def layers(self, budget: int, now: float) -> tuple[Layer, ...]:
        """Return what to send, the smallest layer first; nothing when there is room for sound only."""
        if self._rung is None:
            self._rung = self._highest(budget)
        elif budget < self._rung.least:
            self._rung, self._better_since = self._highest(budget), None
        else:
            self._climb(budget, now)
        return tuple(_shared(self._rung.layers, budget))

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


def _shared(layers: Sequence[tuple[int, int]], budget: int) -> list[Layer]:
    """Share a budget: the smaller layers get what is enough for them, the largest what is left."""
    shared = []
    for divisor, fps in layers:
        largest = (divisor, fps) == layers[-1]
        bitrate = min(budget if largest else int(0.5 * budget), ENOUGH[divisor])
        shared.append(Layer(divisor, fps, bitrate))
        budget -= bitrate
    return shared
