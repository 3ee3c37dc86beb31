"""A program with a gate, a button and lights, and a "capture" that sends a packet each 20 ms while the gate is open.

Started with the wires as JSON and the gate's file. It has no daemon. SIGUSR1 makes its event loop hang.
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from appliance.media.buttons_and_lights import ButtonsAndLights, LineMoved, MutedByHand, TappedWhileMuted
from appliance.media.gate import MuteGate
from appliance.media.lights import Capture
from appliance.media.mute_button import begin, mute_by_hand, take_line, tap_while_muted
from appliance.media.wires import Wires


class Room:
    def __init__(self, wires: Wires, gate: MuteGate) -> None:
        self.gate = gate
        self.mute = begin("program", kept_muted=gate.mic_muted, has_line=bool(wires.mute_line))
        self.sound_s: float | None = None
        self.hands = ButtonsAndLights(
            wires, gate=gate, keep=gate.keep_muted, capture=self.capture, happened=self.happened
        )
        self.decided = asyncio.Event()

    def capture(self) -> Capture:
        return Capture(self.gate.mic_muted, self.sound_s, in_call=True)

    def happened(self, what: object) -> None:
        match what:
            case MutedByHand():
                self.mute = mute_by_hand(self.mute)
            case TappedWhileMuted():
                self.mute = tap_while_muted(self.mute, in_call=True)
            case LineMoved(asserted):
                self.mute = take_line(self.mute, asserted=asserted)
            case _:
                sys.stdout.write(json.dumps([what.role, what.open, what.error]) + "\n")
                sys.stdout.flush()
        self.decided.set()

    async def send(self) -> None:
        while True:
            if not self.gate.mic_muted:
                self.sound_s = time.monotonic()
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.hands.run())
            tasks.create_task(self.send())
            while True:
                if {self.gate.mic_muted, self.gate.kept[0]} != {self.mute.mic_muted}:
                    await asyncio.to_thread(self.gate.set, mic_muted=self.mute.mic_muted, camera_off=True)
                await self.decided.wait()
                self.decided.clear()


async def main() -> None:
    wires = json.loads(sys.argv[1])
    wires["mute_light"] = tuple(wires.get("mute_light", ()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: time.sleep(60))
    await Room(Wires(**wires), MuteGate(Path(sys.argv[2]))).run()


if __name__ == "__main__":
    asyncio.run(main())
