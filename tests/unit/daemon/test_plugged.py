"""From what udev sees to the room's table of devices."""

import asyncio
from dataclasses import replace

import pytest
from builders import NOON

from appliance import settings
from appliance.plugged import NotWatched, arrived, expected_devices, follow_devices, seen_devices, share_inputs
from appliance.room import Room
from appliance.state.devices import DeviceKind, Expected, Fault, Seen
from appliance.state.wishes import Arrivals, Devices
from hardware.ports import Found

BRIO = Found("camera", "usb:046d:085e:1", "Logitech BRIO", "/dev/video0", "pci-1")
C920 = Found("camera", "usb:046d:082d:2", "C920", "/dev/video2", "pci-2")
STICK = Found("capture", "usb:534d:2109@pci-3", "USB Video", "/dev/video4", "pci-3")
ARRAY = Found("microphone", "usb:2886:0018:3", "ReSpeaker", "hw:1", "pci-4")
SCREEN = Found("display", "pci:0000:00:02.0/HDMI-A-1", "HDMI-A-1", "card0-HDMI-A-1")


def test_a_named_device_is_told_from_others_and_from_one_that_is_missing():
    expected = expected_devices(Devices(camera=("v4l2:BRIO", "v4l2:C930"), microphone=("pipewire:",)))
    seen = seen_devices(expected, (BRIO, C920, STICK, ARRAY, SCREEN))
    assert seen[:2] == (
        Seen("camera", "v4l2:BRIO", True, BRIO.id, BRIO.name),
        Seen("camera", "v4l2:C930", False),
    )
    assert [(one.kind, one.id) for one in seen if not one.uri] == [("camera", C920.id), ("share", STICK.id)]


def test_whatever_is_plugged_in_will_do_when_none_is_named():
    expected = (Expected("camera", "auto:"),)
    assert seen_devices(expected, (SCREEN, C920)) == (Seen("camera", "auto:", True, C920.id, C920.name),)
    assert seen_devices(expected, ()) == (Seen("camera", "auto:", None),), "a camera module is not udev's to see"


def test_simulated_devices_are_nobodys_to_see():
    assert seen_devices((Expected("speaker", "sim:sink"),), ()) == (Seen("speaker", "sim:sink", None),)


def test_an_hdmi_input_is_watched_unless_it_is_named_as_a_camera():
    assert share_inputs(Devices(), (BRIO, STICK)) == (f"v4l2:{STICK.id}",)
    assert share_inputs(Devices(camera=("v4l2:534d:2109",)), (BRIO, STICK)) == ()
    assert share_inputs(Devices(share=("v4l2:mine",)), (BRIO, STICK)) == ("v4l2:mine",)


def test_only_what_was_not_there_has_arrived():
    anything = Devices(camera=("auto:",), microphone=("auto:",), speaker=("auto:",))
    assert arrived((), (BRIO,), anything) == {DeviceKind.CAMERA}
    assert arrived((BRIO,), (BRIO, C920), anything) == {DeviceKind.CAMERA}
    assert not arrived((BRIO, C920), (BRIO,), anything)
    assert not arrived((BRIO,), (replace(BRIO, node="/dev/video7"),), anything), "another number is the same camera"


def test_what_the_room_cannot_use_arrives_for_nobody():
    named = Devices(camera=("v4l2:BRIO",), microphone=("pipewire:the one",), speaker=("alsa:hw:0",))
    assert not arrived((), (SCREEN, C920, STICK), named), "a TV that is switched on opens no camera"
    assert arrived((), (SCREEN, BRIO, ARRAY), named) == {DeviceKind.CAMERA, DeviceKind.MICROPHONE}
    assert arrived((), (STICK,), Devices(camera=("v4l2:534d:2109",))) == {DeviceKind.CAMERA}
    assert arrived((), (STICK,), Devices(share=share_inputs(Devices(), (STICK,)))) == {DeviceKind.SHARE}


async def test_plugging_and_pulling_is_heard_of(tmp_path):
    heard, health = asyncio.Queue(), []
    watching = asyncio.create_task(
        follow_devices(f"sim:{tmp_path}", changed=heard.put_nowait, on_health=health.append), name="follow"
    )
    async with asyncio.timeout(10):
        assert await heard.get() == ()
        (tmp_path / "camera-Left").touch()
        assert [one.name for one in await heard.get()] == ["Left"]
        (tmp_path / "camera-Left").unlink()
        assert await heard.get() == ()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert [one.ok for one in health] == [True]


async def test_a_folder_that_is_not_there_is_told_and_watched_on(tmp_path):
    health = asyncio.Queue()
    watching = asyncio.create_task(
        follow_devices(f"sim:{tmp_path}/none", changed=lambda _: None, on_health=health.put_nowait), name="follow"
    )
    async with asyncio.timeout(10):
        while (told := await health.get()).ok:
            pass
        assert "cannot be read" in told.detail
        (tmp_path / "none").mkdir()
        while not (await health.get()).ok:
            pass
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_watch_that_does_not_exist_is_named():
    with pytest.raises(NotWatched, match=r"devices\.watch: devices cannot be watched by nope:"):
        await follow_devices("nope:", changed=lambda _: None, on_health=lambda _: None)


@pytest.fixture
def room(tmp_path):
    text = f'paths = {{ state = "{tmp_path}", runtime = "{tmp_path}" }}\ndevices = {{ camera = ["v4l2:BRIO"] }}'
    return Room(settings.parse(text, where="the test"), "room-1", now=lambda: NOON)


async def test_the_rooms_table_follows_what_is_plugged_and_media_is_told_to_look(room):
    wishes = room.media._wishes
    room.take_devices((STICK,))
    assert (await anext(aiter(wishes.values()))).arrivals == (Arrivals(DeviceKind.SHARE, 1),)
    assert [(row.id, row.fault) for row in room.store.state.devices][:1] == [("camera-1", Fault.MISSING)]
    room.take_devices((STICK, BRIO))
    wish = await anext(aiter(wishes.values()))
    assert wish.arrivals == (Arrivals(DeviceKind.SHARE, 1), Arrivals(DeviceKind.CAMERA, 1))
    assert wish.devices.share == (f"v4l2:{STICK.id}",)
    assert room.store.state.devices[0].present
    assert wish.devices.microphone == ("auto:",)
    room.take_devices((STICK,))
    assert (await anext(aiter(wishes.values()))).arrivals == wish.arrivals
