"""Whether somebody is in the room, by a motion sensor: it sees movement, people sit still, so it is held for minutes.

gpiozero's own MotionSensor samples ten times a second and averages five: a movement of 200 ms can pass between. Edges
do not.
"""

import time
from collections.abc import Callable
from typing import Self

from hardware.gpio.buttons import Watched
from hardware.gpio.ports import InputLine

_ON_S, _OFF_S = 0.05, 0.05
"""Less than a sensor's shortest pulse, more than what a phone beside its cable makes."""
_STUCK_S = 6 * 3600.0


class Occupancy:
    """Pure: occupied from the first movement until `hold_s` after the end of the last."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._moving_since: float | None = None
        self._seen: float | None = None

    def take(self, at_s: float, *, moving: bool) -> None:
        """Take in what the sensor says."""
        if moving:
            self._moving_since = at_s if self._moving_since is None else self._moving_since
        elif self._moving_since is not None:
            self._moving_since, self._seen = None, at_s

    def occupied(self, now_s: float) -> bool:
        """Whether somebody is there."""
        return self._moving_since is not None or (self._seen is not None and now_s - self._seen < self._hold_s)

    def fault(self, now_s: float) -> str:
        """Say what is wrong with the sensor, empty while it is fine."""
        stuck = self._moving_since is not None and now_s - self._moving_since > _STUCK_S
        return "has seen movement without a pause for six hours: it is stuck, or looks at a fan." if stuck else ""


class Motion:
    """A motion sensor on a wire."""

    def __init__(self, line: InputLine, *, hold_s: float, wake: Callable[[], None]) -> None:
        self._wire = Watched(line, on_s=_ON_S, off_s=_OFF_S)
        self._occupancy = Occupancy(hold_s)
        self._wake = wake

    @property
    def name(self) -> str:
        return self._wire.name

    def __enter__(self) -> Self:
        self._wire.open(self._wake)
        self._occupancy.take(time.monotonic(), moving=self._wire.active)
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def occupied(self) -> bool:
        """Look, and say whether somebody is there; raise `DeviceError` when the wire is gone."""
        for edge in self._wire.look():
            self._occupancy.take(edge.at_s, moving=edge.active)
        return self._occupancy.occupied(time.monotonic())

    def fault(self) -> str:
        """Say what is wrong with it, empty while it is fine."""
        found = self._occupancy.fault(time.monotonic())
        return found and f"The motion sensor at {self.name} {found}"
