"""The self-test: a tone heard or not, pictures that are black or not, and devices that are let go for a call."""

import asyncio

import numpy as np
import pytest
from kit import running

from appliance.media import equipment
from appliance.media.listening import judged, shown, tone
from appliance.media.selftest import self_test
from appliance.state.devices import DeviceKind
from appliance.state.selftest import Picture, SelfTest, Tone, findings_of
from appliance.state.wishes import Devices
from hardware.ports import BLOCK, AudioBlock, VideoFrame

SIMULATED = Devices(camera=("sim:pattern",), microphone=("sim:silence",), speaker=("sim:sink",))
NOISE = np.random.default_rng(1)


def blocks(samples):
    parts = np.asarray(samples * 32767, dtype="<i2").reshape(-1, BLOCK)
    return [AudioBlock(part.tobytes(), n) for n, part in enumerate(parts)]


def noise(seconds, level):
    return NOISE.normal(0, level, int(seconds * 48000))


@pytest.mark.parametrize(
    ("loudness", "hum", "heard"), [(0.1, 0.001, True), (0.002, 1e-4, True), (0.0, 0.01, False), (0.002, 0.2, False)]
)
def test_a_tone_is_heard_above_what_was_there_before(loudness, hum, heard):
    played = tone() * loudness / tone().max()
    found = judged(blocks(noise(0.4, hum)), blocks(played + noise(0.8, hum)), cleans=False)
    assert found.heard is heard
    if loudness > 10 * hum:
        assert found.level_dbfs == pytest.approx(20 * np.log10(loudness), abs=1)


def test_a_hum_at_the_same_pitch_does_not_pass_for_it():
    hum = np.tile(tone()[4800:9600], 10)
    assert not judged(blocks(hum[:19200]), blocks(hum), cleans=False).heard


def test_nothing_captured_is_nothing_heard():
    assert judged([], [], cleans=False) == Tone(-120.0, -120.0, heard=False)


def frame(light, *, full_range=False):
    y = np.full((90, 160), light, np.uint8)
    return VideoFrame(y, y[::2, ::2], y[::2, ::2], 0, full_range=full_range)


def test_black_is_told_from_dark_and_from_a_lamp_at_night():
    assert shown("cam", frame(16)).black
    assert shown("cam", frame(5, full_range=True)).black
    assert not shown("cam", frame(60)).black
    night = frame(16)
    night.y[:20, :20] = 235
    assert not shown("cam", night).black
    assert shown("cam", frame(235)).brightness == 100


async def test_a_room_that_hears_itself_by_the_programs_own_devices(tmp_path):
    wav = tmp_path / "played.wav"
    devices = Devices(("sim:pattern",), (f"sim:echo?of={wav}",), (f"sim:sink?record={wav}",))
    found = await self_test(devices)
    assert found.tone.heard
    assert found.tone.level_dbfs == pytest.approx(-46, abs=1.5)  # 26 dB as played, 20 on the way
    assert [picture.black for picture in found.pictures] == [False]
    assert findings_of(found)[0]


async def test_a_room_without_a_loudspeaker_says_so():
    found = await self_test(Devices(("v4l2:/nowhere",), ("sim:silence",), ()))
    assert (found.tone, found.pictures) == (None, ())
    assert findings_of(found) == (False, "The sound was not tested: there is no loudspeaker that works.")


def test_what_is_no_fault_is_none():
    covered = SelfTest(tone=Tone(-40, -80, heard=True), pictures=(Picture("Desk", 0, black=True),))
    fine, words = findings_of(covered)
    assert fine
    assert words == (
        "The microphone hears the loudspeaker (-40 dBFS). Desk shows only black: its lens is covered, or it is dark."
    )
    assert findings_of(SelfTest(tone=Tone(-120, -120, heard=False, cleans=True)))[0]
    assert not findings_of(SelfTest(tone=Tone(-120, -120, heard=False)))[0]


class StandIn:
    """Stands for the program that tests: notes that it began, and goes on until it is let go."""

    def __init__(self, monkeypatch, *, hangs=False):
        self.begun, self.let_go, self._hangs = asyncio.Event(), asyncio.Event(), hangs
        monkeypatch.setattr(equipment, "self_test", self)
        monkeypatch.setattr(equipment, "probe", self.probe)

    async def probe(self, _devices, _tried):
        pass

    async def __call__(self, _devices):
        self.begun.set()
        try:
            if self._hangs:
                await asyncio.Event().wait()
            return SelfTest(tone=Tone(-40, -80, heard=True))
        finally:
            self.let_go.set()


async def answer(kit, number):
    async with asyncio.timeout(5):
        while kit.tested.asked != number:
            await asyncio.sleep(0)
    return kit.tested


async def test_it_answers_under_its_number_and_each_is_done_once(monkeypatch):
    StandIn(monkeypatch)
    async with running() as kit:
        kit.equip(None, SIMULATED, set())
        kit.test_now(7)
        assert (await answer(kit, 7)).tone.heard
        kit.test_now(8)
        assert (await answer(kit, 8)).tone.heard


async def test_a_call_ends_it_and_its_devices_are_let_go(monkeypatch):
    testing = StandIn(monkeypatch, hangs=True)
    async with running() as kit:
        kit.equip(None, SIMULATED, set())
        kit.test_now(7)
        await testing.begun.wait()
        kit.equip(None, SIMULATED, {DeviceKind.MICROPHONE})
        found = await answer(kit, 7)
        assert testing.let_go.is_set()
        assert (found.tone, found.why) == (None, "a meeting began, or the room's mute switch was set.")


async def test_in_a_call_nothing_is_opened(monkeypatch):
    testing = StandIn(monkeypatch)
    async with running() as kit:
        kit.equip(None, SIMULATED, {DeviceKind.MICROPHONE})
        kit.test_now(7)
        assert (await answer(kit, 7)).why == "the devices are in use."
        assert not testing.begun.is_set()


async def test_the_mute_switch_lets_none_begin_and_ends_one_that_listens(monkeypatch):
    testing, deaf = StandIn(monkeypatch, hangs=True), True
    async with running(deaf=lambda: deaf) as kit:
        kit.equip(None, SIMULATED, set())
        kit.test_now(7)
        assert (await answer(kit, 7)).why == "the room's mute switch is on."
        assert not testing.begun.is_set()
        deaf = False
        kit.test_now(8)
        await testing.begun.wait()
        deaf = True
        kit.line_changed()
        assert (await answer(kit, 8)).tone is None
        assert testing.let_go.is_set()
