"""What every sheet keeps in sight, and that none of them can take the panel along when it goes."""

import asyncio
from dataclasses import replace

import pytest
from panel_rooms import COUNTING, IDLE, SIZES, ScriptedRoom, live, panel, text_of

from appliance.state.commands import Ack, CancelJoin, SetMicMuted
from appliance.state.devices import Device, Fault
from appliance.state.room import Call, Controls, MeetingKey, Phase
from display.panel import sheet as sheets
from display.panel.band import ProblemSheet
from display.panel.header import Header
from display.panel.keys import TouchKey
from display.panel.sheets import DeviceSheet, MoreSheet

BROKEN = Device("camera-1", "camera", name="BRIO", fault=Fault.MISSING, remedy="It was unplugged. Plug it in again.")
ROOM = replace(IDLE, devices=(BROKEN,))
WAYS = {
    "more": ("#header",),
    "devices": ("#header", "#more-devices"),
    "camera": ("#header", "#more-camera-keys"),
    "problems": ("#band",),
    "keys": ("?",),
}


async def rest(pilot):
    for _ in range(3):
        await pilot.pause()


async def opened(pilot, way):
    await rest(pilot)
    for step in WAYS[way]:
        await (pilot.click(step) if step.startswith("#") else pilot.press(step))
        await rest(pilot)
    return pilot.app.screen


@pytest.mark.parametrize("way", WAYS)
async def test_a_sheet_that_nobody_touches_goes_by_itself_and_the_panel_lives(way, monkeypatch):
    room = ScriptedRoom(ROOM)
    app = panel(room)
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        monkeypatch.setattr(sheets, "_CLOSES_S", 0.01)
        if way in {"devices", "camera"}:
            # the way there would close before it was walked to its end
            monkeypatch.setattr(MoreSheet, "close", lambda self: None)
        await opened(pilot, way)
        async with asyncio.timeout(20):
            while app.screen is not app.room:
                await asyncio.sleep(0.01)
        await rest(pilot)
        room.put(live("Grace"))
        await rest(pilot)
        assert "Grace" in text_of(app)
        assert app.is_running


@pytest.mark.parametrize("way", WAYS)
async def test_a_sheet_that_is_closed_again_and_again_takes_nothing_along(way):
    app = panel(ScriptedRoom(ROOM))
    async with app.run_test(size=(80, 24)) as pilot:
        sheet = await opened(pilot, way)
        close = sheet.query_one("#sheet-close", TouchKey)
        for _ in range(2):
            close.post_message(TouchKey.Pressed(close))
            sheet.close()
            sheet.call_later(sheet.run_action, "close")
        await rest(pilot)
        sheet.close()
        sheet.become(DeviceSheet(sheet.shown, clock=sheet.clock))
        sheet.show(sheet.shown)
        await rest(pilot)
        assert app.screen is app.room
        assert "Free until" in text_of(app)


async def test_a_sheet_is_opened_once_however_often_a_finger_bounces():
    app = panel(ScriptedRoom(ROOM))
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        for _ in range(3):
            app.room.query_one(Header).post_message(Header.Touched())
        app.room.action_problems()
        app.room.action_keys()
        await rest(pilot)
        assert app.screen_stack[-2:] == [app.room, app.screen]
        await pilot.click("#sheet-close")
        await rest(pilot)
        assert app.screen is app.room


async def test_two_touches_on_more_open_one_of_them():
    app = panel(ScriptedRoom(ROOM))
    async with app.run_test(size=(80, 24)) as pilot:
        more = await opened(pilot, "more")
        for name in ("devices", "camera-keys"):
            key = more.query_one(f"#more-{name}", TouchKey)
            key.post_message(TouchKey.Pressed(key))
        await rest(pilot)
        assert app.screen_stack[-2] is app.room
        assert isinstance(app.screen, DeviceSheet)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
async def test_the_microphone_is_told_and_muted_where_it_always_is(way, size):
    room = ScriptedRoom(replace(live("Grace"), devices=(BROKEN,)))
    app = panel(room)
    async with app.run_test(size=size) as pilot:
        await rest(pilot)
        before = app.screen.query_one("#mic").region
        await opened(pilot, way)
        mic = app.screen.query_one("#mic", TouchKey)
        assert mic.region == before
        assert mic.button.label == "Mute"
        await pilot.click("#mic")
        app.room._clock.at += 1
        mic._clock.at += 1
        await pilot.press("m")
        await rest(pilot)
        assert room.sent == [SetMicMuted(muted=True)] * 2
        muted = live("Grace", controls=Controls(mic_muted=True), devices=(BROKEN,))
        room.put(replace(muted, senses=replace(muted.senses, mic_muted=True)))
        await rest(pilot)
        assert mic.has_class("-muted")
        assert "Unmute" in text_of(app)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
async def test_a_countdown_that_begins_is_told_and_can_be_cancelled(way, size):
    room = ScriptedRoom(ROOM)
    app = panel(room)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, way)
        assert "Joining" not in text_of(app)
        room.put(replace(ROOM, countdown=COUNTING.countdown))
        await rest(pilot)
        assert "Joining Meeting a in 0:42" in text_of(app)
        # whatever was to be touched here a moment ago, it was not this
        await pilot.click("#sheet-cancel")
        assert room.sent == []
        app.room._clock.at += 1
        await pilot.click("#sheet-cancel")
        app.room._clock.at += 1
        await pilot.press("l")
        await rest(pilot)
        assert room.sent == [CancelJoin()] * 2
        room.put(replace(ROOM, call=Call(Phase.LOBBY, MeetingKey("a"), "Meeting a")))
        await rest(pilot)
        assert "Waiting to be let into" in text_of(app)
        assert app.screen.query_one("#sheet-cancel").display
        room.put(replace(live("Grace"), devices=(BROKEN,)))
        await rest(pilot)
        assert not app.screen.query_one("#sheet-cancel").display
        assert "In Meeting a" in text_of(app)


@pytest.mark.parametrize("way", WAYS)
async def test_a_terminal_may_change_its_size_below_a_sheet(way):
    app = panel(ScriptedRoom(ROOM))
    async with app.run_test(size=(100, 30)) as pilot:
        sheet = await opened(pilot, way)
        for width, height in ((20, 5), (40, 15)):
            await pilot.resize_terminal(width, height)
            await rest(pilot)
        assert sheet.has_class("-compact")
        for key in (key for key in sheet.query(TouchKey) if key.region.area):
            assert sheet.region.contains_region(key.region), key
        app.room._clock.at += 1
        await pilot.click("#sheet-close")
        await rest(pilot)
        assert app.screen is app.room
        assert app.room.has_class("-compact")
        assert app.room.query_one("#mic").region.height == 3


async def test_an_answer_that_comes_when_its_sheet_is_gone_hurts_nobody():
    answers = asyncio.Event()

    class Slow(ScriptedRoom):
        async def send(self, command):
            await answers.wait()
            return Ack.refused("Too late.")

    app = panel(Slow(ROOM))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "camera")
        await pilot.click("#aim-left")
        await pilot.click("#sheet-close")
        await rest(pilot)
        answers.set()
        await rest(pilot)
        assert "Too late." in text_of(app)


@pytest.mark.parametrize("way", WAYS)
async def test_a_sheet_outlives_the_control_program(way):
    room = ScriptedRoom(ROOM)
    app = panel(room)
    async with app.run_test(size=(80, 24)) as pilot:
        sheet = await opened(pilot, way)
        room.connect(False)
        await rest(pilot)
        assert "control program is restarting" in text_of(app)
        mic = sheet.query_one("#mic", TouchKey)
        assert (mic.button.enabled, mic.button.detail) == (False, "")
        room.connect(True)
        room.put(ROOM)
        await rest(pilot)
        assert mic.button.enabled
        assert "restarting" not in text_of(app)


async def test_keys_are_told_before_the_room_is_known():
    app = panel(ScriptedRoom(connected=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "keys")
        assert "mute or unmute" in text_of(app)
        assert not app.screen.query_one("#mic", TouchKey).button.enabled


async def test_what_is_put_right_while_it_is_read_goes():
    room = ScriptedRoom(replace(ROOM, notice="The meeting was full."))
    app = panel(room)
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(await opened(pilot, "problems"), ProblemSheet)
        await pilot.click("#sheet-next")
        await rest(pilot)
        assert "Plug it in again." in text_of(app)
        room.put(replace(ROOM, devices=()))
        await rest(pilot)
        assert "All is well again" in text_of(app)


async def test_levels_that_come_before_and_after_the_panel_is_up_hurt_nobody():
    room = ScriptedRoom(ROOM)
    app = panel(room)
    app.room.hear(0.5)
    async with app.run_test() as pilot:
        await rest(pilot)
    with app._context():
        app.room.hear(0.5)
