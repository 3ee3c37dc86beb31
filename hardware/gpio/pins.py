"""From a wire's URI to its driver: `gpio:` by gpiozero and lgpio, `mock:` simulated.

A room without pins is a normal one: nothing is imported before one is named. gpiozero's own choice of a driver is
never used; a chip or a library that is missing is a `DeviceError` that says what to install.
"""

from hardware.gpio.mock import MockInput, MockOutput
from hardware.gpio.ports import InputLine, OutputLine
from hardware.gpio.wiring import Wiring, parse


def input_line(uri: str) -> InputLine:
    """Return the input a URI names, closed."""
    wiring = parse(uri)
    if wiring.simulated:
        return MockInput(wiring)
    from hardware.gpio.real import GpioInput  # noqa: PLC0415 - only rooms with real pins

    return GpioInput(wiring)


def output_line(uri: str, *, initial: bool | None = False, leave: bool = False) -> OutputLine:
    """Return the output a URI names, closed; `initial` None means as it is found, `leave` that it stays as it is."""
    wiring: Wiring = parse(uri)
    if wiring.simulated:
        return MockOutput(wiring, initial=initial, leave=leave)
    from hardware.gpio.real import GpioOutput  # noqa: PLC0415 - only rooms with real pins

    return GpioOutput(wiring, initial=initial, leave=leave)
