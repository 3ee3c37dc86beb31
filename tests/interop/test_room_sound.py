"""The whole of `salon media` on a real PipeWire: a sound check, and what a call sends of what the room hears."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from livekit_double import livekit_double
from program import OPEN, call, running

from appliance.state.devices import DeviceKind
from appliance.state.room import Phase
from appliance.state.wishes import Devices
from benchmarks.pipewire_server import pipewire_server

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def server():
    with pipewire_server() as server:
        yield server


@pytest.fixture
def room(server, monkeypatch):
    """A loudspeaker and a microphone that hears it."""
    for key in ("PIPEWIRE_NODE", "PIPEWIRE_ALSA", "PIPEWIRE_REMOTE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", server.environment["XDG_RUNTIME_DIR"])
    server.sink("room")
    server.source("ear")
    server.link("room", "ear")
    yield server
    for name in list(server.modules):
        server.unplug(name)


DEVICES = Devices(("sim:pattern?size=320x180",), ("pipewire:ear",), ("pipewire:room?buffer=120",))


async def test_a_sound_check_measures_what_comes_back_and_closes_the_devices_again(runtime_dir, room):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(devices=DEVICES)
        await daemon.applied()
        daemon.want(sound_check=7)
        report = await daemon.until(lambda r: r.sound_check.asked == 7 and r.sound_check.at is not None, seconds=60)
        check = report.sound_check
        assert check.words
        if check.echo_return_loss_db is None:
            # a machine that is too busy for PipeWire loses sound each time: then nothing is claimed
            assert (check.sweeps, check.ok) == (3, False)
            assert check.words[0].startswith("Sound was lost")
            assert check.delay_ms is check.rt60_s is None
        else:
            # a wire is no room: what is played comes back as it is, and dies away at once
            assert check.echo_return_loss_db == pytest.approx(0.0, abs=1.0)
            assert len(check.microphones) == 1
            # within a cycle of PipeWire's
            assert check.delay_ms == pytest.approx(0.0, abs=25)
            assert (await asyncio.to_thread(Path(check.picture).read_text)).startswith("<svg")
        await daemon.until(lambda r: not any(use.open for use in r.devices))


async def test_a_microphone_that_is_pulled_in_a_call_is_followed_by_the_next_and_gone_back_to(runtime_dir, room):
    async with livekit_double() as server, running(runtime_dir) as media:
        daemon = media.daemon
        devices = replace(DEVICES, microphone=("pipewire:ear", "sim:tone"))
        daemon.want(call=call(server), controls=OPEN, devices=devices)
        await daemon.until(
            lambda r: r.call.phase is Phase.LIVE and daemon.use(DeviceKind.MICROPHONE).uri == "pipewire:ear"
        )
        await daemon.until(lambda _: daemon.use(DeviceKind.MICROPHONE).open)
        await asyncio.to_thread(room.unplug, "ear")
        await daemon.until(lambda _: daemon.use(DeviceKind.MICROPHONE).uri == "sim:tone")
        await server.until(lambda: "audio" in server.received)
        heard = asyncio.Queue()
        server.received["audio"].on_frame = heard.put_nowait
        async with asyncio.timeout(10):
            await heard.get()
        await asyncio.to_thread(room.source, "ear")
        await daemon.until(
            lambda _: daemon.use(DeviceKind.MICROPHONE).uri == "pipewire:ear" and daemon.use(DeviceKind.MICROPHONE).open
        )
