"""Clean edges out of a dirty wire. Ours, because only some drivers have a debouncer, and none the same. Pure.

A level counts once it has held still for a window: so a contact may bounce as long as it likes in shorter jumps than
that, and a disturbance that is shorter never was. Contacts bounce for 1.5 ms on average and 6 ms at worst, rare ones
for more than 100 ms (J. Ganssle, "A Guide to Debouncing", 2004/2014).
"""

from collections import deque
from dataclasses import dataclass

_RESTLESS_S = 1.0
_RESTLESS = 40
"""So many jumps within a second are no hand: a loose wire, or a motor beside it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A change that counts."""

    at_s: float
    """When it began, monotonic; it is known a window later."""
    active: bool


class Debouncer:
    """Told of jumps, which may be late, and of the time that passes, at `due_s` at the latest; says what changed."""

    def __init__(self, *, on_s: float, off_s: float, active: bool = False, at_s: float) -> None:
        """`on_s` and `off_s`: how long a level must hold before it counts; `active`: what counts at `at_s`."""
        self._windows = {True: on_s, False: off_s}
        self.active = active
        """What counts now."""
        self._level, self._since, self._newest = active, at_s, at_s
        self._jumps: deque[float] = deque(maxlen=_RESTLESS)

    @property
    def due_s(self) -> float | None:
        """When the level, if it holds, counts; None while nothing is on its way."""
        return None if self._level == self.active else self._since + self._windows[self._level]

    def take(self, at_s: float, active: bool, /) -> Edge | None:
        """Take in the level at a jump. What held still long enough before it jumped counts too.

        A jump from before another that was told already counts as at that one's time. One from before the time that
        passed keeps its own: a thread that was late makes no press longer.
        """
        at_s = self._newest = max(at_s, self._newest)
        edge = self.settle(at_s)
        if active != self._level:
            self._level, self._since = active, at_s
            self._jumps.append(at_s)
        return edge

    def settle(self, at_s: float) -> Edge | None:
        """Let time pass without a jump."""
        due_s = self.due_s
        if due_s is None or at_s < due_s:
            return None
        self.active = self._level
        return Edge(self._since, self.active)

    @property
    def level(self) -> bool:
        """What was told last."""
        return self._level

    def restless(self, at_s: float) -> bool:
        """Whether the wire jumps as no hand can."""
        return len(self._jumps) == _RESTLESS and at_s - self._jumps[0] < _RESTLESS_S
