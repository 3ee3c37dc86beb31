"""The panel under a finger: what it sends, what it says, and that it tells the truth."""

from dataclasses import replace

import pytest
from panel_rooms import COUNTING, IDLE, NOW, Clock, ScriptedRoom, live, meeting, panel, text_of

from appliance.link.distance import OVER_SSH
from appliance.state.commands import Ack, CancelJoin, JoinMeeting, Leave, SetCameraOff, SetMicMuted, SetVolume
from appliance.state.devices import Device, DeviceKind, DeviceUse, Fault
from appliance.state.room import Agenda, AutoJoin, Call, Controls, MeetingKey, Phase
from display.panel import palette
from display.panel.header import dot
from display.panel.keys import TouchKey
from display.panel.sound import LevelMeter


@pytest.mark.parametrize(
    ("state", "key", "command"),
    [
        (IDLE, "first", JoinMeeting(MeetingKey("a"))),
        (COUNTING, "first", JoinMeeting(MeetingKey("a"))),
        (COUNTING, "second", CancelJoin()),
        (live("Grace"), "first", Leave()),
        (IDLE, "mic", SetMicMuted(muted=True)),
        (IDLE, "camera", SetCameraOff(off=True)),
        (IDLE, "quieter", SetVolume(55)),
        (IDLE, "louder", SetVolume(65)),
    ],
)
@pytest.mark.parametrize("size", [(40, 15), (80, 24)])
async def test_a_touch_sends_its_command(state, key, command, size):
    room = ScriptedRoom(state)
    app = panel(room)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert await pilot.click(f"#{key}")
        await pilot.pause()
        assert room.sent == [command]


@pytest.mark.parametrize(
    ("state", "key", "command"),
    [
        (IDLE, "j", JoinMeeting(MeetingKey("a"))),
        (COUNTING, "l", CancelJoin()),
        (live(), "l", Leave()),
        (IDLE, "m", SetMicMuted(muted=True)),
        (IDLE, "c", SetCameraOff(off=True)),
        (IDLE, "minus", SetVolume(55)),
        (IDLE, "plus", SetVolume(65)),
    ],
)
async def test_the_keyboard_does_the_same(state, key, command):
    room = ScriptedRoom(state)
    async with panel(room).run_test() as pilot:
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        assert room.sent == [command]


async def test_tab_and_enter_reach_every_key_and_the_first_is_harmless():
    room = ScriptedRoom(IDLE)
    async with panel(room).run_test() as pilot:
        await pilot.pause()
        await pilot.press("enter", "tab", "enter")
        assert room.sent == []
        assert pilot.app.focused.id == "list"
        for _ in range(5):
            await pilot.press("tab", "enter")
        await pilot.pause()
        assert room.sent == [
            JoinMeeting(MeetingKey("a")),
            SetMicMuted(muted=True),
            SetCameraOff(off=True),
            SetVolume(55),
            SetVolume(65),
        ]


async def test_the_keys_are_told_at_the_foot_of_a_panel_somebody_types_at_and_on_a_sheet():
    async with panel(ScriptedRoom(IDLE), typed_at=True).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "m mute   c camera   j join   l leave" in text_of(pilot.app)
        await pilot.press("?")
        await pilot.pause()
        assert "mute or unmute" in text_of(pilot.app)
        assert "Ctrl-C  end this panel" in text_of(pilot.app)


async def test_a_room_that_does_not_answer_is_not_said_to_be_starting_for_ever():
    room, clock = ScriptedRoom(connected=False), Clock()
    async with panel(room, clock=clock).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Its control program is starting." in text_of(pilot.app)
        clock.at += 5
        pilot.app._show()
        await pilot.pause()
        assert "No room answers here" in text_of(pilot.app)
        assert "Start it: salon up" in text_of(pilot.app)


async def test_why_a_join_failed_is_readable_in_full_beside_what_comes_next():
    why = "The meeting server refused the link: This link is not valid. Ask whoever invited you for a new one."
    async with panel(ScriptedRoom(replace(IDLE, notice=why, call=Call(reason=why)))).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        shown = text_of(pilot.app)
        assert "Ask whoever" in " ".join(shown.split())
        assert "for a new one." in shown
        assert "Next: Meeting a" in shown


async def test_an_unread_calendar_is_said_once():
    agenda = Agenda(error="The server does not answer.")
    async with panel(ScriptedRoom(replace(IDLE, agenda=agenda))).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        shown = text_of(pilot.app)
        assert shown.lower().count("calendar") == 1
        assert "The server does not answer." in shown


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        (IDLE, palette.GREEN),
        (COUNTING, palette.BLUE),
        (live(), palette.RED),
        (replace(IDLE, agenda=Agenda((meeting("a", -5),), NOW)), palette.AMBER),
        (replace(IDLE, agenda=Agenda(error="No such file.")), palette.FAINT),
    ],
)
def test_the_dot_is_green_only_when_the_room_is_known_to_be_free(state, colour):
    assert dot(state, NOW) == colour


async def test_leave_from_the_keyboard_never_joins():
    room = ScriptedRoom(IDLE)
    async with panel(room).run_test() as pilot:
        await pilot.pause()
        await pilot.press("l")
        await pilot.pause()
        assert room.sent == []


async def test_a_touched_meeting_is_the_one_that_join_means():
    room = ScriptedRoom(IDLE)
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click("Agenda", offset=(12, 4))
        await pilot.pause()
        assert "Meeting b" in pilot.app.screen.query_one("#first", TouchKey).render().plain
        await pilot.click("#first")
        await pilot.press("up", "down", "up")
        assert room.sent == [JoinMeeting(MeetingKey("b"))]
        assert pilot.app.screen.query_one("#first", TouchKey).button.command == JoinMeeting(MeetingKey("a"))


async def test_a_bouncing_finger_presses_once():
    room, clock = ScriptedRoom(IDLE), Clock()
    async with panel(room, clock=clock).run_test() as pilot:
        await pilot.pause()
        await pilot.click("#mic", times=2)
        clock.at += 0.31
        await pilot.click("#mic")
        await pilot.pause()
        assert len(room.sent) == 2


async def test_a_key_that_has_just_changed_its_meaning_ignores_a_touch():
    room, clock = ScriptedRoom(live("Grace")), Clock()
    async with panel(room, clock=clock).run_test() as pilot:
        await pilot.pause()
        room.put(IDLE)
        await pilot.pause()
        await pilot.click("#first")
        assert room.sent == []
        clock.at += 0.7
        await pilot.click("#first")
        await pilot.pause()
        assert room.sent == [JoinMeeting(MeetingKey("a"))]


async def test_a_refusal_is_shown_with_its_reason_as_plain_words():
    room = ScriptedRoom(IDLE)
    room.answer = Ack.refused("Only [@click=app.quit]a hand[/] in the room may do that.")
    async with panel(room).run_test(notifications=True) as pilot:
        await pilot.pause()
        await pilot.click("#mic")
        await pilot.pause()
        assert "Only [@click=app.quit]a hand[/] in the room may do that." in text_of(pilot.app)


async def test_a_lost_answer_is_told():
    class Mute(ScriptedRoom):
        async def send(self, command):
            raise TimeoutError

    async with panel(Mute(IDLE)).run_test(notifications=True) as pilot:
        await pilot.pause()
        await pilot.click("#mic")
        await pilot.pause()
        assert "The room did not answer." in text_of(pilot.app)


async def test_a_disabled_key_says_why_on_the_panel_and_when_touched():
    state = replace(IDLE, agenda=Agenda((meeting("a", auto_join=AutoJoin.NO, why="Its link is damaged."),), NOW))
    room = ScriptedRoom(state)
    async with panel(room).run_test(notifications=True) as pilot:
        await pilot.pause()
        assert "Its link is damaged." in pilot.app.screen.query_one("#hint").said.plain
        await pilot.click("#first")
        await pilot.pause()
        assert pilot.app.screen.query("Toast")
        assert room.sent == []


async def test_the_microphone_key_follows_the_capture_gate_and_not_the_wish():
    room = ScriptedRoom(live("Grace"))
    async with panel(room).run_test() as pilot:
        await pilot.pause()
        assert "● Mic on" in text_of(pilot.app)
        wished = live("Grace", controls=Controls(mic_muted=True, camera_off=False))
        room.put(wished)
        await pilot.pause()
        mic = pilot.app.screen.query_one("#mic", TouchKey)
        assert "● Mic still on" in text_of(pilot.app)
        assert mic.has_class("-pending")
        assert not mic.has_class("-muted")
        room.put(replace(wished, senses=replace(wished.senses, mic_muted=True)))
        await pilot.pause()
        assert mic.has_class("-muted")
        assert "Mic muted" in text_of(pilot.app)
        assert "● Mic" not in text_of(pilot.app)


async def test_without_the_control_program_nothing_is_claimed_and_it_comes_back_by_itself():
    room = ScriptedRoom(live("Grace"))
    async with panel(room).run_test() as pilot:
        await pilot.pause()
        room.connect(False)
        await pilot.pause()
        shown = text_of(pilot.app)
        assert "The room's control program is restarting; the call" in shown
        assert "Mic on" not in shown
        assert all(not key.button.enabled and key.button.why for key in pilot.app.screen.query("#controls TouchKey"))
        await pilot.click("#first")
        await pilot.pause()
        assert room.sent == []
        room.connect(True)
        await pilot.pause()
        assert "● Mic on" in text_of(pilot.app)
        assert pilot.app.screen.query_one("#first", TouchKey).button.command == Leave()


async def test_before_the_first_state_every_key_is_off_and_says_why():
    ready = []
    room = ScriptedRoom(connected=False)
    async with panel(room, on_ready=lambda: ready.append(1)).run_test() as pilot:
        await pilot.pause()
        assert "Connecting to the room" in text_of(pilot.app)
        keys = [pilot.app.screen.query_one(f"#{k}", TouchKey) for k in ("first", "mic", "camera", "quieter", "louder")]
        assert all(not key.button.enabled and key.button.why for key in keys)
        assert not ready
        room.connected = True
        room.put(IDLE)
        await pilot.pause()
        assert "Free until" in text_of(pilot.app)
        room.put(COUNTING)
        await pilot.pause()
        assert ready == [1]


async def test_the_state_is_told_in_words_in_every_phase():
    room = ScriptedRoom(COUNTING)
    async with panel(room).run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "Joining Meeting a in 0:42" in text_of(pilot.app)
        for phase, words in [
            (Phase.JOINING, "Joining Meeting a…"),
            (Phase.LOBBY, "Waiting to be let into Meeting a"),
            (Phase.LIVE, "In Meeting a alone so far"),
            (Phase.RECONNECTING, "Reconnecting: no answer"),
            (Phase.LEAVING, "Leaving Meeting a…"),
        ]:
            room.put(replace(IDLE, call=Call(phase, MeetingKey("a"), "Meeting a", NOW, reason="no answer")))
            await pilot.pause()
            assert words in text_of(pilot.app)


async def test_problems_are_told_one_in_the_band_and_all_on_a_sheet():
    camera = Device("camera-1", "camera", fault=Fault.MISSING, remedy="Plug it in again.")
    state = replace(IDLE, notice="The meeting was full.", devices=(camera,))
    async with panel(ScriptedRoom(state)).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "The meeting was full.  +1 more" in text_of(pilot.app)
        await pilot.click("#band")
        await pilot.pause()
        assert "1 of 2" in text_of(pilot.app)
        await pilot.click("#sheet-next")
        assert "Plug it in again." in text_of(pilot.app)
        await pilot.click("#sheet-close")
        await pilot.pause()
        assert not pilot.app.screen.query("#sheet")


async def test_an_old_calendar_shows_its_age():
    state = replace(IDLE, agenda=replace(IDLE.agenda, error="calendar.example does not answer."))
    async with panel(ScriptedRoom(state)).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "The calendar is less than a minute old" in text_of(pilot.app)
        assert "calendar.example does not answer." in text_of(pilot.app)


@pytest.mark.parametrize("size", [(40, 15), (80, 24)])
async def test_simulated_devices_are_never_passed_off_as_real(size):
    simulated = replace(IDLE.senses, devices=(DeviceUse(DeviceKind.CAMERA, simulated=True),))
    room = ScriptedRoom(IDLE)
    async with panel(room).run_test(size=size) as pilot:
        await pilot.pause()
        assert "SIMULATED" not in text_of(pilot.app)
        room.put(replace(IDLE, senses=simulated))
        await pilot.pause()
        assert "SIMULATED" in text_of(pilot.app)


@pytest.mark.parametrize(("size", "words"), [((40, 15), "over SSH"), ((80, 24), "over SSH: unmute at the room")])
async def test_a_panel_over_ssh_says_so(size, words):
    async with panel(ScriptedRoom(IDLE), far=OVER_SSH).run_test(size=size) as pilot:
        await pilot.pause()
        assert words in text_of(pilot.app)


async def test_talking_while_muted_is_told():
    muted = live("Grace", senses=replace(IDLE.senses, mic_muted=True))
    room, clock = ScriptedRoom(muted), Clock()
    async with panel(room, clock=clock).run_test() as pilot:
        await pilot.pause()
        for _ in range(4):
            clock.at += 0.1
            room.hear(0.1)
            await pilot.pause()
        meter = pilot.app.screen.query_one(LevelMeter)
        assert "You are muted" in meter.render().plain
        clock.at += 5
        meter.settle()
        assert "You are muted" not in meter.render().plain


async def test_the_countdown_ticks_by_the_wall_clock():
    times = [NOW, NOW.replace(second=19), NOW.replace(second=20)]
    app = panel(ScriptedRoom(COUNTING), now=lambda: times.pop(0) if len(times) > 1 else times[0])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app._show()
        await pilot.pause()
        assert "in 0:40" in text_of(app)


async def test_a_tick_that_comes_too_late_hurts_nobody():
    app = panel(ScriptedRoom(COUNTING))
    async with app.run_test() as pilot:
        await pilot.pause()
    with app._context():
        app._show()
    assert not app.is_running


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
async def test_no_key_ends_a_kiosk(key):
    app = panel(ScriptedRoom(IDLE), kiosk=True)
    async with app.run_test() as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert app._exit is False


@pytest.mark.parametrize(("key", "ends"), [("q", False), ("ctrl+c", True), ("ctrl+q", True)])
async def test_a_person_ends_a_panel_with_ctrl_c_or_ctrl_q_only(key, ends):
    app = panel(ScriptedRoom(IDLE))
    async with app.run_test() as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert app._exit is ends
