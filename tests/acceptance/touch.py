"""Where a finger is on a touch screen, by the kernel's own events (input.h and input-event-codes.h of the kernel)."""

import fcntl
import os
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

from hardware.ports import DeviceError, DeviceMissing

_EVENT = struct.Struct("llHHi")
_ABSINFO = struct.Struct("6i")
_EV_ABS, _MT_X, _MT_Y, _MT_TRACKING_ID = 3, 0x35, 0x36, 0x39
_DIRECT = 1
"""INPUT_PROP_DIRECT: the finger is where the picture is, unlike on a touch pad."""


class Touches(Protocol):
    """A touch screen, open."""

    name: str
    simulated: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def next(self, timeout_s: float) -> tuple[float, float] | None:
        """Return where the next touch was, once it is over: 0, 0 is top left, 1, 1 bottom right; None for none."""


def find(root: Path = Path("/")) -> tuple[Path, str]:
    """Return the node and the name of the first touch screen."""
    for folder in sorted((root / "sys/class/input").glob("event*/device")):
        if _bits(folder / "properties") >> _DIRECT & 1 and _bits(folder / "capabilities/abs") >> _MT_X & 1:
            return root / "dev/input" / folder.parent.name, (folder / "name").read_text().strip()
    raise DeviceMissing("no touch screen is there: check its USB or ribbon cable")


def _bits(path: Path) -> int:
    """Read a bitmap as sysfs prints it: machine words in hexadecimal, the highest first."""
    try:
        words = path.read_text().split()
    except OSError:
        return 0
    width = struct.calcsize("l") * 8
    return sum(int(word, 16) << width * place for place, word in enumerate(reversed(words)))


def axes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield code and value of each event of an axis; a piece of one at the end is left out."""
    for _, _, kind, code, value in _EVENT.iter_unpack(data[: len(data) // _EVENT.size * _EVENT.size]):
        if kind == _EV_ABS:
            yield code, value


class Finger:
    """Where it touched last. Pure. What did not change since the touch before is not told again by the kernel."""

    def __init__(self, x: tuple[int, int], y: tuple[int, int]) -> None:
        """Take each axis's smallest and largest value."""
        self._ranges = {_MT_X: x, _MT_Y: y}
        self._at = {_MT_X: 0, _MT_Y: 0}
        self._down = False

    def take(self, code: int, value: int) -> tuple[float, float] | None:
        """Take an event; return where the finger was when it is lifted."""
        if code in self._at:
            self._at[code] = value
        if code != _MT_TRACKING_ID:
            return None
        lifted, self._down = self._down and value < 0, value >= 0
        return (self._place(_MT_X), self._place(_MT_Y)) if lifted else None

    def _place(self, axis: int) -> float:
        lowest, highest = self._ranges[axis]
        return (self._at[axis] - lowest) / max(highest - lowest, 1)


class TouchScreen:
    """The first touch screen of this machine."""

    simulated = False

    def __init__(self) -> None:
        self.name = "touch screen"
        self._descriptor = -1

    def __enter__(self) -> Self:
        path, self.name = find()
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._finger = Finger(_range(self._descriptor, _MT_X), _range(self._descriptor, _MT_Y))
        except OSError as err:
            raise DeviceError(f"{path} cannot be opened ({err.strerror}): be in the group input, or use sudo") from err
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def next(self, timeout_s: float) -> tuple[float, float] | None:
        self._read(0.0)  # what was touched before it was asked for
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            if at := self._read(left):
                return at[0]
        return None

    def _read(self, timeout_s: float) -> list[tuple[float, float]]:
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return []
        try:
            data = os.read(self._descriptor, 64 * _EVENT.size)
        except OSError as err:
            raise DeviceError(f"{self.name} was unplugged ({err.strerror})") from err
        return [at for event in axes(data) if (at := self._finger.take(*event)) is not None]


def _range(descriptor: int, axis: int) -> tuple[int, int]:
    """Ask EVIOCGABS for an axis's smallest and largest value."""
    answer = fcntl.ioctl(descriptor, 0x80184540 + axis, bytes(_ABSINFO.size))
    _, lowest, highest, *_ = _ABSINFO.unpack(answer)
    return lowest, highest
