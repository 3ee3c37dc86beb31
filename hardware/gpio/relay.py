"""Relays for the room's lights and blinds: switched, and left as people had them when a program starts or ends."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from hardware.gpio.ports import OutputLine


class Rest(StrEnum):
    """What becomes of a relay when its program starts or ends."""

    KEEP = "keep"
    """It stays as it is: a restart is no reason for darkness. On exit only a kernel that keeps outputs can do that."""
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rests:
    """How a relay begins and ends."""

    start: Rest = Rest.KEEP
    exit: Rest = Rest.KEEP


class OpensOutput(Protocol):
    """`hardware.gpio.pins.output_line`, or a test's."""

    def __call__(self, uri: str, *, initial: bool | None, leave: bool) -> OutputLine: ...


class Relay:
    """One relay."""

    def __init__(self, uri: str, rests: Rests = Rests(), *, opens: OpensOutput) -> None:
        self._rests = rests
        # also what is set on exit must stay after it
        self._line = opens(uri, initial=_level(rests.start), leave=True)

    @property
    def name(self) -> str:
        return self._line.name

    @property
    def on(self) -> bool:
        """Whether it is switched on, asked of the wire."""
        return self._line.read()

    def switch(self, *, on: bool) -> None:
        """Switch it; raise `DeviceError` when the wire is gone."""
        self._line.write(on)

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        at_rest = _level(self._rests.exit)
        try:
            if at_rest is not None:
                self._line.write(at_rest)
        finally:
            self._line.__exit__()


def _level(rest: Rest) -> bool | None:
    match rest:
        case Rest.KEEP:
            return None
        case Rest.ON:
            return True
        case Rest.OFF:
            return False
