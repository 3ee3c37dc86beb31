"""An HDMI stick as the share input: its signal comes and goes with the computer."""

import time

from acceptance.check import Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from hardware.camera.signal import SignalWatch
from hardware.ports import HdmiInput

_READ_S, _ASK_S = 0.2, 0.5
"""As the room reads an input and asks its driver (appliance/media/share.py)."""


class _Watched:
    """An input's signal, and how often it changed its mind."""

    def __init__(self, stick: HdmiInput, room: Room) -> None:
        self._stick, self._room = stick, room
        self._watch = SignalWatch()
        self._driver: bool | None = None
        self._asked_s = 0.0
        self.changes = 0

    def until(self, *, signal: bool, what: str) -> float:
        """Watch until the signal is so and stays so; return the seconds until it was."""
        began = time.monotonic()
        took_s = self._room.until(lambda: self._look() is signal, what)
        steady_until_s = time.monotonic() + self._room.spans.still
        while time.monotonic() < steady_until_s:
            if self._look() is not signal:
                took_s = time.monotonic() - began
        demand(self._watch.has_signal is signal, f"{what}: it does not stay so")
        return round(took_s, 1)

    def _look(self) -> bool:
        frame, now = self._stick.read(_READ_S), time.monotonic()
        if now - self._asked_s > _ASK_S:
            self._asked_s, self._driver = now, self._stick.has_signal()
        before = self._watch.has_signal
        after = self._watch.see(frame, now, driver=self._driver)
        self.changes += before is not after
        return after


@check(
    "hdmi-stick",
    "An HDMI stick tells a computer that is plugged in from none",
    do="Plug the HDMI stick into USB, with no computer at its HDMI side.",
    passes="no signal at first, a signal with a computer, none without it again, and no change of mind in between",
    uses=("capture",),
)
def hdmi_stick(room: Room, person: Person) -> Figures:
    with room.capture(room.devices.capture) as stick:
        watched = _Watched(stick, room)
        figures: dict[str, Figure] = {"stick": stick.name}
        watched.until(signal=False, what="no signal without a computer")
        person.tell("Now plug a computer into the stick, and let it show its desktop there.")
        figures["plugged_s"] = watched.until(signal=True, what="a signal of the computer")
        person.tell("Now pull the HDMI plug out of the stick.")
        figures["pulled_s"] = watched.until(signal=False, what="the end of the signal")
        figures["changes"] = watched.changes
    demand(watched.changes == 2, "the signal came and went more often than the plug", figures)
    return figures
