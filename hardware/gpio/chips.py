"""Which gpiochip is the header: found by its label, because its number changes with the kernel and the board.

The ioctl numbers and structures are those of linux/gpio.h (GPIO_GET_CHIPINFO_IOCTL; version 2 for the line).
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardware.ports import DeviceError, DeviceMissing

HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Raspberry Pi 5, 4, and those before."""
_GET_CHIPINFO = 0x8044B401
_CHIPINFO = struct.Struct("=32s32sI")
_GET_LINE = 0xC250B407
_GET_VALUES = 0xC010B40E
_LINE_REQUEST = struct.Struct("=64I32sQI5I240sII5Ii")
_VALUES = struct.Struct("=QQ")


@dataclass(frozen=True, slots=True)
class Chip:
    """A gpiochip."""

    number: int
    """The n of /dev/gpiochipN."""
    label: str
    lines: int


def parse_chip_info(data: bytes, number: int) -> Chip:
    """Read a `struct gpiochip_info`."""
    _, label, lines = _CHIPINFO.unpack(data)
    return Chip(number, label.split(b"\0")[0].decode(errors="replace"), lines)


def find_chip(label: str, *, dev: Path = Path("/dev")) -> Chip:
    """Return the chip with this label, or the Raspberry Pi's header for ""; `DeviceMissing` says what is there."""
    seen, refused = _all(dev)
    chip = choose(label, seen)
    if chip is not None:
        return chip
    wanted = f"a GPIO chip labelled {label}" if label else "the GPIO header of a Raspberry Pi"
    if refused:
        raise DeviceError(
            f"{wanted} was not found, and {' and '.join(refused)} may not be opened. "
            "Let the user salon be in the group gpio."
        )
    there = ", ".join(f"{chip.label} ({chip.lines} lines)" for chip in seen) or "none at all"
    raise DeviceMissing(f"{wanted} is not there; GPIO chips found: {there}. A PC has no such pins: name none.")


def check_line(chip: Chip, line: int) -> None:
    """Raise `DeviceMissing` for a line that a chip does not have."""
    if line >= chip.lines:
        raise DeviceMissing(f"the GPIO chip {chip.label} has no line {line}: its lines are 0 to {chip.lines - 1}")


def choose(label: str, chips: Sequence[Chip]) -> Chip | None:
    """Return the first chip with this label; for "" the header's. Pure."""
    for wanted in (label,) if label else HEADER_LABELS:
        for chip in chips:
            if chip.label == wanted:
                return chip
    return None


def _all(dev: Path) -> tuple[list[Chip], list[str]]:
    """Return the chips, and the paths that could not be asked."""
    seen, refused = [], []
    for number, path in _nodes(dev):
        try:
            seen.append(_ask(path, number))
        except OSError:
            refused.append(str(path))
    return seen, refused


def _nodes(dev: Path) -> Iterator[tuple[int, Path]]:
    """Yield the devices by number. A symbolic link is an old name for one of them: Raspberry Pi OS has gpiochip4."""
    found = ((path.name.removeprefix("gpiochip"), path) for path in dev.glob("gpiochip*") if not path.is_symlink())
    yield from sorted((int(number), path) for number, path in found if number.isdecimal())


def _ask(path: Path, number: int) -> Chip:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return parse_chip_info(fcntl.ioctl(descriptor, _GET_CHIPINFO, bytes(_CHIPINFO.size)), number)
    finally:
        os.close(descriptor)


def peek(chip: Chip, line: int, *, dev: Path = Path("/dev")) -> bool | None:
    """Return whether a line is high without changing it: asked "as is", also one that is still driven.

    None when the kernel will not say. To drive a relay on as it was left, before anybody else makes it an input.
    """
    request = _LINE_REQUEST.pack(line, *[0] * 63, b"salon", 0, 0, *[0] * 5, bytes(240), 1, 0, *[0] * 5, 0)
    try:
        descriptor = os.open(dev / f"gpiochip{chip.number}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _value(struct.unpack_from("=i", fcntl.ioctl(descriptor, _GET_LINE, request), len(request) - 4)[0])
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _value(line: int) -> bool:
    try:
        bits, _ = _VALUES.unpack(fcntl.ioctl(line, _GET_VALUES, _VALUES.pack(0, 1)))
    finally:
        os.close(line)
    return bool(bits & 1)
