"""The mute gate between three voices: the daemon's wishes, the room's own button, and its mute line."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from appliance.media.buttons_and_lights import ButtonsAndLights, Happening, LineMoved, MutedByHand, TappedWhileMuted
from appliance.media.gate import MuteGate
from appliance.media.lights import Capture
from appliance.media.mute_button import begin, mute_by_hand, take_line, take_word, tap_while_muted
from appliance.media.wires import Wires
from appliance.state.clean import clean_text
from appliance.state.devices import WireUse
from appliance.state.room import Boot
from appliance.state.touch import Touch
from appliance.state.wishes import MediaWish

_ERROR = 200


class Hands:
    """Opens the gate, and nobody else does. Everything here happens in the event loop."""

    def __init__(
        self,
        wires: Wires,
        *,
        gate: MuteGate,
        boot: Boot,
        capture: Callable[[], Capture],
        in_call: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        """`capture` says what leaves the room, on the lights' own thread; `changed` hears that something did."""
        self._gate, self._in_call, self._changed = gate, in_call, changed
        self._mute = begin(boot, kept_muted=gate.mic_muted, has_line=bool(wires.mute_line))
        self._camera_off = gate.camera_off
        self._wires: dict[str, WireUse] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="mute gate")
        """Saves the gate, one state after another; no other work can hold it up, nor a loop that hangs."""
        self._lights = ButtonsAndLights(
            wires,
            gate=gate,
            keep=partial(self._disk.submit, gate.keep_muted),
            capture=capture,
            happened=self._happened,
        )
        self._setting, self._touched = asyncio.Lock(), asyncio.Event()

    @property
    def touch(self) -> Touch:
        """The newest touch of button or line."""
        return self._mute.touch

    @property
    def mute_line(self) -> bool:
        """Whether the mute line is asserted, or cannot be read."""
        return self._mute.line is not False

    @property
    def age_s(self) -> float:
        """How long ago button, line and lights were looked after: long, and the lights may lie."""
        return self._lights.age_s

    @property
    def wires(self) -> tuple[WireUse, ...]:
        """How button, line and lights do."""
        return tuple(self._wires.values())

    async def take(self, wish: MediaWish) -> None:
        """Hear what the daemon wishes; returns when the gate is as it should be, and that is kept."""
        self._mute = take_word(self._mute, wish.word)
        self._camera_off = wish.controls.camera_off
        await self._set()

    async def run(self) -> None:
        """Follow button and line, and light the lights, until cancelled."""
        try:
            await self._run()
        finally:
            await asyncio.to_thread(self._disk.shutdown)

    async def _run(self) -> None:
        # a line that was not read yet may be asserted
        self._gate.close_at_once(mic_muted=self._mute.mic_muted, camera_off=False)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lights.run(), name="button and lights")
            try:
                while True:
                    await self._touched.wait()
                    self._touched.clear()
                    await self._set()
            finally:
                # before the lights go red for good, whatever ends media; what is kept stays
                self._gate.close_at_once(mic_muted=True, camera_off=True)

    def heard(self, use: WireUse) -> None:
        """Take in how another wire does: that of the camera's head."""
        self._happened(use)

    def _happened(self, what: Happening) -> None:
        match what:
            case MutedByHand():
                self._mute = mute_by_hand(self._mute)
            case TappedWhileMuted():
                self._mute = tap_while_muted(self._mute, in_call=self._in_call())
            case LineMoved(asserted):
                self._mute = take_line(self._mute, asserted=asserted)
            case WireUse():
                self._wires[what.role] = replace(what, error=clean_text(what.error, _ERROR))
        self._touched.set()
        self._changed()

    async def _set(self) -> None:
        async with self._setting:
            gate, wanted = self._gate, (self._mute.mic_muted, self._camera_off)
            if {(gate.mic_muted, gate.camera_off), gate.kept} != {wanted}:
                muted, off = wanted
                gate.close_at_once(mic_muted=muted, camera_off=off)
                self._changed()
                opening = partial(gate.set, mic_muted=muted, camera_off=off)
                await asyncio.get_running_loop().run_in_executor(self._disk, opening)
                self._changed()
        self._lights.refresh()
