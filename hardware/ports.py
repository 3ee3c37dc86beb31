"""What a camera, a microphone and a loudspeaker are to the rest of the room; every driver, real or simulated, is one.

One shape for all three: a context manager that one thread opens, uses and closes. Calls block, for a bounded time;
a driver that needs threads of its own keeps them to itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from hardware.planes import Plane

SAMPLE_RATE = 48_000
MIC_BLOCK = 960
"""Samples in a microphone's block: 20 ms, one Opus packet."""
SPEAKER_BLOCK = 480
"""Samples in a loudspeaker's block: 10 ms."""
SAMPLE_BYTES = 2


class DeviceError(Exception):
    """A device that cannot do its work; the text is for the room's user and says what would help."""


class UnknownScheme(DeviceError, ValueError):
    """A URI that names no driver."""


class BadUri(DeviceError, ValueError):
    """A URI whose driver does not understand the rest of it."""


class DeviceMissing(DeviceError, FileNotFoundError):
    """The device or the clip is not there."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture in I420: a full plane of luma, two of chroma at half width and height. Width and height are even."""

    y: Plane
    u: Plane
    v: Plane
    captured_ns: int
    """Monotonic."""
    full_range: bool = False
    """Luma 0 to 255 instead of 16 to 235."""
    bt709: bool = False
    """Colours by BT.709 instead of BT.601."""

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """`MIC_BLOCK` samples of 48 kHz mono, signed 16 bit, little endian."""

    samples: bytes
    captured_ns: int
    """Monotonic, of the last sample."""


class Device(Protocol):
    """What all drivers have in common."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def simulated(self) -> bool:
        """Whether it stands in for a device; panel and TV must say so."""

    @property
    def dropped(self) -> int:
        """How many frames or blocks were lost because nobody took them in time."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Camera(Device, Protocol):
    """Gives pictures."""

    def read(self, timeout_s: float) -> VideoFrame | None:
        """Return the newest picture not read yet, or None after `timeout_s`. Older ones are dropped."""


class Microphone(Device, Protocol):
    """Gives sound."""

    def read(self, timeout_s: float) -> AudioBlock | None:
        """Return the next block, or None after `timeout_s`. At most 100 ms wait for a slow reader."""


class Speaker(Device, Protocol):
    """Plays sound."""

    def write(self, samples: bytes) -> None:
        """Play `SPEAKER_BLOCK` samples (mono, s16); returns when the device can take the next ones."""
