"""Wires of a real chip, by gpiozero, whose factory is always named: its own search falls back to what nobody asked for.

gpiozero calls back on threads of its own; what leaves this module is a time and a level.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from hardware.gpio import chips
from hardware.gpio.wiring import Pull, Wiring
from hardware.ports import BadUri, DeviceError

if TYPE_CHECKING:
    from gpiozero.pins import Factory


_INSTALL = (
    "On Raspberry Pi OS: apt install python3-lgpio; elsewhere, before Python 3.13: pip install gpiozero 'lgpio>=0.2.2'."
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where gpiozero's pins come from."""

    factory: "Factory"
    close: Callable[[], None]
    leave: Callable[[], None]
    """Close, and leave the lines as they are driven."""
    errors: tuple[type[Exception], ...] = ()
    found_high: bool | None = None
    """How the line was before anybody touched it, where that can be told."""


Opens = Callable[[Wiring], Source]


def open_chip(wiring: Wiring) -> Source:
    """Open the wire's gpiochip by lgpio; each line has a handle of its own, so one that fails takes no other along."""
    chip = chips.find_chip(wiring.chip)
    chips.check_line(chip, int(wiring.pin))
    found = chips.peek(chip, int(wiring.pin))
    try:
        from hardware.gpio.lgpio_chip import ERRORS, ChipFactory  # noqa: PLC0415 - a PC has neither it nor need of it
    except ImportError as err:
        raise DeviceError(f"{wiring.uri}: a program library for GPIO pins is missing ({err.name}). {_INSTALL}") from err
    except OSError as err:
        # it begins with a pipe in a folder of its own
        raise DeviceError(f"{wiring.uri}: the program library for GPIO pins does not start ({err})") from err
    try:
        factory = ChipFactory(chip)
    except ERRORS as err:
        raise DeviceError(
            f"{wiring.uri}: the GPIO chip {chip.label} cannot be opened ({err}). Is the user salon in the group gpio?"
        ) from err
    return Source(factory, factory.close, factory.leave, ERRORS, found)


class GpioInput:
    """An input. Bounces come through: the device behind it takes them out."""

    simulated = False

    def __init__(self, wiring: Wiring, *, opens: Opens = open_chip) -> None:
        self._wiring, self._opens = wiring, opens
        self._source: Source | None = None
        self._device: Any = None

    @property
    def name(self) -> str:
        return self._wiring.uri

    def __enter__(self) -> Self:
        self._source = self._opens(self._wiring)
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - a PC has no pins and needs it not

        pull = self._wiring.input_pull
        up = {Pull.UP: True, Pull.DOWN: False, Pull.NONE: None}[pull]
        with _closing_on_error(self._source), _translated(self._wiring, self._source):
            self._device = DigitalInputDevice(
                int(self._wiring.pin),
                pull_up=up,
                active_state=True if up is None else None,
                bounce_time=None,
                pin_factory=self._source.factory,
            )
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._device, self._source)
        self._device = self._source = None

    def read(self) -> bool:
        device, source = _opened(self._wiring, self._device, self._source)
        with _translated(self._wiring, source):
            return self._active(bool(device.value))

    def watch(self, changed: Callable[[float, bool], None]) -> None:
        device, source = _opened(self._wiring, self._device, self._source)
        with _translated(self._wiring, source):
            device.when_activated = lambda: changed(time.monotonic(), self._active(True))
            device.when_deactivated = lambda: changed(time.monotonic(), self._active(False))

    def _active(self, value: bool, /) -> bool:
        """gpiozero's value is against the pull, ours is what the settings say."""
        return self._wiring.active(high=value != (self._wiring.input_pull is Pull.UP))


class GpioOutput:
    """An output. With `leave` it is let go as it is driven; else it becomes an input again."""

    simulated = False

    def __init__(
        self, wiring: Wiring, *, initial: bool | None = False, leave: bool = False, opens: Opens = open_chip
    ) -> None:
        """`initial` None: as the wire is found, or inactive where that cannot be told."""
        self._wiring, self._initial, self._leave, self._opens = wiring, initial, leave, opens
        self._source: Source | None = None
        self._device: Any = None

    @property
    def name(self) -> str:
        return self._wiring.uri

    def __enter__(self) -> Self:
        source = self._source = self._opens(self._wiring)
        from gpiozero import DigitalOutputDevice  # noqa: PLC0415 - a PC has no pins and needs it not

        found = source.found_high is not None and self._wiring.active(high=source.found_high)
        with _closing_on_error(source), _translated(self._wiring, source):
            self._device = DigitalOutputDevice(
                int(self._wiring.pin),
                active_high=not self._wiring.active_low,
                initial_value=found if self._initial is None else self._initial,
                pin_factory=source.factory,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._leave and self._source is not None:
            with _ignored(self._source):
                self._source.leave()
        else:
            _close(self._device, self._source)
        self._device = self._source = None

    def write(self, active: bool, /) -> None:
        device, source = _opened(self._wiring, self._device, self._source)
        with _translated(self._wiring, source):
            device.value = active

    def read(self) -> bool:
        device, source = _opened(self._wiring, self._device, self._source)
        with _translated(self._wiring, source):
            return bool(device.value)


def _opened(wiring: Wiring, device: Any, source: Source | None) -> tuple[Any, Source]:
    if device is None or source is None:
        raise DeviceError(f"{wiring.uri} is closed")
    return device, source


def _close(device: Any, source: Source | None) -> None:
    if device is not None:
        # a chip that was pulled out cannot be put in order any more
        with _ignored(source):
            device.close()
    if source is not None:
        with _ignored(source):
            source.close()


@contextmanager
def _ignored(source: Source | None) -> Iterator[None]:
    with suppress(OSError, *(source.errors if source is not None else ())):
        yield


@contextmanager
def _closing_on_error(source: Source) -> Iterator[None]:
    try:
        yield
    except BaseException:
        source.close()
        raise


@contextmanager
def _translated(wiring: Wiring, source: Source) -> Iterator[None]:
    """Turn what gpiozero and its driver raise into our words."""
    from gpiozero import GPIOPinInUse, GPIOZeroError, PinFixedPull, PinInvalidPin  # noqa: PLC0415 - see open_chip

    uri = wiring.uri
    try:
        yield
    except GPIOPinInUse as err:
        raise DeviceError(f"{uri} is named twice in the settings: a line has one use.") from err
    except PinFixedPull as err:
        raise BadUri(f"{uri}: this pin has a pull-up resistor on the board: write pull=up, or take another.") from err
    except PinInvalidPin as err:
        raise BadUri(f"{uri}: there is no such line: {err}") from err
    except (GPIOZeroError, OSError, *source.errors) as err:
        raise DeviceError(f"{uri} failed: {_why(err)}") from err


def _why(err: Exception) -> str:
    text = str(err).strip("'\"")
    return f"{text}. Another program or a kernel driver has this line: free it." if "busy" in text.lower() else text
