"""When devices are tried outside of a call, and when they must not be."""

import asyncio

import pytest
from kit import running

from appliance.media import equipment
from appliance.state.devices import DeviceKind, DeviceTry
from appliance.state.wishes import Devices

CAMERA = DeviceKind.CAMERA
REAL = Devices(camera=("v4l2:BRIO", "v4l2:"), microphone=("alsa:",), speaker=("alsa:",))
MICROPHONE = DeviceKind.MICROPHONE


class Studio:
    """Opens whatever it is told to."""

    def use(self, devices, needed):
        pass


class Probing:
    """Stands for the program that tries devices: notes which, and can be made to hang."""

    def __init__(self):
        self.rounds = asyncio.Queue()
        self.hangs_at = None
        self.let_go = asyncio.Event()

    async def __call__(self, devices, tried):
        self.rounds.put_nowait(devices)
        try:
            for kind in (CAMERA, MICROPHONE, DeviceKind.SPEAKER):
                for uri in devices.of(kind):
                    if kind is self.hangs_at:
                        await asyncio.Event().wait()
                    tried(kind, DeviceTry(uri, "device"))
        finally:
            self.let_go.set()

    async def round(self):
        async with asyncio.timeout(5):
            return await self.rounds.get()


@pytest.fixture
def probing(monkeypatch):
    probing = Probing()
    monkeypatch.setattr(equipment, "probe", probing)
    return probing


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


async def until_idle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_device_is_tried_twice_within_a_minute_unless_somebody_asks(probing):
    clock = Clock()
    async with running(clock=clock) as kit:
        kit.equip(None, REAL, set())
        kit.probe_now()
        assert await probing.round() == REAL
        await until_idle()
        clock.now += 59
        kit.probe_now()
        await until_idle()
        assert probing.rounds.empty()
        kit.probe_now(asked=True)
        assert await probing.round() == REAL
        clock.now += 60
        kit.probe_now({CAMERA})
        assert await probing.round() == Devices(camera=REAL.camera), (
            "what was not asked for before is not due by itself"
        )


async def test_simulated_devices_are_tried_only_when_somebody_asks(probing):
    simulated = Devices(camera=("sim:pattern",), microphone=("sim:tone",), speaker=("sim:sink",))
    async with running() as kit:
        kit.equip(None, simulated, set())
        kit.probe_now()
        await until_idle()
        assert probing.rounds.empty()
        kit.probe_now(asked=True)
        assert await probing.round() == simulated


async def test_what_came_too_soon_is_tried_when_the_minute_is_over(probing, monkeypatch):
    monkeypatch.setattr(equipment, "_AGAIN_S", 0.1)
    async with running() as kit:
        kit.equip(None, REAL, set())
        kit.probe_now()
        await probing.round()
        await until_idle()
        kit.probe_now({CAMERA})
        assert probing.rounds.empty()
        assert await probing.round() == Devices(camera=REAL.camera)


async def test_no_microphone_is_tried_while_the_mute_line_is_asserted_and_it_is_afterwards(probing):
    deaf = True
    async with running(deaf=lambda: deaf) as kit:
        kit.equip(None, REAL, set())
        kit.probe_now(asked=True)
        assert await probing.round() == Devices(camera=REAL.camera, speaker=REAL.speaker)
        await until_idle()
        assert kit.probed == 1
        deaf = False
        kit.line_changed()
        assert await probing.round() == Devices(microphone=REAL.microphone)


async def test_the_mute_line_closes_a_microphone_that_is_being_tried(probing):
    deaf = False
    probing.hangs_at = MICROPHONE
    async with running(deaf=lambda: deaf) as kit:
        kit.equip(None, REAL, set())
        kit.probe_now()
        await probing.round()
        await until_idle()
        assert not probing.let_go.is_set()
        deaf = True
        kit.line_changed()
        async with asyncio.timeout(5):
            await probing.let_go.wait()
        probing.hangs_at, deaf = None, False
        kit.probe_now(asked=True)
        assert (await probing.round()).microphone == REAL.microphone


async def test_a_camera_that_works_ends_no_trying_while_the_line_is_asserted(probing):
    results = []
    async with running(lambda: (results.append(1), kit.line_changed()), deaf=lambda: True) as kit:
        kit.equip(None, REAL, set())
        kit.probe_now()
        await probing.round()
        await until_idle()
        assert [tried.uri for tried in kit.uses[CAMERA].tries] == list(REAL.camera)
        assert kit.uses[DeviceKind.SPEAKER].tries


async def test_a_chime_delays_the_trying_before_a_meeting_and_a_call_makes_it_needless(probing):
    async with running() as kit:
        kit.equip(Studio(), REAL, {DeviceKind.SPEAKER})
        kit.probe_now()
        await until_idle()
        assert probing.rounds.empty()
        kit.equip(Studio(), REAL, set())
        assert await probing.round() == Devices(camera=REAL.camera, microphone=REAL.microphone)
        await until_idle()
        kit.equip(Studio(), REAL, {MICROPHONE, DeviceKind.SPEAKER})
        kit.probe_now()
        kit.equip(Studio(), REAL, set())
        await until_idle()
        assert probing.rounds.empty()


async def test_trying_that_somebody_waits_for_comes_after_what_is_in_use(probing):
    async with running() as kit:
        kit.equip(Studio(), REAL, {MICROPHONE})
        kit.probe_now(asked=True)
        await until_idle()
        assert probing.rounds.empty()
        assert kit.probed == 0
        kit.equip(Studio(), REAL, set())
        assert await probing.round() == REAL
