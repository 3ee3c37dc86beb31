"""Where a camera's head looks, in numbers that mean the same for every head: a webcam's crop or a motor on a wall."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Aim:
    """A direction and a zoom, as parts of what the head can reach; (0, 0, 0) is straight ahead and all of the room."""

    pan: float = 0.0
    """-1 as far left as it goes, 1 as far right, as the camera sees it (right in the picture)."""
    tilt: float = 0.0
    """-1 as far down as it goes, 1 as far up."""
    zoom: float = 0.0
    """0 widest, 1 nearest."""

    def __post_init__(self) -> None:
        if not (-1 <= self.pan <= 1 and -1 <= self.tilt <= 1 and 0 <= self.zoom <= 1):
            raise ValueError(f"no head can reach {self}: pan and tilt go from -1 to 1, zoom from 0 to 1")

    @classmethod
    def within(cls, pan: float, tilt: float, zoom: float) -> Self:
        """Return the nearest aim there is; what is no number counts as the middle."""
        return cls(_clamped(pan, -1.0), _clamped(tilt, -1.0), _clamped(zoom, 0.0))


def _clamped(value: float, lowest: float) -> float:
    return max(lowest, min(1.0, value)) if value == value else 0.0  # noqa: PLR0124 - only a NaN differs from itself
