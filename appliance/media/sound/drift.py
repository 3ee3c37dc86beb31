"""How two clocks run against each other, from echoes: a straight line through which sample was heard when."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_KEPT = 24
_FEWEST, _SHORTEST_S = 3, 1.0
_ODD_SAMPLES = 3.0
"""A look that is further from the line saw another reflection."""
_PRECISE_SAMPLES = 0.15
_ROUNDS = 4


class _Look(NamedTuple):
    captured: float
    played: float
    speed: float
    """At which the reference was read then: wrong by much, it smears the look."""
    length: float


@dataclass(frozen=True, slots=True)
class Line:
    """played = at + speed * (captured - since), in samples."""

    since: float
    at: float
    speed: float
    off_ppm: float
    """Two standard deviations of the speed."""

    def played(self, captured: float) -> float:
        """Return which played sample is heard with a captured one."""
        return self.at + self.speed * (captured - self.since)


class EchoLine:
    """Fits what the looks at the bulk delay found, one a second or so."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._looks: deque[_Look] = deque(maxlen=_KEPT)
        self.line: Line | None = None

    def forget(self) -> None:
        """Begin anew: time jumped on one side."""
        self._looks.clear()
        self.line = None

    def add(self, captured: float, played: float, *, speed: float, length: float) -> None:
        """Learn that around a captured sample the echo of a played one was heard.

        The look took in `length` samples, with the reference read at `speed`.
        """
        self._looks.append(_Look(captured, played, speed, length))
        if self._left_behind():
            self._looks = deque(list(self._looks)[-_FEWEST:], maxlen=_KEPT)
        long = captured - self._looks[0].captured >= _SHORTEST_S * self._rate
        self.line = _fitted(np.array(self._looks)) if len(self._looks) >= _FEWEST and long else None

    def _left_behind(self) -> bool:
        """Whether the newest looks agree that the echo has left the line, as when a clock changes its speed."""
        if self.line is None:
            return False
        off = [it.played - self.line.played(it.captured) for it in list(self._looks)[-_FEWEST:]]
        return min(off) > _ODD_SAMPLES or max(off) < -_ODD_SAMPLES


def _fitted(looks: NDArray[np.float64]) -> Line | None:
    """Return the line, weighted by how sharp each look was; None when the looks are on none."""
    captured, played, speeds, lengths = looks.T
    since = float(captured[-1])
    moments, found = captured - since, played - captured
    speed, at = float(np.median(speeds)), 0.0
    odd = np.zeros(len(looks))
    for _ in range(_ROUNDS):
        # where in a look the words were is not known: at a wrong speed that is an error
        blur = _PRECISE_SAMPLES + 0.15 * np.abs(speeds - speed) * lengths + odd
        slope, at = np.polyfit(moments, found, 1, w=1 / blur)
        speed = 1 + float(slope)
        away = np.abs(found - at - slope * moments)
        odd = np.maximum(away - _ODD_SAMPLES, 0) * 3
    weights = 1 / blur**2
    middle = float(np.sum(weights * moments) / np.sum(weights))
    spread = max(1.0, float(np.sqrt(np.mean(np.square(away / blur)))))
    error = 2 * spread / float(np.sqrt(np.sum(weights * np.square(moments - middle))))
    fine = float(np.median(away)) < _ODD_SAMPLES
    return Line(since, since + float(at), speed, error * 1e6) if fine else None
