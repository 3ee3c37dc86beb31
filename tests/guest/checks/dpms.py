"""Sway on a real graphics driver takes the picture away and gives it back; the kernel's own word is the witness."""

import asyncio
import os
import subprocess
import tempfile
import time
from pathlib import Path

from check import say, step

from hardware.tv.connector import Connector, connectors
from hardware.tv.dpms import SwayOutputs, sway_socket
from hardware.tv.power import Method, Power
from hardware.tv.television import TvSet


async def check(socket: Path) -> None:
    # it takes its time until it answers, where each instruction is emulated
    outputs = SwayOutputs(socket, timeout_s=30.0)
    tv = None
    for connector in connectors():
        if await outputs.power(connector.output) is Power.ON:
            tv = connector
    assert tv is not None, f"sway shows nothing on any of {connectors()}"
    say(f"sway shows its picture at {tv.name}")

    def now() -> Connector:
        return next(connector for connector in connectors() if connector.name == tv.name)

    set_ = TvSet(None, outputs)
    assert (now().lit, now().enabled) == (True, True)
    ways = await set_.ways(tv)
    assert ways.methods(Power.OFF) == (Method.DPMS,)
    with step("the picture is taken away"):
        assert await set_.use(Method.DPMS, Power.OFF, tv, ways)
    assert (now().lit, now().enabled, now().connected) == (False, False, True), now()
    ways = await set_.ways(tv)
    assert await set_.power(ways) is Power.OFF
    assert ways.methods(Power.ON) == (Method.DPMS,)
    with step("the picture is given back"):
        assert await set_.use(Method.DPMS, Power.ON, tv, ways)
    assert (now().lit, now().enabled) == (True, True), now()
    assert await set_.power(await set_.ways(tv)) is Power.ON


def main() -> None:
    for driver in ("virtio-gpu", "bochs"):
        subprocess.run(["modprobe", driver], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text("xwayland disable\n")
        environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": name,
            "LIBSEAT_BACKEND": "builtin",
            "WLR_RENDERER": "pixman",
            "WLR_LIBINPUT_NO_DEVICES": "1",
        }
        with (folder / "said").open("wb") as said, step("sway starts"):
            sway = subprocess.Popen(["sway", "--config", f"{name}/config"], env=environment, stdout=said, stderr=said)
            until = time.monotonic() + 60
            while (socket := sway_socket(folder)) is None:
                assert sway.poll() is None, (folder / "said").read_text()
                assert time.monotonic() < until, (folder / "said").read_text()
                time.sleep(0.1)
        try:
            asyncio.run(check(socket))
        finally:
            sway.terminate()
            sway.wait(20)


main()
