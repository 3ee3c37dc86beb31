"""The room's own mute button, mute line and lights, in `salon media`: two threads that work with the daemon dead.

The first looks at line and button and shuts the gate itself, before the event loop hears of it; the loop decides the
rest (`mute_button`). The second asks ten times a second what is really captured and shows it (`lights`); it goes red by
itself when loop or capture hang, because then no packet leaves. A wire that cannot be opened is reported and tried
again; it never stops media. With media dead nobody drives the lights: see `wires.show_red`, and `hardware.gpio.mock`
for what a released line is.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from appliance.media.kept_wire import KeptWire
from appliance.media.lights import Capture, call_light, mute_light
from appliance.media.wires import Wires, lamp
from appliance.state.devices import WireUse
from hardware.gpio.buttons import Button, Switch
from hardware.gpio.lights import Colour, Lamp, Light
from hardware.gpio.pins import input_line, output_line
from hardware.gpio.press import Press, Tap

_INPUTS, _LIGHTS = "mute button", "mute light"
_LOOK_S = 0.1
"""How often wires are looked at when no edge asks for it, and lights when nobody says that something changed."""
_REFRESH_S = 1.0
"""How often a light is driven again that should not have changed."""
_JOIN_S = 2.0
SEEN_S = 0.5
"""So long a gate must have been shut for a press to mean "open": whoever presses sooner saw a green light."""
_SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class MutedByHand:
    """The button went down while the gate was open. The gate is shut already."""


@dataclass(frozen=True, slots=True)
class TappedWhileMuted:
    """The button was tapped while the gate was shut."""


@dataclass(frozen=True, slots=True)
class LineMoved:
    """The mute line is asserted, or cannot be read: the gate is shut already. Or it is released."""

    asserted: bool


Happening = MutedByHand | TappedWhileMuted | LineMoved | WireUse


class Gate(Protocol):
    """As much of the mute gate as the button needs."""

    mic_muted: bool
    shut_s: float

    def close_at_once(self, *, mic_muted: bool, camera_off: bool) -> None: ...


class ButtonsAndLights:
    """Owns the threads and the wires."""

    def __init__(
        self,
        wires: Wires,
        *,
        gate: Gate,
        keep: Callable[[], object],
        capture: Callable[[], Capture],
        happened: Callable[[Happening], None],
    ) -> None:
        """`keep` has the gate saved as muted, and waits for nothing; it is called on the inputs' thread.

        `capture` is called on the lights' thread ten times a second; `happened` in the event loop.
        """
        self._wires, self._gate, self._keep, self._capture, self._happened = wires, gate, keep, capture, happened
        self._stop, self._wake, self._nudged = threading.Event(), threading.Event(), threading.Event()
        self._tap_unmutes = False
        """The gate was shut when the button went down, and had been for a while."""
        self._asked_s = float("-inf")
        """When the button asked to open last: that may be under way."""
        self._line: bool | None = None
        """What was last told of the mute line."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds = {name: time.monotonic() for _, name in self._work()}
        """When each thread last went round."""

    @property
    def age_s(self) -> float:
        """How long ago the thread that is late went round: whoever keeps a watchdog must not let one hang."""
        return time.monotonic() - min(self._rounds.values(), default=time.monotonic())

    async def run(self) -> None:
        """Serve the wires until cancelled; return at once when there are none."""
        self._loop = asyncio.get_running_loop()
        threads = [threading.Thread(target=work, name=name, daemon=True) for work, name in self._work()]
        for thread in threads:
            thread.start()
        try:
            if threads:
                await asyncio.Event().wait()
        finally:
            for event in (self._stop, self._wake, self._nudged):
                event.set()
            await asyncio.to_thread(_join, threads)

    def refresh(self) -> None:
        """Look at what is captured now: it changed. From any thread."""
        self._nudged.set()

    def _work(self) -> Iterator[tuple[Callable[[], None], str]]:
        if self._wires.mute_button or self._wires.mute_line:
            yield self._watch_inputs, _INPUTS
        if self._wires.mute_light or self._wires.call_light:
            yield self._drive_lights, _LIGHTS

    def _watch_inputs(self) -> None:
        wires, tell = self._wires, self._tell
        if wires.mute_line:
            # until it was read nobody knows better
            self._shut()
        line = KeptWire(_use("mute line", wires.mute_line), opens=self._open_line, changed=tell)
        button = KeptWire(_use("mute button", wires.mute_button), opens=self._open_button, changed=tell)
        while not self._stop.is_set():
            now_s = self._rounds[_INPUTS] = time.monotonic()
            line.serve(self._look_at_line, now_s)
            if line.missing:
                self._assert_line()
            button.serve(self._look_at_button, now_s)
            self._wake.wait(_until_due(line.device, button.device))
            self._wake.clear()
        line.close()
        button.close()

    def _open_line(self) -> Switch:
        return Switch(input_line(self._wires.mute_line), wake=self._wake.set)

    def _open_button(self) -> Button:
        return Button(input_line(self._wires.mute_button), wake=self._wake.set)

    def _look_at_line(self, line: Switch) -> str:
        for asserted in line.look():
            if asserted:
                self._assert_line()
            elif self._line is not False:
                self._line = False
                self._tell(LineMoved(asserted=False))
        if line.active and line.due_s is None:
            self._assert_line()
        return line.fault()

    def _assert_line(self) -> None:
        """Shut the gate each time round, whatever anybody does meanwhile; tell it once."""
        self._shut()
        if not self._line:
            self._line = True
            self._tell(LineMoved(asserted=True))
            self._keep()

    def _look_at_button(self, button: Button) -> str:
        for what in button.look():
            match what:
                case Press(at_s):
                    changed_s = max(self._gate.shut_s, self._asked_s)
                    self._tap_unmutes = self._gate.mic_muted and at_s - changed_s >= SEEN_S
                    if not self._tap_unmutes:
                        self._shut()
                        self._tell(MutedByHand())
                        # not left to the loop: it may hang, and media be killed for that
                        self._keep()
                case Tap(at_s):
                    if self._tap_unmutes:
                        self._asked_s = at_s
                        self._tell(TappedWhileMuted())
        return button.fault()

    def _shut(self) -> None:
        was_open = not self._gate.mic_muted
        # also one that is shut: an opening may wait for the disk
        self._gate.close_at_once(mic_muted=True, camera_off=False)
        if was_open:
            self._nudged.set()

    def _drive_lights(self) -> None:
        wires, tell = self._wires, self._tell
        mute = KeptWire(
            _use("mute light", " ".join(wires.mute_light)), opens=lambda: lamp(wires.mute_light), changed=tell
        )
        call = KeptWire(
            _use("call light", wires.call_light), opens=lambda: Light(output_line(wires.call_light)), changed=tell
        )
        shown, shut_s = _Shown(), time.monotonic()
        while not self._stop.is_set():
            capture = self._capture()
            now_s = self._rounds[_LIGHTS] = time.monotonic()
            if not capture.mic_muted:
                shut_s = now_s
            colour, lit = mute_light(capture, now_s, shut_s=shut_s), call_light(capture, now_s)
            mute.serve(lambda lamp: shown.mute(lamp, colour, now_s), now_s)  # noqa: B023 - called at once
            call.serve(lambda light: shown.call(light, lit, now_s), now_s)  # noqa: B023 - called at once
            self._nudged.wait(_LOOK_S)
            self._nudged.clear()
        mute.close(lambda lamp: lamp.show(Colour.RED))
        call.close(lambda light: light.show(lit=False))

    def _tell(self, happening: Happening) -> None:
        if self._loop is not None:
            # a loop that is closed needs to know nothing any more
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._happened, happening)


class _Shown:
    """Drives lights when what they should show changes, and once a second anyway."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, object, float]] = {}

    def mute(self, lamp: Lamp, colour: Colour, now_s: float) -> str:
        if self._due("mute", lamp, colour, now_s):
            lamp.show(colour)
        return ""

    def call(self, light: Light, lit: bool, now_s: float) -> str:
        if self._due("call", light, lit, now_s):
            light.show(lit=lit)
        return ""

    def _due(self, role: str, device: object, wanted: object, now_s: float) -> bool:
        before, shown, at_s = self._last.get(role, (None, None, 0.0))
        if before is device and shown == wanted and now_s - at_s < _REFRESH_S:
            return False
        self._last[role] = (device, wanted, now_s)
        return True


def _use(role: str, uri: str) -> WireUse:
    return WireUse(role, uri, simulated=uri.startswith("mock:"))


def _until_due(*devices: Switch | Button | None) -> float:
    due = [device.due_s for device in devices if device is not None]
    soonest_s = min((at_s for at_s in due if at_s is not None), default=float("inf")) - time.monotonic()
    return min(max(soonest_s, _SHORTEST_S), _LOOK_S)


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join(_JOIN_S)
