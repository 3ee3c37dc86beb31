"""What a hand did, out of a button's clean edges: pure, and suspicious of everything no hand does.

A press is told when it begins: what makes a room safer should not wait. A tap is told when it ends, and only if it
was a clean one: what opens a microphone should not happen because a button hangs, a cable flickers or was pinched.
"""

from collections import deque
from dataclasses import dataclass

from hardware.gpio.debounce import Edge

AGAIN_S = 0.3
"""A press so soon after another is no tap: nobody decides that fast, but a worn contact does."""
SHORTEST_S, LONGEST_S = 0.04, 2.0
"""How long a tap is held. A hand's quickest take 50 ms or more."""
STUCK_S = 15.0
_MANY, _MANY_S = 8, 3.0
_QUIET_S = 2.0


@dataclass(frozen=True, slots=True)
class Press:
    """The button went down."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Tap:
    """The button came up again after a press as a hand does it."""

    at_s: float
    held_s: float


class PressReader:
    """Takes clean edges, gives presses and taps. A button that is down from the start must come up once first."""

    def __init__(self) -> None:
        self._down: float | None = None
        """Since when the button is down; None while it is up, and while it was never seen up."""
        self._seen_up = False
        self._counts = False
        """Whether the press that is on may become a tap."""
        self._last = float("-inf")
        self._downs: deque[float] = deque(maxlen=_MANY)
        self._wild_until = float("-inf")

    def begin(self, at_s: float, *, active: bool) -> None:
        """Take in how the button is found; down is no press."""
        self._seen_up = not active
        self._down = at_s if active else None
        self._counts = False

    def take(self, edge: Edge) -> Press | Tap | None:
        """Take in an edge, in the order of time."""
        return self._pressed(edge.at_s) if edge.active else self._let_go(edge.at_s)

    def fault(self, now_s: float) -> str:
        """Say what is wrong with the button, in words; empty while it is fine."""
        if self._down is not None and now_s - self._down >= STUCK_S:
            return "is held down all the time: it hangs, or its wire touches something."
        if now_s < self._wild_until:
            return (
                "is pressed faster than a hand can: its cable is loose, or worn out. Taps do not count until it rests."
            )
        return ""

    def _pressed(self, at_s: float) -> Press | None:
        self._down = at_s
        self._downs.append(at_s)
        many = len(self._downs) == _MANY and at_s - self._downs[0] < _MANY_S
        if many or at_s < self._wild_until:
            self._wild_until = at_s + _QUIET_S
        self._counts = self._seen_up and at_s - self._last >= AGAIN_S
        self._last = at_s
        return Press(at_s) if self._seen_up else None

    def _let_go(self, at_s: float) -> Tap | None:
        down, self._down, self._seen_up = self._down, None, True
        if down is None or not self._counts or at_s < self._wild_until:
            return None
        held_s = at_s - down
        return Tap(at_s, held_s) if SHORTEST_S <= held_s <= LONGEST_S else None
