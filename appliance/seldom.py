"""Keeps what comes and goes from filling the log: the first times are a story, the rest is noise."""

import time
from collections import deque
from collections.abc import Callable

_MOST, _WITHIN_S = 6, 600.0


class Seldom:
    """Knows whether one more line is worth it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: deque[float] = deque(maxlen=_MOST)

    def may(self) -> bool:
        """Whether to say it: six times in ten minutes, and then whenever the sixth last is ten minutes old."""
        now = self._clock()
        if len(self._said) == _MOST and now - self._said[0] < _WITHIN_S:
            return False
        self._said.append(now)
        return True
