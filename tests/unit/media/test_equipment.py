"""Which devices are open, and what makes a better one be noticed."""

import asyncio
import json
import threading

import pytest
from kit import running

from appliance.media import equipment, probe
from appliance.media.equipment import Equipment
from appliance.state.devices import DeviceKind, DeviceTry, DeviceUse
from appliance.state.wire import to_json
from appliance.state.wishes import Devices
from hardware.ports import DeviceError

CAMERA = DeviceKind.CAMERA
DEVICES = Devices(camera=("v4l2:BRIO", "v4l2:"), microphone=("sim:tone",), speaker=("sim:sink",))


class Studio:
    """Notes what is asked of it."""

    def __init__(self):
        self.missing = {}
        self.retried = asyncio.Queue()
        self.needed = None

    def use(self, devices, needed):
        self.needed = set(needed)

    def missed(self, kind):
        return self.missing.get(kind, ())

    def forget(self, kind, uri):
        self.forgotten = kind, uri

    def try_again(self, kind):
        self.retried.put_nowait(kind)


@pytest.fixture
def there(monkeypatch):
    """The cameras that are plugged in."""
    there = set()
    monkeypatch.setattr(equipment.registry, "present", lambda _kind, uri: uri in there)
    return there


async def test_a_missed_device_is_gone_back_to_once_each_time_it_comes(there):
    studio = Studio()
    async with running() as kit:
        kit.equip(studio, DEVICES, {CAMERA})
        studio.missing = {CAMERA: ("v4l2:BRIO",)}
        kit.look_now()
        await asyncio.sleep(0.05)
        assert studio.retried.empty()
        there.add("v4l2:BRIO")
        kit.look_now()
        async with asyncio.timeout(5):
            assert await studio.retried.get() is CAMERA
        # it is there and does not work: the one in use is left in peace
        kit.look_now()
        await asyncio.sleep(0.05)
        assert studio.retried.empty()
        there.clear()
        kit.look_now()
        await asyncio.sleep(0.05)
        there.add("v4l2:BRIO")
        kit.look_now()
        async with asyncio.timeout(5):
            await studio.retried.get()


async def test_a_device_that_came_back_is_untried_again_while_a_better_one_is_used(there):
    studio = Studio()
    there.add("v4l2:BRIO")
    async with running() as kit:
        kit.equip(studio, DEVICES, {CAMERA})
        failed = DeviceTry("v4l2:", ok=False, error="unplugged")
        kit.heard(DeviceUse(CAMERA, "v4l2:BRIO", open=True, tries=(DeviceTry("v4l2:BRIO"), failed)))
        kit.look_now()
        await asyncio.sleep(0.05)
        assert failed in kit.uses[CAMERA].tries
        there.add("v4l2:")
        kit.look_now()
        await asyncio.sleep(0.1)
        assert studio.forgotten == (CAMERA, "v4l2:")
        assert kit.uses[CAMERA].tries == (DeviceTry("v4l2:BRIO"),)
        assert studio.retried.empty()


async def test_what_a_probe_found_out_outlives_a_call_that_did_not_come_to_that_device():
    kit = Equipment(lambda: None)
    kit.equip(None, DEVICES, frozenset())
    broken = DeviceTry("v4l2:", ok=False, error="It sends no picture.")
    kit._tried(CAMERA, broken)
    works = DeviceTry("v4l2:BRIO", "BRIO")
    kit.equip(Studio(), DEVICES, {CAMERA})
    kit.heard(DeviceUse(CAMERA, "v4l2:BRIO", "BRIO", open=True, tries=(works,)))
    assert kit.uses[CAMERA].tries == (works, broken)
    kit.heard(DeviceUse(CAMERA, "v4l2:BRIO", tries=(works,)))
    assert kit.uses[CAMERA].tries == (works, broken)
    mended = DeviceTry("v4l2:", "C920")
    kit.heard(DeviceUse(CAMERA, "v4l2:", "C920", open=True, tries=(works, mended)))
    assert kit.uses[CAMERA].tries == (works, mended)


async def test_without_anybody_telling_it_looks_by_itself(there, monkeypatch):
    monkeypatch.setattr(equipment, "_LOOK_S", 0.02)
    studio = Studio()
    studio.missing = {CAMERA: ("v4l2:BRIO",)}
    there.add("v4l2:BRIO")
    async with running() as kit:
        kit.equip(studio, DEVICES, {CAMERA})
        async with asyncio.timeout(5):
            await studio.retried.get()


async def test_while_devices_cannot_be_listed_nothing_is_missed_forgotten_or_ended(there, monkeypatch):
    studio, looked = Studio(), asyncio.Event()
    there.add("v4l2:BRIO")
    async with running() as kit:
        kit.equip(studio, DEVICES, {CAMERA})
        failed = DeviceTry("v4l2:BRIO", ok=False, error="garbage")
        kit.heard(DeviceUse(CAMERA, "v4l2:", open=True, tries=(failed, DeviceTry("v4l2:"))))
        studio.missing = {CAMERA: ("v4l2:BRIO",)}
        kit.look_now()
        async with asyncio.timeout(5):
            await studio.retried.get()

        loop = asyncio.get_running_loop()

        def unlisted(_kind, _uri):
            loop.call_soon_threadsafe(looked.set)
            raise DeviceError("udev cannot list the devices")

        monkeypatch.setattr(equipment.registry, "present", unlisted)
        kit.look_now()
        async with asyncio.timeout(5):
            await looked.wait()
        monkeypatch.setattr(equipment.registry, "present", lambda _kind, uri: uri in there)
        # it was there all the time: no reason to interrupt the one in use, or to forget what is known of it
        kit.look_now()
        await asyncio.sleep(0.1)
        assert studio.retried.empty()
        assert failed in kit.uses[CAMERA].tries
        there.clear()
        kit.look_now()
        await asyncio.sleep(0.1)
        there.add("v4l2:BRIO")
        kit.look_now()
        async with asyncio.timeout(5):
            assert await studio.retried.get() is CAMERA


async def test_a_listing_that_hangs_holds_up_only_itself(there, monkeypatch):
    monkeypatch.setattr(equipment, "_LISTED_S", 0.05)
    released = threading.Event()
    monkeypatch.setattr(equipment.registry, "present", lambda _kind, _uri: released.wait(10))
    studio = Studio()
    studio.missing = {CAMERA: ("v4l2:BRIO",)}
    there.add("v4l2:BRIO")
    async with running() as kit:
        kit.equip(studio, DEVICES, {CAMERA})
        kit.look_now()
        await asyncio.sleep(0.2)
        monkeypatch.setattr(equipment.registry, "present", lambda _kind, uri: uri in there)
        kit.look_now()
        async with asyncio.timeout(5):
            assert await studio.retried.get() is CAMERA
    released.set()


async def test_what_is_known_of_a_device_stays_while_it_is_closed_and_goes_with_the_list():
    kit = Equipment(lambda: None)
    kit.equip(None, DEVICES, set())
    kit.heard(DeviceUse(CAMERA, "v4l2:BRIO", tries=(DeviceTry("v4l2:BRIO", "BRIO", ok=False, error="gone"),)))
    kit.equip(None, DEVICES, set())
    assert kit.uses[CAMERA].tries[0].error == "gone"
    kit.equip(None, Devices(camera=("sim:pattern",)), set())
    assert (kit.uses[CAMERA].uri, kit.uses[CAMERA].tries) == ("sim:pattern", ())


async def test_strangers_words_come_out_clean():
    kit = Equipment(lambda: None)
    kit.heard(
        DeviceUse(CAMERA, name="BRI\x1b[31mO", tries=(DeviceTry("v4l2:", "a\u202eb", ok=False, error="x" * 999),))
    )
    use = kit.uses[CAMERA]
    assert "\x1b" not in use.name
    assert "\u202e" not in use.tries[0].name
    assert len(use.tries[0].error) <= 200


async def test_devices_are_probed_by_a_program_of_its_own(tmp_path):
    clip = f"file:{tmp_path}/none.mp4"
    tried = {}
    devices = Devices(camera=(clip, "sim:pattern?size=320x180"), microphone=("sim:tone",), speaker=("sim:sink",))
    await probe.probe(devices, lambda kind, each: tried.setdefault(kind, []).append(each))
    assert [each.ok for each in tried[CAMERA]] == [False, True]
    assert "none.mp4" in tried[CAMERA][0].error
    assert [each.name for each in tried[DeviceKind.SPEAKER]] == ["Simulated loudspeaker"]
    assert tried[DeviceKind.MICROPHONE][0].ok


TWO = Devices(camera=("v4l2:A", "v4l2:B"), microphone=("sim:tone",))


@pytest.mark.parametrize(
    ("program", "words"), [("import os; os.abort()", "crashed"), ("import time; time.sleep(60)", "did not answer")]
)
async def test_the_device_that_ends_the_probe_or_holds_it_up_is_named(program, words, monkeypatch):
    said = json.dumps({"kind": "camera", "try": to_json(DeviceTry("v4l2:A", "A"))})
    monkeypatch.setattr(probe, "_LONGEST_S", 1.0)
    monkeypatch.setattr(probe, "PROGRAM", ("-c", f"print({said!r}, flush=True); {program}"))
    tried = []
    await probe.probe(TWO, lambda kind, each: tried.append((kind, each)))
    assert tried[0] == (CAMERA, DeviceTry("v4l2:A", "A"))
    ((kind, each),) = tried[1:]
    assert (kind, each.uri, each.ok) == (CAMERA, "v4l2:B", False)
    assert words in each.error


async def test_a_probe_that_talks_without_a_pause_is_ended(monkeypatch):
    monkeypatch.setattr(probe, "PROGRAM", ("-c", "while True: print('x' * 9999, end='')"))
    tried = []
    await probe.probe(TWO, lambda kind, each: tried.append((kind, each.uri, each.ok)))
    assert tried == [(CAMERA, "v4l2:A", False)]


def test_a_driver_that_surprises_keeps_no_other_device_from_being_tried(monkeypatch, caplog):
    def camera(uri):
        raise ZeroDivisionError(uri)

    monkeypatch.setattr(probe.registry, "camera", camera)
    tried = [each for _, each in probe.try_each(TWO)]
    assert [each.ok for each in tried] == [False, False, True]
    assert "nobody foresaw" in tried[0].error
    assert "ZeroDivisionError: v4l2:B" in caplog.text


async def test_a_call_ends_probing_at_once(monkeypatch):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(devices, tried):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(equipment, "probe", endless)
    async with running() as kit:
        kit.equip(None, DEVICES, set())
        kit.probe_now()
        async with asyncio.timeout(5):
            await begun.wait()
            kit.equip(Studio(), DEVICES, {CAMERA})
            await ended.wait()


async def test_simulated_devices_are_not_probed(monkeypatch):
    assert not probe.worth_probing(Devices(camera=("sim:pattern",), microphone=("file:/a.wav",)))
    assert probe.worth_probing(DEVICES)
