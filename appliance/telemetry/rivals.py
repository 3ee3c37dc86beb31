"""Notices a second machine with this room's identity, such as one whose card was copied."""

from collections import deque

IDENTITY = "identity"
"""The service that is unwell while there is one."""
_MOST, _WITHIN_S = 5, 300.0


class Rivals:
    """Counts how often another one showed itself: a restart of this room may look like one, once or twice."""

    def __init__(self) -> None:
        self._met: deque[float] = deque(maxlen=_MOST)
        self.told = False
        """It was there when it was last asked."""

    def met(self, now: float) -> None:
        """Take in that another one has spoken for this room, or taken its session."""
        self._met.append(now)

    def changed(self, now: float) -> bool:
        """Whether there is one now, and was not before, or the other way round."""
        while self._met and now - self._met[0] > _WITHIN_S:
            self._met.popleft()
        there = len(self._met) == _MOST
        changed, self.told = there != self.told, there
        return changed
