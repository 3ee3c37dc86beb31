"""The mute button, counted press by press, and the mute line with its cable pulled."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Self

from acceptance.check import Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from hardware.gpio.buttons import BUTTON_S, Switch, Watched
from hardware.gpio.debounce import Edge
from hardware.gpio.pins import input_line
from hardware.gpio.press import Press, PressReader
from hardware.ports import DeviceError

_PRESSES = 20
_LOOK_S = 0.01


class _Looking:
    """Looks at a wire again and again while a person is busy with it."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look, self._stop = look, threading.Event()
        self._error: DeviceError | None = None
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what the wire failed with."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(_LOOK_S):
                self._look()
        except DeviceError as err:
            self._error = err


@check(
    "mute-button",
    "Every press of the mute button is counted, and none that was not one",
    do="Wire the mute button as docs/hardware.md shows, and let go of it.",
    passes=f"{_PRESSES} presses, half of them as fast as you can, are exactly {_PRESSES}",
    uses=("mute_button",),
)
def button(room: Room, person: Person) -> Figures:
    wire = Watched(input_line(room.devices.mute_button), on_s=BUTTON_S, off_s=BUTTON_S)
    edges: list[Edge] = []
    restless: list[bool] = []

    def look() -> None:
        edges.extend(wire.look())
        restless.append(wire.restless())

    wire.open(lambda: None)
    try:
        demand(not wire.active, "it reads as pressed while nobody presses it: is active_low= right?")
        with _Looking(look) as looking:
            person.ready(f"Press {_PRESSES // 2} times slowly, then {_PRESSES // 2} times as fast as you can.")
            # the last one counts once it has held still
            time.sleep(4 * BUTTON_S)
        looking.check()
    finally:
        wire.close()
    figures = _counted(edges, restless=any(restless))
    demand(not any(restless), "the wire flickers as no hand can: a loose cable, or one beside a motor's", figures)
    demand(figures["presses"] == _PRESSES, f"{figures['presses']} presses were counted, not {_PRESSES}", figures)
    return figures


@check(
    "mute-line",
    "The mute line is heard, and a cut cable mutes",
    do="Wire the mute line's contact as docs/hardware.md shows, and close it: the microphone may be open then.",
    passes="released while the contact is closed, asserted while it is open, and while the cable is pulled",
    uses=("mute_line",),
)
def line_cut(room: Room, person: Person) -> Figures:
    with Switch(input_line(room.devices.mute_line), wake=lambda: None) as line:
        figures = {"released_s": round(_becomes(room, line, "the contact, closed", active=False), 2)}
        steps = (
            ("Now open the contact: mute.", "the contact, opened", True),
            ("Now close it again.", "the contact, closed", False),
            ("Now pull the line's cable out of the header.", "the pulled cable", True),
            ("Now plug it in again.", "the plugged cable", False),
        )
        for text, what, active in steps:
            person.tell(text)
            _becomes(room, line, what, active=active)
            demand(not line.fault(), line.fault(), figures)
            figures["changes"] = figures.get("changes", 0) + 1
    return figures


def _becomes(room: Room, line: Switch, what: str, *, active: bool) -> float:
    def so() -> bool:
        line.look()
        return line.active is active

    return room.until(so, f"{what}: {'asserted' if active else 'released'}")


def _counted(edges: list[Edge], *, restless: bool) -> dict[str, float | bool]:
    """Say how many presses there were, how fast, and how many the room would have acted on."""
    reader = PressReader()
    reader.begin(0.0, active=False)
    acted = sum(isinstance(reader.take(edge), Press) for edge in edges)
    downs = [edge.at_s for edge in edges if edge.active]
    held = [after.at_s - before.at_s for before, after in pairwise(edges) if before.active]
    return {
        "presses": len(downs),
        "acted_on": acted,
        "fastest_ms": round(1000 * min((b - a for a, b in pairwise(downs)), default=0.0)),
        "shortest_held_ms": round(1000 * min(held, default=0.0)),
        "restless": restless,
    }
