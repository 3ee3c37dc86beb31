"""A program that owns the mute button and the mute light as `salon media` does, as if in a call, until it is killed.

`python -m acceptance.light_owner FOLDER BUTTON RED [GREEN]` says "open" once the light is driven, or what is wrong.
"""

import asyncio
import sys
import time
from pathlib import Path

from appliance.media.buttons_and_lights import ButtonsAndLights, Happening, TappedWhileMuted
from appliance.media.gate import MuteGate
from appliance.media.lights import Capture
from appliance.media.wires import Wires
from appliance.state.devices import WireUse


class _Captured:
    """What a call with an open microphone would say of itself."""

    def __init__(self, gate: MuteGate) -> None:
        self._gate = gate
        self._left_s: float | None = None

    def __call__(self) -> Capture:
        if not self._gate.mic_muted:
            self._left_s = time.monotonic()
        return Capture(mic_muted=self._gate.mic_muted, sound_s=self._left_s, in_call=True)


async def _own(folder: Path, wires: Wires) -> None:
    gate = MuteGate(folder / "gate.json")
    gate.set(mic_muted=False, camera_off=True)

    def happened(what: Happening) -> None:
        match what:
            case TappedWhileMuted():
                gate.set(mic_muted=False, camera_off=True)
            case WireUse(role="mute light"):
                sys.stdout.write(f"{what.error or 'open'}\n")
                sys.stdout.flush()

    await ButtonsAndLights(wires, gate=gate, keep=gate.keep_muted, capture=_Captured(gate), happened=happened).run()


if __name__ == "__main__":
    at, button, *light = sys.argv[1:]
    asyncio.run(_own(Path(at), Wires(mute_button=button, mute_light=tuple(light))))
