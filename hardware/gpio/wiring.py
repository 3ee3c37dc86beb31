"""`gpio:17?active_low=1&pull=up` and `mock:NAME?...`: how settings say where a wire goes and how it is wired."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hardware.gpio.chips import HEADER_LABELS
from hardware.ports import BadUri, UnknownScheme
from hardware.uri import DeviceUri

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LINE = re.compile(r"([0-9]{1,4})(?:@(\S{1,64}))?")
_GPIO = ("active_low", "pull", "chip")
_MOCK = ("active_low", "pull", "dir", "released")


class Pull(StrEnum):
    """Where a resistor draws a wire that nobody drives."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Wiring:
    """One wire, as its URI describes it."""

    uri: str
    pin: str
    """The line's number on its chip (on a Raspberry Pi: the BCM number), or a simulated pin's name."""
    chip: str = ""
    """The label of the gpiochip; empty for the header of a Raspberry Pi."""
    active_low: bool = False
    """Active is 0 V: a button to ground, a light or a relay that is on while its line is low."""
    pull: Pull | None = None
    """Of an input: the chip's own resistor to switch on. Of an output: the one that is soldered there."""
    folder: Path | None = None
    """Of a simulated pin: where its file is, None for the usual place."""
    keeps: bool = False
    """Of a simulated output: whether it stays as it was driven when its owner is gone (see `hardware.gpio.mock`)."""

    @property
    def simulated(self) -> bool:
        return self.uri.partition(":")[0].lower() == "mock"

    @property
    def line(self) -> tuple[bool, str, str, Path | None]:
        """What is the same for two that mean the same line; the header of a Raspberry Pi may go by its label too."""
        chip = "" if self.chip in HEADER_LABELS else self.chip
        return self.simulated, chip, self.pin, self.folder

    @property
    def input_pull(self) -> Pull:
        """The resistor for an input: away from active, unless the URI says otherwise."""
        return self.pull or (Pull.UP if self.active_low else Pull.DOWN)

    @property
    def active_when_released(self) -> bool | None:
        """Whether an output is active while nobody drives it; None when no resistor decides that."""
        match self.pull:
            case Pull.UP:
                return self.active(high=True)
            case Pull.DOWN:
                return self.active(high=False)
        return None

    def active(self, *, high: bool) -> bool:
        """Return what a voltage means."""
        return high != self.active_low

    def high(self, *, active: bool) -> bool:
        """Return the voltage that means this."""
        return active != self.active_low


def parse(text: str) -> Wiring:
    """Take a wire's URI apart, or raise `UnknownScheme` or `BadUri`."""
    if ":" not in text:
        raise BadUri(f"{text!r} is no wire: write gpio: and the line's number, such as gpio:17 for GPIO17")
    uri = DeviceUri.parse(text)
    match uri.scheme:
        case "gpio":
            return _gpio(text, uri.only(*_GPIO))
        case "mock":
            return _mock(text, uri.only(*_MOCK))
    raise UnknownScheme(f"there is no pin driver {uri.scheme}: yet; known: gpio:, mock: (simulated)")


def _gpio(text: str, uri: DeviceUri) -> Wiring:
    found = _LINE.fullmatch(uri.path)
    if found is None:
        raise BadUri(f"{text}: write gpio: and the line's number, such as gpio:17 for GPIO17, or gpio:3@CHIP-LABEL")
    line, label = found.groups()
    named = uri.options.get("chip", "")
    if label and named and label != named:
        raise BadUri(f"{text} names two chips: {label} and {named}")
    return Wiring(text, str(int(line)), label or named, uri.flag("active_low", default=False), _pull(text, uri))


def _mock(text: str, uri: DeviceUri) -> Wiring:
    if not _NAME.fullmatch(uri.path):
        raise BadUri(f"{text}: a simulated pin's name has letters, digits, - and _ only, such as mock:mute_button")
    released = uri.options.get("released", "float")
    if released not in {"float", "keep"}:
        raise BadUri(f"{text}: released={released} should be float or keep")
    folder = uri.options.get("dir")
    if folder is not None and not Path(folder).is_absolute():
        raise BadUri(f"{text}: dir={folder} should be a whole path, from / on")
    return Wiring(
        text,
        uri.path,
        active_low=uri.flag("active_low", default=False),
        pull=_pull(text, uri),
        folder=None if folder is None else Path(folder),
        keeps=released == "keep",
    )


def _pull(text: str, uri: DeviceUri) -> Pull | None:
    named = uri.options.get("pull")
    if named is None:
        return None
    if named not in set(Pull):
        raise BadUri(f"{text}: pull={named} should be up, down or none")
    return Pull(named)


def fails_lit(text: str) -> Wiring:
    """Return the wiring of a light that must be lit while nobody drives it, or raise `BadUri` and say what to solder.

    Such a light is how a room shows that nothing works: it has to be lit without any program's help.
    """
    wiring = parse(text)
    if wiring.active_when_released:
        return wiring
    end, pull = ("ground", "down") if wiring.active_low else ("3.3 V", "up")
    raise BadUri(
        f"{text}: this light would be dark when nothing drives it, so it could not warn of a failure. "
        f"Solder 10 kOhm from the line to {end} and write pull={pull}; docs/hardware.md shows the circuit."
    )
