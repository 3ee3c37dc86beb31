"""What a wire is to the devices on it; every driver, real or simulated, gives these two.

"Active" is what the device means (pressed, lit, switched on); "high" is the voltage. A `Wiring` knows which is which.
"""

from collections.abc import Callable
from typing import Protocol, Self


class Line(Protocol):
    """What both directions have in common. One thread opens, uses and closes it; calls return at once."""

    @property
    def name(self) -> str:
        """The URI, as the settings have it."""

    @property
    def simulated(self) -> bool:
        """Whether it stands in for a wire."""

    def __enter__(self) -> Self:
        """Claim the line, or raise `DeviceError`: nobody else can have it then."""

    def __exit__(self, *_: object) -> None: ...


class InputLine(Line, Protocol):
    """A wire that is read."""

    def read(self) -> bool:
        """Return whether it is active now; raise `DeviceError` when that cannot be told."""

    def watch(self, changed: Callable[[float, bool], None]) -> None:
        """Call `changed(monotonic seconds, active)` at each edge, on a thread of the driver's.

        An edge is a hint: some get lost, and after the last one only `read` tells the truth.
        """


class OutputLine(Line, Protocol):
    """A wire that is driven."""

    def write(self, active: bool, /) -> None:
        """Drive it."""

    def read(self) -> bool:
        """Return whether it is active, asked of the wire and not of what was written."""
