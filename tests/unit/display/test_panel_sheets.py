"""What lies behind the panel's header: devices and the camera's keys."""

from dataclasses import replace
from datetime import timedelta

import pytest
from panel_rooms import COUNTING, IDLE, NOW, SIZES, ScriptedRoom, live, panel, text_of

from appliance.state.camera import CameraAim
from appliance.state.commands import (
    Ack,
    CheckDevices,
    CheckSound,
    FrameCamera,
    KeepPreset,
    MoveCamera,
    RecallPreset,
    SwitchRelay,
)
from appliance.state.device_views import aim_words, device_rows, sound_line
from appliance.state.devices import Device, DeviceKind, DeviceUse, Fault, Severity
from appliance.state.fixtures import Relay
from appliance.state.sound import Hearing, SoundCheck
from display.panel.keys import TouchKey
from display.panel.paging import Page, pages

TABLE = (
    Device(
        "camera-1",
        "camera",
        "v4l2:BRIO",
        "BRIO",
        fault=Fault.MISSING,
        severity=Severity.WARNING,
        remedy="It is not there. Plug the camera in, or check its cable.",
        since=NOW - timedelta(minutes=12),
    ),
    Device("camera-2", "camera", "v4l2:", "C920", present=True, chosen=True, healthy=True),
    Device("microphone-1", "microphone", "sim:tone"),
    Device("usb:1", "share", name="USB Video", expected=False, present=True),
)
USES = (DeviceUse(DeviceKind.CAMERA, "v4l2:", open=True),)
ROOM = replace(IDLE, devices=TABLE, presets=(1, 3), senses=replace(IDLE.senses, devices=USES))


async def opened(pilot, *keys):
    await pilot.pause()
    await pilot.click("#header")
    await pilot.pause()
    for key in keys:
        await pilot.click(f"#{key}")
        await pilot.pause()
        await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("relays", [0, 1, 3, 4, 6])
@pytest.mark.parametrize("keys", [(), ("more-devices",), ("more-camera-keys",)])
async def test_every_key_of_every_sheet_is_on_the_screen_and_big_enough_for_a_finger(size, keys, relays):
    switched = tuple(Relay(f"Lights {number}") for number in range(relays))
    state = replace(ROOM, relays=switched, countdown=COUNTING.countdown)
    async with panel(ScriptedRoom(state)).run_test(size=size) as pilot:
        await opened(pilot, *keys)
        shown = [key for key in pilot.app.screen.query(TouchKey) if key.region.area]
        assert len(shown) >= 3
        for key in shown:
            assert key.region.width >= 5, key
            assert key.region.height >= 3, key
            assert pilot.app.screen.region.contains_region(key.region), key
            assert not any(key.region.overlaps(other.region) for other in shown if other is not key), key
        assert {"Mute", "Stop camera", "Cancel", "Close"} <= {key.button.label for key in shown}
        if not keys:
            labels = [key.button.label for key in shown if (key.id or "").startswith("relay-")]
            assert labels == [relay.name for relay in switched]


def test_each_device_is_told_in_a_word():
    assert [(row.title, row.words, bool(row.remedy)) for row in device_rows(ROOM)] == [
        ("Camera (BRIO)", "not there", True),
        ("Camera (C920)", "in use", False),
        ("Microphone", "not tried yet", False),
        ("Share (USB Video)", "not in use", False),
    ]


@pytest.mark.parametrize("size", SIZES)
async def test_the_devices_are_listed_with_their_remedies_and_followed(size):
    room = ScriptedRoom(ROOM)
    async with panel(room).run_test(size=size) as pilot:
        await opened(pilot, "more-devices")
        text = text_of(pilot.app)
        for words in (
            "One device needs attention",
            "Camera (BRIO)",
            "not there",
            "Since 14:40. It is not",
            "[camera-1]",
        ):
            assert words in text
        room.put(replace(ROOM, devices=TABLE[1:]))
        await pilot.pause()
        await pilot.pause()
        assert "All devices are well" in text_of(pilot.app)


async def test_the_checks_are_asked_for_and_refused_in_a_call():
    room = ScriptedRoom(ROOM)
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "more-devices", "check-devices", "check-sound")
        assert room.sent == [CheckDevices(), CheckSound()]
        room.put(live("Grace", devices=TABLE))
        await pilot.pause()
        await pilot.pause()
        key = pilot.app.screen.query_one("#check-sound", TouchKey)
        assert (key.button.enabled, key.button.why) == (False, "Leave the call first: the check opens every device.")


async def test_the_camera_is_moved_framed_and_kept(monkeypatch):
    room = ScriptedRoom(ROOM)
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "more-camera-keys", "aim-left", "aim-near", "aim-framing", "preset-3")
        assert room.sent == [MoveCamera(pan=-0.1), MoveCamera(zoom=0.125), FrameCamera(framing=True), RecallPreset(3)]
        room.sent.clear()
        await pilot.click("#aim-keep")
        await pilot.pause()
        await pilot.click("#preset-2")
        await pilot.pause()
        assert room.sent == [KeepPreset(2)]
        room.put(replace(ROOM, aim=CameraAim(0.5, framing=True)))
        await pilot.pause()
        await pilot.pause()
        assert "The room frames whoever speaks." in text_of(pilot.app)


async def test_a_preset_that_is_empty_says_what_to_do():
    room = ScriptedRoom(ROOM)
    async with panel(room).run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "more-camera-keys", "preset-2")
        assert room.sent == []
        assert "Nothing is kept as preset 2 yet" in text_of(pilot.app)


async def test_keys_out_of_reach_say_so(monkeypatch):
    room = ScriptedRoom(ROOM)
    room.answer = Ack()
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "more-camera-keys")
        room.connect(False)
        await pilot.pause()
        await pilot.pause()
        await pilot.click("#aim-left")
        await pilot.pause()
        assert room.sent == []


@pytest.mark.parametrize(
    ("aim", "words"),
    [
        (CameraAim(), "Looks ahead."),
        (CameraAim(0.5, -0.25, 0.5), "Looks 50% right, 25% down, zoomed 50%."),
        (CameraAim(framing=True), "The room frames whoever speaks."),
    ],
)
def test_where_the_camera_looks_is_told(aim, words):
    assert aim_words(aim) == words


async def test_the_lights_are_switched_and_a_broken_relay_says_why():
    room = ScriptedRoom(
        replace(ROOM, relays=(Relay("Lights"), Relay("Blinds", on=True), Relay("Fan", error="No pin.")))
    )
    async with panel(room).run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "relay-0", "relay-1", "relay-2")
        assert room.sent == [SwitchRelay("Lights", on=True), SwitchRelay("Blinds", on=False)]
        assert "No pin." in text_of(pilot.app)


@pytest.mark.parametrize(
    ("hearing", "check", "words"),
    [
        (Hearing(), SoundCheck(), ""),
        (Hearing(direction_deg=0), SoundCheck(), "Somebody speaks ahead."),
        (Hearing(direction_deg=-40), SoundCheck(), "Somebody speaks 40° to the left."),
        (Hearing(direction_deg=40), SoundCheck(running=True), "Listening to the sweep…"),
        (Hearing(), SoundCheck(words=("The echo is weak.",)), "Sound: The echo is weak."),
    ],
)
def test_what_is_known_of_the_sound_is_a_line(hearing, check, words):
    assert sound_line(replace(ROOM, senses=replace(ROOM.senses, hearing=hearing, sound_check=check))) == words


@pytest.mark.parametrize("size", SIZES)
async def test_many_devices_are_all_told_in_full_those_that_need_attention_first(size):
    long = "It gives no pictures. Plug it into another port, one that no hub is between, and look at its shutter: end."
    fine = [Device(f"camera-{n}", "camera", name=f"Lens-{n:02}", present=True) for n in range(28)]
    bad = Device("camera-98", "camera", name="[b]Sony[/]" + "x" * 90, fault=Fault.FAILING, remedy=long)
    worst = Device("tv", "TV", name="\x1b[31m👩‍👩‍👧‍👦", fault=Fault.MISSING, remedy="Display lost.")
    bad, worst = replace(bad, severity=Severity.WARNING), replace(worst, severity=Severity.IMPORTANT)
    async with panel(ScriptedRoom(replace(ROOM, devices=(*fine, bad, worst)))).run_test(size=size) as pilot:
        await opened(pilot, "more-devices")
        assert "Display lost." in text_of(pilot.app)
        seen = ""
        for _ in range(12):
            seen += text_of(pilot.app)
            pilot.app.room._clock.at += 1
            await pilot.click("#next-devices")
            await pilot.pause()
        assert all(f"Lens-{n:02}" in seen for n in range(28))
        assert "[b]Sony[/]" in seen
        assert "shutter: end." in " ".join(seen.split())


async def test_a_room_without_devices_says_so():
    async with panel(ScriptedRoom(replace(ROOM, devices=()))).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "more-devices")
        assert "No devices are named in the settings" in text_of(pilot.app)
        assert "All devices are well" not in text_of(pilot.app)


@pytest.mark.parametrize(
    ("heights", "number", "page_"),
    [
        ((1, 1, 1), 0, Page(0, 3, 0, paged=False)),
        ((2, 1, 3, 1), 0, Page(0, 2, 2, paged=True)),
        ((2, 1, 3, 1), 1, Page(2, 2, 0, paged=True)),
        ((2, 1, 3, 1), 2, Page(0, 2, 2, paged=True)),
        ((9, 9), 1, Page(1, 1, 0, paged=True)),
        ((), 3, Page(0, 0, 0, paged=False)),
    ],
)
def test_rows_of_different_heights_are_broken_into_pages(heights, number, page_):
    assert pages(heights, number, fits=4) == page_
