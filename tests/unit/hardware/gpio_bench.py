"""A bench with wires on it: gpiozero's own pins, or simulated ones; a test presses and looks without knowing which."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory

from hardware.gpio import mock
from hardware.gpio.mock import MockInput, MockOutput
from hardware.gpio.real import GpioInput, GpioOutput, Source
from hardware.gpio.wiring import parse


def wait_until(true: Callable[[], object], within_s: float = 2.0) -> bool:
    """Look every few ms until `true()`."""
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


@dataclass
class ZeroBench:
    """gpiozero's real devices on its MockFactory's pins."""

    factory: Any = field(default_factory=MockFactory)
    left: list[str] = field(default_factory=list)
    simulated = False

    def uri(self, line: int, options: str = "") -> str:
        return f"gpio:{line}{options}"

    def _source(self, wiring) -> Source:
        # a factory of its own closes with its line; this one serves them all, so that a second use is seen
        return Source(self.factory, lambda: None, lambda: self.left.append(wiring.uri))

    def input(self, uri: str) -> GpioInput:
        return GpioInput(parse(uri), opens=self._source)

    def output(self, uri: str, **how) -> GpioOutput:
        return GpioOutput(parse(uri), opens=self._source, **how)

    def drive(self, uri: str, *, active: bool) -> None:
        wiring = parse(uri)
        pin = self.factory.pin(int(wiring.pin))
        pin.drive_high() if wiring.high(active=active) else pin.drive_low()

    def high(self, uri: str) -> bool:
        return bool(self.factory.pin(int(parse(uri).pin)).state)

    def close(self) -> None:
        self.factory.close()
        self.factory.reset()


@dataclass
class MockBench:
    """Simulated wires in a folder."""

    folder: Path
    simulated = True

    def uri(self, line: int, options: str = "") -> str:
        return f"mock:pin{line}{options}{'&' if options else '?'}dir={self.folder}"

    def input(self, uri: str) -> MockInput:
        return MockInput(parse(uri))

    def output(self, uri: str, **how) -> MockOutput:
        return MockOutput(parse(uri), **how)

    def drive(self, uri: str, *, active: bool) -> None:
        mock.drive(uri, active=active)

    def high(self, uri: str) -> bool:
        return (self.folder / parse(uri).pin).read_bytes() == b"1"

    def close(self) -> None:
        pass
