"""Which of a camera's modes to use: by the size and the rate that are wanted, and by what its cable can carry.

Raw pictures cost the least to take in but the most to carry: YUYV of 1280x720 at 30 per second is 55 MB/s, and USB 2
carries 24. Above that MJPEG is taken, of which a whole picture comes with every frame. H.264 is taken only when it is
asked for or nothing else is there: it costs a decoder with a memory, and a picture only after its next key frame.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hardware.ports import DeviceError

RAW = {"YUYV": 2.0, "UYVY": 2.0, "NV12": 1.5, "YU12": 1.5}
"""V4L2's names of what needs no decoder, and their bytes per pixel."""
KNOWN = ("YUYV", "UYVY", "NV12", "YU12", "MJPG", "H264")
"""The formats this room can take in, as V4L2 calls them; the first is preferred where all else is equal."""
NAMES = {"yuyv": "YUYV", "uyvy": "UYVY", "nv12": "NV12", "yu12": "YU12", "mjpeg": "MJPG", "h264": "H264"}
"""How settings call them."""
SMALLEST, LARGEST = 16, 7680
FASTEST = 240.0
USB_2 = 480
_PAYLOAD = 24_000_000.0
"""Bytes per second that USB 2 carries in time: 3 x 1024 in each of 8000 microframes, less headers (USB 2.0, 5.6.3)."""
_LARGER, _SMALLER, _SLOWER, _FASTER, _OTHER_SHAPE, _UNKNOWN_RATE = 0.8, 1.0, 1.5, 0.3, 1.2, 0.5
"""What a doubling costs: half the wanted rate is as bad as a picture of a third of the wanted size."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to run a camera."""

    format: str
    """V4L2's four letters."""
    width: int
    height: int
    fps: float | None = None
    """None when the camera does not tell its rates."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Numbers from `lowest` to `highest`, `step` apart, as a camera offers widths and heights."""

    lowest: int
    highest: int
    step: int = 1

    def nearest(self, wanted: int) -> int | None:
        """Return the nearest even number on offer; None when there is none or the camera talks nonsense."""
        lowest, highest = max(self.lowest, SMALLEST), min(self.highest, LARGEST)
        step = max(1, self.step)
        count = round((min(max(wanted, lowest), highest) - self.lowest) / step) if lowest <= highest else -1
        near = (self.lowest + step * (count + aside) for aside in (0, -1, 1))
        return next((number for number in near if lowest <= number <= highest and not number % 2), None)


def carries(speed: float | None) -> float:
    """Return how many bytes of pictures a second a USB device at `speed` (Mbit/s, as sysfs says) can send.

    Without limit for what is no USB device. Faster USB grows by its speed, less the fifth that its coding takes.
    """
    if speed is None or not speed > 0:
        return math.inf
    return _PAYLOAD * speed / USB_2 if speed <= USB_2 else speed * 1e6 / 8 * 0.8 * 0.8


def choose(modes: Iterable[Mode], size: tuple[int, int], fps: float, *, bytes_s: float, only: str = "") -> Mode:
    """Return the mode to use, or raise `DeviceError` when there is none.

    `only` is one of `NAMES`, or empty. The rate counts more than the size, within reason: 640x480 at 30 rather than
    1280x720 at 10, and not 320x240. Of equals the raw ones come first, then those named first.
    """
    offered = list(dict.fromkeys(modes))
    sane = [mode for mode in offered if _is_sane(mode)]
    wanted = [mode for mode in sane if mode.format == NAMES[only]] if only else sane
    if not only and any(mode.format != "H264" for mode in wanted):
        wanted = [mode for mode in wanted if mode.format != "H264"]
    fitting = [mode for mode in wanted if _bytes_s(mode, fps) <= bytes_s]
    if not fitting:
        raise DeviceError(_refusal(offered, wanted, only))
    return min(fitting, key=lambda mode: (_cost(mode, size, fps), KNOWN.index(mode.format)))


def _is_sane(mode: Mode) -> bool:
    sides = SMALLEST <= mode.width <= LARGEST and SMALLEST <= mode.height <= LARGEST
    return mode.format in KNOWN and sides and (mode.fps is None or 0 < mode.fps <= FASTEST)


def _bytes_s(mode: Mode, fps: float) -> float:
    return RAW.get(mode.format, 0.0) * mode.width * mode.height * (mode.fps or fps)


def _cost(mode: Mode, size: tuple[int, int], fps: float) -> float:
    larger = math.log2(mode.width * mode.height / (size[0] * size[1]))
    shape = abs(math.log2(mode.width / mode.height * size[1] / size[0]))
    faster = math.log2(mode.fps / fps) if mode.fps else -_UNKNOWN_RATE / _SLOWER
    return (
        max(larger * _LARGER, -larger * _SMALLER)
        + max(faster * _FASTER, -faster * _SLOWER)
        + shape * _OTHER_SHAPE
        + (mode.format not in RAW) / 1024
    )


def _refusal(offered: Sequence[Mode], wanted: Sequence[Mode], only: str) -> str:
    has = ", ".join(sorted({mode.format for mode in offered if mode.format in KNOWN})) or "no format this room knows"
    if wanted:
        return "its pictures are more than its USB port can carry: plug it into a USB 3 port (blue inside)"
    if only:
        return f"it gives no {only} pictures; it has {has}: leave format= out"
    return f"it offers no usable picture format ({has}): unplug it and plug it in again"
