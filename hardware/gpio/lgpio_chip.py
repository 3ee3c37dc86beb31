"""gpiozero's lgpio driver for any gpiochip, found by its label. Imported when a room names such a pin, never before."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

from gpiozero import PinInvalidPin
from gpiozero.pins import PinInfo

from hardware.gpio.chips import Chip

_importing = Lock()


def _load_lgpio() -> ModuleType:
    """Import lgpio, which opens a pipe with a fixed name in the working directory.

    A service's is read-only, and two programs in the same one would take each other's events: so a folder of its own,
    for the moment of the import (github.com/joan2937/lg, issue 12).
    """
    with _importing, tempfile.TemporaryDirectory(prefix="salon-lgpio-") as folder:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        told = os.environ.get("LG_WD")
        os.environ["LG_WD"] = folder
        try:
            os.chdir(folder)
            return import_module("lgpio")
        finally:
            os.fchdir(before)
            os.close(before)
            os.environ.pop("LG_WD") if told is None else os.environ.update(LG_WD=told)


lgpio = _load_lgpio()
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin  # noqa: E402 - it imports lgpio in turn


class _LinePin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
    """gpiozero's line with three of its habits taken off."""

    def output_with_state(self, state: bool) -> None:
        """Become an output with the right level at once; else it is low for a moment."""
        handle = self.factory._handle  # noqa: SLF001 - there is no other way to it
        lgpio.gpio_claim_output(handle, self._number, int(state))

    def close(self) -> None:
        """Take the callback along: one that is left fails in lgpio's only thread, and no line has edges any more.

        A chip that was pulled out cannot be put in order.
        """
        with suppress(lgpio.error):
            self.when_changed = None
        with suppress(lgpio.error):
            super().close()

    def _call_when_changed(self, chip: int, gpio: int, level: int, ticks: int) -> None:
        if self.factory._handle is not None:  # noqa: SLF001 - an edge that was under way when the line was closed
            super()._call_when_changed(chip, gpio, level, ticks)


class ChipFactory(LGPIOFactory):  # type: ignore[misc]
    """The lines of one chip, by number. Knows no board, so a new model or a PC's own chip is no stranger to it."""

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip=chip.number)
        self._handle: int | None = self._handle
        self._lines = _Lines(chip)
        self.pin_class = _LinePin
        # gpiozero shares these between all its drivers, which would make line 3 of two chips the same
        self.pins: dict[PinInfo, LGPIOPin] = {}
        self._reservations: dict[PinInfo, list[object]] = defaultdict(list)
        self._res_lock = Lock()

    def _get_board_info(self) -> "_Lines":
        return self._lines

    def leave(self) -> None:
        """Close the chip and leave its lines as they are, as far as the kernel lets them be."""
        handle, self._handle = self._handle, None
        self.pins.clear()
        if handle is not None:
            lgpio.gpiochip_close(handle)


class _Lines:
    """What gpiozero asks of a board."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    def find_pin(self, name: object) -> Iterator[tuple[Any, PinInfo]]:
        number = int(str(name).removeprefix("GPIO"))
        if number >= self._chip.lines:
            raise PinInvalidPin(f"{self._chip.label} has lines 0 to {self._chip.lines - 1}")
        known = frozenset({f"GPIO{number}"})
        yield None, PinInfo(number, f"GPIO{number}", known, "", number, 0, frozenset({"gpio"}))


ERRORS: tuple[type[Exception], ...] = (lgpio.error,)
