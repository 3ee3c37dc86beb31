"""A momentary button and a switch that stays: a wire with its debouncer, looked at by one thread."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Self

from hardware.gpio.debounce import Debouncer, Edge
from hardware.gpio.ports import InputLine
from hardware.gpio.press import Press, PressReader, Tap

BUTTON_S = 0.025
"""How long a button must hold still."""
ASSERT_S, RELEASE_S = 0.01, 0.25
"""A mute switch closes quickly and opens slowly."""
_WAITING = 256
_LOST_S = 0.1
"""So long the wire must be seen elsewhere than its jumps say before one of them counts as lost, not late."""
_RESTLESS = "flickers as no hand can: its cable is loose, or runs beside a motor's."


class Watched:
    """A wire whose jumps are remembered by the driver's thread until the user's looks.

    The wire itself is looked at too, so a jump that got lost does not matter. But a driver's thread that is late tells
    when a jump was, which a look does not know: two presses would be one.
    """

    def __init__(self, line: InputLine, *, on_s: float, off_s: float, initially: bool | None = None) -> None:
        """`initially` None: what it is found at."""
        self._line, self._on_s, self._off_s, self._initially = line, on_s, off_s, initially
        self._jumps: deque[tuple[float, bool]] = deque(maxlen=_WAITING)
        self._clean = Debouncer(on_s=on_s, off_s=off_s, at_s=0.0)
        self._differs_s: float | None = None
        """Since when the wire is seen elsewhere than its jumps say."""

    @property
    def name(self) -> str:
        return self._line.name

    @property
    def simulated(self) -> bool:
        return self._line.simulated

    @property
    def active(self) -> bool:
        """What counts."""
        return self._clean.active

    @property
    def due_s(self) -> float | None:
        """When to look next at the latest, if nothing calls before."""
        due_s = self._clean.due_s
        if self._differs_s is None:
            return due_s
        return min(self._differs_s + _LOST_S, float("inf") if due_s is None else due_s)

    def open(self, wake: Callable[[], None]) -> None:
        """Claim the wire; `wake` is called at each jump, on a thread of the driver's."""
        self._line.__enter__()
        try:
            active = self._line.read() if self._initially is None else self._initially
            self._clean = Debouncer(on_s=self._on_s, off_s=self._off_s, active=active, at_s=time.monotonic())

            def jumped(at_s: float, active: bool, /) -> None:
                self._jumps.append((at_s, active))
                wake()

            self._line.watch(jumped)
        except BaseException:
            self._line.__exit__()
            raise

    def close(self) -> None:
        """Let the wire go."""
        self._line.__exit__()

    def look(self) -> Iterator[Edge]:
        """Yield what changed since the last look, oldest first; raise `DeviceError` when the wire is gone."""
        while self._jumps:
            edge = self._clean.take(*self._jumps.popleft())
            if edge is not None:
                yield edge
        active, now_s = self._line.read(), time.monotonic()
        edge = self._clean.take(now_s, active) if self._lost(active, now_s) else self._clean.settle(now_s)
        if edge is not None:
            yield edge

    def _lost(self, active: bool, now_s: float) -> bool:
        """Say whether a jump to this level will not be told any more."""
        if active == self._clean.level:
            self._differs_s = None
        elif self._differs_s is None:
            self._differs_s = now_s
        return self._differs_s is not None and now_s - self._differs_s >= _LOST_S

    def restless(self) -> bool:
        """Whether the wire jumps as no hand can."""
        return self._clean.restless(time.monotonic())


class Button:
    """A momentary button."""

    def __init__(self, line: InputLine, *, wake: Callable[[], None]) -> None:
        self._wire = Watched(line, on_s=BUTTON_S, off_s=BUTTON_S)
        self._reader = PressReader()
        self._wake = wake

    def __enter__(self) -> Self:
        self._wire.open(self._wake)
        self._reader.begin(time.monotonic(), active=self._wire.active)
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    @property
    def name(self) -> str:
        return self._wire.name

    @property
    def due_s(self) -> float | None:
        """When to look next at the latest."""
        return self._wire.due_s

    def look(self) -> list[Press | Tap]:
        """Return what was done since the last look; raise `DeviceError` when the wire is gone."""
        done = (self._reader.take(edge) for edge in self._wire.look())
        return [what for what in done if what is not None]

    def fault(self) -> str:
        """Say what is wrong with it, empty while it is fine."""
        found = _RESTLESS if self._wire.restless() else self._reader.fault(time.monotonic())
        return found and f"The button at {self.name} {found}"


class Switch:
    """A wire whose level is what counts: the mute line of a room. On until it has been seen off for a while."""

    def __init__(self, line: InputLine, *, wake: Callable[[], None]) -> None:
        self._wire = Watched(line, on_s=ASSERT_S, off_s=RELEASE_S, initially=True)
        self._wake = wake

    def __enter__(self) -> Self:
        self._wire.open(self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    @property
    def name(self) -> str:
        return self._wire.name

    @property
    def due_s(self) -> float | None:
        """When to look next at the latest."""
        return self._wire.due_s

    @property
    def active(self) -> bool:
        """What it was at the last look."""
        return self._wire.active

    def look(self) -> list[bool]:
        """Return what it went through since the last look, oldest first; raise `DeviceError` when the wire is gone."""
        return [edge.active for edge in self._wire.look()]

    def fault(self) -> str:
        """Say what is wrong with it, empty while it is fine."""
        return f"The switch at {self.name} {_RESTLESS}" if self._wire.restless() else ""
