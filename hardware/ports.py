"""What a camera, a microphone and a loudspeaker are to the rest of the room; every driver, real or simulated, is one.

One shape for all three: a context manager that one thread opens, uses and closes. Calls block, for a bounded time;
a driver that needs threads of its own keeps them to itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from hardware.planes import Plane

SAMPLE_RATE = 48_000
BLOCK = 480
"""Samples of each channel in a block of sound: 10 ms."""
BLOCK_NS = 10_000_000
BACKLOG = 10
"""Blocks of a microphone that wait for a slow reader: 100 ms."""
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
    """Some sound of 48 kHz, signed 16 bit, little endian."""

    samples: bytes
    """Interleaved: one of each channel, then the next of each."""
    captured_ns: int
    """Monotonic, of the last sample: when it was captured, or when it leaves the loudspeaker."""
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Array:
    """What the channels of a microphone are."""

    name: str
    microphones: tuple[int, ...] = (0,)
    """The channels that are bare microphones, in the order of their places."""
    places: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """Metres from the middle: to the right and to the front, as seen by somebody who faces where the camera looks."""
    processed: int | None = None
    """The channel with the device's own echo cancellation or beam, if it has one."""
    reference: int | None = None
    """The channel that repeats what the device plays, if it has one."""
    cleans: bool = False
    """The device cancels echoes by itself: the host must not do it again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is there, as enumeration sees it."""

    kind: str
    """camera, capture (an HDMI input), microphone, speaker, display, cec or gpio."""
    id: str
    """Stays the same whatever /dev calls it: usb:VENDOR:PRODUCT:SERIAL, or another bus and its place on it."""
    name: str
    """What people call it."""
    node: str
    """What the system calls it now: /dev/video0, hw:2, card0-HDMI-A-1."""
    port: str = ""
    """Where it is plugged in (udev's ID_PATH); tells two with the same serial number apart."""


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


class HdmiInput(Camera, Protocol):
    """Gives the pictures of whatever computer is plugged in."""

    def has_signal(self) -> bool | None:
        """Return False when its driver knows that nothing is plugged in; None when it does not tell."""


class Microphone(Device, Protocol):
    """Gives sound, in blocks of `BLOCK` samples a channel."""

    @property
    def id(self) -> str:
        """The `Found.id`, once it is open, or empty: what has the same one is the same device, on the same clock."""

    @property
    def channels(self) -> int:
        """How many channels a block has; known once it is open."""

    @property
    def array(self) -> Array:
        """What the channels are; known once it is open."""

    @property
    def xruns(self) -> int:
        """How often the device itself lost sound because this machine was too slow for it."""

    def read(self, timeout_s: float) -> AudioBlock | None:
        """Return the next block, or None after `timeout_s`. At most `BACKLOG` blocks wait; the oldest are dropped.

        Raises `DeviceError` when the device is gone.
        """


class Speaker(Device, Protocol):
    """Plays sound."""

    @property
    def id(self) -> str:
        """The `Found.id`, once it is open, or empty: what has the same one is the same device, on the same clock."""

    on_played: Callable[[AudioBlock], None] | None
    """Hears what the device is given, silence at an underrun too, with the time it leaves the device: what an echo is
    an echo of. Called on a thread of the driver's; it must only copy."""

    @property
    def xruns(self) -> int:
        """How often the device ran out of sound and played silence."""

    def write(self, samples: bytes) -> None:
        """Play `BLOCK` samples (mono, s16); returns when the device can take the next ones.

        Raises `DeviceError` when the device is gone or takes nothing for a second.
        """
