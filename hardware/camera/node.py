"""A video device of the kernel, asked what it is and what it can: V4L2's queries, as values of ours.

https://docs.kernel.org/userspace-api/media/v4l/user-func.html says what the queries mean. All of them may be asked
while another handle of the same device streams.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from ctypes import c_int
from pathlib import Path
from typing import Any, Self

from hardware.camera import videodev2
from hardware.camera.formats import FASTEST, KNOWN, Mode, Steps
from hardware.ports import DeviceError, DeviceMissing

_FORMATS, _SIZES, _RATES, _MODES, _INPUTS = 64, 128, 64, 2000, 16
"""How many of each are asked for: a broken driver may never say that it has no more."""
_SMALLER = (640, 360)
"""Asked for as well where sizes are free, should the cable not carry the wanted one."""
GONE = {errno.ENODEV, errno.ENXIO, errno.ENOENT}
_NO_SIGNAL = (
    videodev2.V4L2_IN_ST_NO_POWER
    | videodev2.V4L2_IN_ST_NO_SIGNAL
    | videodev2.V4L2_IN_ST_NO_SYNC
    | videodev2.V4L2_IN_ST_NO_H_LOCK
    | videodev2.V4L2_IN_ST_NO_V_LOCK
)


def in_words(name: str, err: OSError) -> DeviceError:
    """Return what a failed system call on a camera means to the people in the room."""
    if err.errno in GONE:
        return DeviceMissing(f"{name} is unplugged: plug it in again")
    if err.errno == errno.EBUSY:
        return DeviceError(f"{name} is used by another program: close it there")
    if err.errno in {errno.EACCES, errno.EPERM}:
        return DeviceError(f"{name} may not be opened: the room's user must be in the group video")
    if err.errno == errno.ENOSPC:
        return DeviceError(f"{name} gets no room on its USB port: plug it into another one, away from other cameras")
    return DeviceError(f"{name} failed ({err.strerror or err}): unplug it and plug it in again")


class VideoNode:
    """An open `/dev/videoN`. Raises `OSError` as the kernel does."""

    def __init__(self, path: str, ioctl: Callable[[int, int, Any], object] = fcntl.ioctl) -> None:
        self._path, self._ioctl = path, ioctl

    def __enter__(self) -> Self:
        self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        return self._fd

    def ask(self, request: int, about: Any) -> Any:
        """Return `about` as the kernel filled it in."""
        self._ioctl(self._fd, request, about)
        return about

    def listed(self, request: int, blank: Any, most: int) -> Iterator[Any]:
        """Yield the answers for index 0, 1, ... until the kernel has no more; always the same structure."""
        for index in range(most):
            blank.index = index
            try:
                yield self.ask(request, blank)
            except OSError as err:
                if err.errno in GONE:
                    raise
                return

    @property
    def card(self) -> str:
        """What the device calls itself."""
        return text(self.ask(videodev2.VIDIOC_QUERYCAP, videodev2.Capability()).card)

    def inputs(self) -> tuple[str, ...]:
        """Return the names of its inputs: `Camera 1`, `HDMI 0`."""
        return tuple(text(one.name) for one in self.listed(videodev2.VIDIOC_ENUMINPUT, videodev2.Input(), _INPUTS))

    def has_signal(self) -> bool | None:
        """Return False when the chosen input has no source, as the driver sees it; None when it does not tell.

        UVC never tells: only drivers of their own (Magewell's cards, tc358743) do.
        """
        chosen = c_int()
        try:
            self.ask(videodev2.VIDIOC_G_INPUT, chosen)
            status = self.ask(videodev2.VIDIOC_ENUMINPUT, videodev2.Input(index=chosen.value)).status
        except OSError as err:
            if err.errno in GONE:
                raise
            return None
        return False if status & _NO_SIGNAL else None

    def modes(self, size: tuple[int, int], fps: float) -> tuple[Mode, ...]:
        """Return its modes; where sizes or rates are free, those nearest to the wanted ones."""
        modes: list[Mode] = []
        for mode in self._modes(size, fps):
            modes.append(mode)
            if len(modes) == _MODES:
                break
        return tuple(modes)

    def _modes(self, size: tuple[int, int], fps: float) -> Iterator[Mode]:
        description = videodev2.Fmtdesc(type=videodev2.V4L2_BUF_TYPE_VIDEO_CAPTURE)
        letters = [fourcc(one.pixelformat) for one in self.listed(videodev2.VIDIOC_ENUM_FMT, description, _FORMATS)]
        for known in dict.fromkeys(one for one in letters if one in KNOWN):
            for width, height in dict.fromkeys(self._sizes(known, size)):
                for rate in dict.fromkeys(self._rates(known, width, height, fps)) or (None,):
                    yield Mode(known, width, height, rate)

    def _sizes(self, letters: str, size: tuple[int, int]) -> Iterator[tuple[int, int]]:
        blank = videodev2.Frmsizeenum(pixel_format=number(letters))
        for one in self.listed(videodev2.VIDIOC_ENUM_FRAMESIZES, blank, _SIZES):
            if one.type == videodev2.V4L2_FRMSIZE_TYPE_DISCRETE:
                yield one.discrete.width, one.discrete.height
                continue
            free = one.stepwise
            for wanted in (size, _SMALLER):
                width = Steps(free.min_width, free.max_width, free.step_width).nearest(wanted[0])
                height = Steps(free.min_height, free.max_height, free.step_height).nearest(wanted[1])
                if width and height:
                    yield width, height
            return

    def _rates(self, letters: str, width: int, height: int, fps: float) -> Iterator[float]:
        blank = videodev2.Frmivalenum(pixel_format=number(letters), width=width, height=height)
        for one in self.listed(videodev2.VIDIOC_ENUM_FRAMEINTERVALS, blank, _RATES):
            if one.type == videodev2.V4L2_FRMIVAL_TYPE_DISCRETE:
                if 0 < (rate := _per_second(one.discrete)) <= FASTEST:
                    yield rate
                continue
            # the shortest interval is the highest rate
            slowest, fastest = _per_second(one.stepwise.max), _per_second(one.stepwise.min) or FASTEST
            if slowest <= fastest:
                yield max(min(fps, fastest), slowest)
            return


def usb_speed(path: str, sysfs: Path = Path("/sys")) -> float | None:
    """Return a USB device's speed in Mbit/s, or None for what is no USB device or does not tell."""
    with contextlib.suppress(OSError, ValueError):
        device = (sysfs / "class/video4linux" / Path(path).resolve().name / "device").resolve(strict=True)
        for folder in (device, *device.parents):
            if (folder / "idVendor").exists():
                with (folder / "speed").open() as file:
                    return float(file.read(16))
    return None


def text(raw_bytes: bytes) -> str:
    """Return a name of the kernel's; drivers copy them from devices, with whatever is in there."""
    return " ".join("".join(char for char in raw_bytes.decode("utf-8", "replace") if char.isprintable()).split())


def fourcc(value: int) -> str:
    """Return the four letters of a pixel format."""
    return value.to_bytes(4, "little").decode("latin-1")


def number(letters: str) -> int:
    """Return the pixel format of four letters."""
    return int.from_bytes(letters.encode("latin-1"), "little")


def _per_second(interval: Any) -> float:
    """Return the rate of an interval; 0 for nonsense."""
    return interval.denominator / interval.numerator if interval.numerator else 0.0
