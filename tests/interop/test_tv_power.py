"""Real sway, headless: what it says of its outputs, and what it does with them when we say so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.connector import Connector
from hardware.tv.dpms import SwayOutputs, sway_socket
from hardware.tv.power import Method, Power
from hardware.tv.television import TvSet

pytestmark = pytest.mark.interop
OUTPUT = "HEADLESS-1"
TV = Connector(f"card0-{OUTPUT}", connected=True)
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Sway:
    process: subprocess.Popen[bytes]
    socket: Path

    def says(self) -> bool:
        """Ask sway by its own program whether the output is on."""
        words = ["swaymsg", "-s", str(self.socket), "--raw", "-t", "get_outputs"]
        text = subprocess.run(words, check=True, capture_output=True, timeout=10).stdout
        (output,) = json.loads(text)
        assert output["name"] == OUTPUT
        return output.get("power", output.get("dpms"))


def version() -> tuple[int, ...]:
    text = subprocess.run(["sway", "--version"], check=True, capture_output=True, text=True, timeout=10).stdout
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


@pytest.fixture
def sway(runtime_dir) -> Iterator[Sway]:
    """Run sway as somebody who is not root, which it refuses to be."""
    folder = runtime_dir / "xdg"
    folder.mkdir(mode=0o700)
    (runtime_dir / "config").write_text("xwayland disable\n")
    command = ["sway", "--config", str(runtime_dir / "config")]
    if os.geteuid() == 0:
        runtime_dir.chmod(0o711)
        (runtime_dir / "config").chmod(0o644)
        shutil.chown(folder, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "WLR_BACKENDS": "headless",
        "WLR_LIBINPUT_NO_DEVICES": "1",
        "WLR_RENDERER": "pixman",
    }
    with (runtime_dir / "said").open("wb") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        yield Sway(process, wait_for_socket(process, folder, runtime_dir / "said"))
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


def wait_for_socket(process, folder, said) -> Path:
    until = time.monotonic() + 20
    while (socket := sway_socket(folder)) is None:
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < until, said.read_text()
        time.sleep(0.05)
    return socket


async def test_an_output_is_on_and_sways_own_program_says_so_too(sway):
    assert await SwayOutputs(sway.socket).power(OUTPUT) is Power.ON
    assert await asyncio.to_thread(sway.says) is True


async def test_the_picture_is_taken_away_and_given_back_or_it_is_said_that_it_cannot_be(sway):
    """Sway 1.7 (Debian 12) cannot switch headless outputs off, and says it did; from 1.8 on it can."""
    outputs = SwayOutputs(sway.socket)
    if await asyncio.to_thread(version) >= (1, 8):
        await outputs.switch(OUTPUT, on=False)
        assert await outputs.power(OUTPUT) is Power.OFF
        assert await asyncio.to_thread(sway.says) is False
    else:
        with pytest.raises(DeviceError, match="sway did not switch HEADLESS-1 off: its driver cannot"):
            await outputs.switch(OUTPUT, on=False)
        assert await asyncio.to_thread(sway.says) is True
    await outputs.switch(OUTPUT, on=True)
    assert await outputs.power(OUTPUT) is Power.ON
    assert await asyncio.to_thread(sway.says) is True


async def test_an_output_that_sway_does_not_have_is_missing(sway):
    outputs = SwayOutputs(sway.socket)
    assert await outputs.power("HDMI-A-9") is Power.UNKNOWN
    with pytest.raises(DeviceMissing, match="no output 'HDMI-A-9'"):
        await outputs.switch("HDMI-A-9", on=False)


async def test_a_sway_that_hangs_costs_two_seconds_and_one_that_died_none(sway):
    outputs = SwayOutputs(sway.socket)
    sway.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(DeviceError, match="did not answer within 2 s"):
        await outputs.power(OUTPUT)
    assert time.monotonic() - began < 4
    ways = await TvSet(None, outputs).ways(TV)
    assert (ways.none, ways.trouble) == (True, "sway did not answer within 2 s")
    sway.process.send_signal(signal.SIGCONT)
    sway.process.kill()
    await asyncio.to_thread(sway.process.wait, 10)
    with pytest.raises(DeviceMissing, match="sway does not run here"):
        await outputs.power(OUTPUT)
    ways = await TvSet(None, outputs).ways(TV)
    assert (ways.none, ways.trouble) == (True, "")


async def test_a_room_without_cec_can_take_the_picture_away(sway):
    tv = TvSet(None, SwayOutputs(sway.socket))
    ways = await tv.ways(TV)
    assert ways.methods(Power.OFF) == (Method.DPMS,)
    assert await tv.power(ways) is Power.ON
