"""Relays for the room's lights and blinds: switched, and left as people had them when a program starts or ends."""

from typing import Protocol, Self

from hardware.gpio.ports import OutputLine


class OpensOutput(Protocol):
    """`hardware.gpio.pins.output_line`, or a test's."""

    def __call__(self, uri: str, *, initial: bool | None, leave: bool) -> OutputLine: ...


class Relay:
    """One relay. A restart is no reason for darkness; when it ends, only a kernel that keeps outputs can do that."""

    def __init__(self, uri: str, *, opens: OpensOutput) -> None:
        self._line = opens(uri, initial=None, leave=True)

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
        self._line.__exit__()
