"""Where the room's button, line and lights are, and how its light is made red when nobody is left to do it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hardware.gpio.lights import Colour, Lamp, Light
from hardware.gpio.pins import output_line
from hardware.gpio.wiring import fails_lit, parse
from hardware.ports import BadUri, DeviceError

_CLAIM_S, _AGAIN_S = 1.0, 0.05
T = TypeVar("T", Lamp, Light)


@dataclass(frozen=True, slots=True)
class Wires:
    """Where button, line and lights are, as URIs; empty: the room has none."""

    mute_button: str = ""
    mute_line: str = ""
    mute_light: tuple[str, ...] = ()
    """Red; red and green; or red, green and blue."""
    call_light: str = ""

    def check(self) -> None:
        """Raise `BadUri` or `UnknownScheme` when a wire makes no sense or is named twice; opens nothing."""
        named = [uri for uri in (self.mute_button, self.mute_line, *self.mute_light, self.call_light) if uri]
        places = set()
        for wiring in map(parse, named):
            if wiring.line in places:
                raise BadUri(f"{wiring.uri} is named twice: a line has one use.")
            places.add(wiring.line)
        if self.mute_light:
            fails_lit(self.mute_light[0])
        if len(self.mute_light) > 3:
            raise BadUri("A mute light has one, two or three wires: red, green, blue.")


def lamp(uris: Sequence[str], *, leave: bool = False) -> Lamp:
    """Return the mute light, closed: red, green, blue. The red one must be lit while nobody drives it."""
    fails_lit(uris[0])
    # red from its first moment on, the others dark
    lines = [output_line(uri, initial=index == 0, leave=leave) for index, uri in enumerate(uris)]
    return Lamp(*map(Light, lines))


def show_red(wires: Wires) -> list[str]:
    """Make the mute light red and the call light dark, leave them so, and say what did not work.

    What a supervisor runs when media is dead: most kernels then have made the light red by releasing its line, but a
    Raspberry Pi's keeps it as it was. Waits a second for a line that is still claimed.
    """
    problems = []
    if wires.mute_light:
        problems += _once(lambda: lamp(wires.mute_light, leave=True), lambda it: it.show(Colour.RED))
    if wires.call_light:
        problems += _once(lambda: Light(output_line(wires.call_light, leave=True)), lambda it: it.show(lit=False))
    return problems


def _once(opens: Callable[[], T], work: Callable[[T], None]) -> list[str]:
    until_s = time.monotonic() + _CLAIM_S
    while True:
        try:
            with opens() as device:
                work(device)
        except BadUri as err:
            return [str(err)]
        except DeviceError as err:
            if time.monotonic() >= until_s:
                return [str(err)]
            time.sleep(_AGAIN_S)
        else:
            return []
