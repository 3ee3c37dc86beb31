"""The sound check in all of `salon media`, on simulated devices: who goes before it, and what it leaves behind."""

import asyncio
import threading
from functools import partial

import pytest
from livekit_double import livekit_double
from program import OPEN, call, running

from appliance.media import engine as engine_module
from appliance.media.options import MediaSettings
from appliance.media.wires import Wires
from appliance.state.devices import DeviceKind
from appliance.state.room import Phase
from hardware.audio import sim

SOUND = (DeviceKind.MICROPHONE, DeviceKind.SPEAKER)


async def begun(daemon, number=7):
    """Start a check, and wait until it listens."""
    daemon.want()
    await daemon.applied()
    daemon.want(sound_check=number)
    await daemon.until(lambda r: r.sound_check.running and all(daemon.use(kind).open for kind in SOUND))


@pytest.fixture
def opened(monkeypatch):
    """Notes each time that a simulated microphone is opened and closed."""
    told = []
    enter, leave = sim.SimulatedMicrophone.__enter__, sim.SimulatedMicrophone.__exit__
    monkeypatch.setattr(sim.SimulatedMicrophone, "__enter__", lambda it: (told.append("open"), enter(it))[1])
    monkeypatch.setattr(
        sim.SimulatedMicrophone, "__exit__", lambda it, *why: (leave(it, *why), told.append("closed"))[0]
    )
    return told


async def test_a_call_ends_a_sound_check_and_opens_the_devices_anew(runtime_dir, opened):
    async with livekit_double() as server, running(runtime_dir) as media:
        daemon = media.daemon
        await begun(daemon)
        assert opened == ["open"]
        daemon.want(call=call(server), controls=OPEN)
        report = await daemon.until(lambda r: r.sound_check.interrupted)
        assert report.sound_check.words == (
            "The sound check was interrupted: the room joined a meeting. Check the sound again afterwards.",
        )
        assert not report.sound_check.ok
        report = await daemon.until(lambda r: r.call.phase is Phase.LIVE and daemon.use(DeviceKind.MICROPHONE).open)
        assert opened[:3] == ["open", "closed", "open"]
        studio = media.engine._studio
        assert studio.mixer._alone is studio.microphones.record is studio.microphones.recorded is None
        daemon.want(call=None)
        await daemon.until(lambda r: r.call.phase is Phase.IDLE and not any(use.open for use in r.devices))
        assert daemon.last.sound_check.interrupted, "it does not begin again by itself"


async def test_a_sound_check_that_is_asked_for_in_a_call_says_why_there_is_none(runtime_dir):
    async with livekit_double() as server, running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        daemon.want(sound_check=7)
        report = await daemon.until(lambda r: r.sound_check.asked == 7)
        assert report.sound_check.interrupted
        assert "joined a meeting" in report.sound_check.words[0]


async def test_a_media_that_starts_anew_does_no_old_sound_check(runtime_dir, opened):
    async with running(runtime_dir) as media:
        media.daemon.want(sound_check=7)
        report = await media.daemon.applied()
        assert report.sound_check.interrupted
        assert "were restarting" in report.sound_check.words[0]
        assert not opened


async def test_whoever_stops_a_sound_check_closes_the_devices(runtime_dir):
    async with running(runtime_dir) as media:
        await begun(media.daemon)
        media.daemon.want(sound_check=0)
        report = await media.daemon.until(lambda r: not any(use.open for use in r.devices))
        assert report.sound_check.interrupted
        assert "somebody stopped it" in report.sound_check.words[0]


async def test_the_end_of_media_waits_for_no_sound_check(runtime_dir):
    async with running(runtime_dir) as media:
        await begun(media.daemon)
        await asyncio.sleep(0.1)
        waiting = [it for it in threading.enumerate() if it.name.startswith("asyncio")]
    # asyncio's own end joins these threads: one that waits for the sweep's end would hold it up
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 2)
    assert waiting
    assert not [it for it in waiting if it.is_alive()]


async def test_the_mute_line_lets_no_sound_check_begin_and_ends_one(runtime_dir, opened, monkeypatch):
    line = runtime_dir / "line"
    uri = f"mock:line?dir={runtime_dir}"
    wired = partial(MediaSettings, wires=Wires(mute_line=uri))
    monkeypatch.setattr("program.MediaSettings", wired)
    async with running(runtime_dir) as media:
        daemon = media.daemon
        await daemon.until(lambda r: r.wires and r.wires[0].open and not r.mute_line)
        await begun(daemon)
        await asyncio.to_thread(line.write_text, "1")
        report = await daemon.until(lambda r: r.sound_check.interrupted)
        assert "mute switch is on" in report.sound_check.words[0]
        await daemon.until(lambda r: not any(use.open for use in r.devices))
        assert opened == ["open", "closed"]
        daemon.want(sound_check=8)
        report = await daemon.until(lambda r: r.sound_check.asked == 8 and r.sound_check.interrupted)
        assert "mute switch is on" in report.sound_check.words[0]
        assert opened == ["open", "closed"]


async def test_two_reasons_to_load_the_studio_make_one(runtime_dir, monkeypatch):
    made, load = [], engine_module._load_studio

    def counted():
        studio = load()
        return lambda **parts: made.append(1) or studio(**parts)

    monkeypatch.setattr(engine_module, "_load_studio", counted)
    async with running(runtime_dir) as media:
        await media.daemon.until(lambda _: True)
        one, other = await asyncio.gather(media.engine._open_studio(), media.engine._open_studio())
        assert one is other
        assert made == [1]
