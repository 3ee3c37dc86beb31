"""Lights: one wire is a light, up to three of different colours are a lamp."""

from collections.abc import Mapping
from contextlib import ExitStack
from enum import StrEnum
from typing import Self

from hardware.gpio.ports import OutputLine
from hardware.ports import DeviceError


class Colour(StrEnum):
    """What a lamp shows."""

    OFF = "off"
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    AMBER = "amber"
    """Red and green."""
    WHITE = "white"


_MIXED: Mapping[Colour, frozenset[Colour]] = {
    Colour.OFF: frozenset(),
    Colour.AMBER: frozenset({Colour.RED, Colour.GREEN}),
    Colour.WHITE: frozenset({Colour.RED, Colour.GREEN, Colour.BLUE}),
}


class Light:
    """One wire with a light."""

    def __init__(self, line: OutputLine) -> None:
        self._line = line

    @property
    def name(self) -> str:
        return self._line.name

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.__exit__()

    @property
    def lit(self) -> bool:
        """Whether it is lit, asked of the wire."""
        return self._line.read()

    def show(self, *, lit: bool) -> None:
        """Light it or not; raise `DeviceError` when the wire then says otherwise: something else drives it."""
        self._line.write(lit)
        if self._line.read() != lit:
            raise DeviceError(
                f"{self.name} does not go where it is driven: a short circuit, or a wire on the wrong pin."
            )


class Lamp:
    """A red light alone, a red and a green one, or the three of an RGB light (one wire each, on or off)."""

    def __init__(self, red: Light, green: Light | None = None, blue: Light | None = None) -> None:
        lights = {Colour.RED: red, Colour.GREEN: green, Colour.BLUE: blue}
        self._lights = {colour: light for colour, light in lights.items() if light is not None}
        self._open = ExitStack()

    @property
    def name(self) -> str:
        return ", ".join(light.name for light in self._lights.values())

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for light in self._lights.values():
                opening.enter_context(light)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def show(self, colour: Colour) -> None:
        """Show a colour as far as the lamp has it: a lone red light is lit for red and dark for green."""
        wanted = _MIXED.get(colour, frozenset({colour}))
        # what lights up goes first: no moment without a light, and red stays when green cannot be lit
        for shade, light in sorted(self._lights.items(), key=lambda item: item[0] in wanted, reverse=True):
            light.show(lit=shade in wanted)
