import errno
from dataclasses import replace

import pytest
from builders import NOON, OPEN, URL, context, meeting, minutes, room, wish
from hypothesis import given
from hypothesis import strategies as st

from appliance.desired import Desired
from appliance.dispatch import Dispatcher, judge, left
from appliance.lifecycle.rules import Decision
from appliance.state.camera import CameraAim
from appliance.state.commands import (
    AckStatus,
    CancelJoin,
    CheckDevices,
    CheckSound,
    FrameCamera,
    JoinMeeting,
    JoinUrl,
    KeepPreset,
    Leave,
    MoveCamera,
    Origin,
    RecallPreset,
    SetCameraOff,
    SetMicMuted,
    SetView,
    SetVolume,
    SwitchRelay,
)
from appliance.state.fixtures import Relay
from appliance.state.layout import View
from appliance.state.room import Controls, Countdown, Entry, MeetingKey, Wanted
from appliance.state.sound import SoundCheck

WEEKLY = MeetingKey("weekly")
IN_CALL = Desired(call=wish(), controls=OPEN)


def in_call_room():
    return room(meeting(), wanted=Wanted(WEEKLY, "Weekly"))


def test_a_calendar_join_enters_as_the_room_is_set():
    _, desired = judge(JoinMeeting(WEEKLY), Origin.CALENDAR, context(room(meeting())))
    assert (desired.call.url, desired.controls.mic_muted, desired.controls.camera_off) == (URL, False, False)
    assert desired.decided[WEEKLY] is Decision.JOINED
    shy = context(room(meeting()), entry=Entry(mic_muted=True, camera_off=True))
    assert judge(JoinMeeting(WEEKLY), Origin.CALENDAR, shy)[1].controls == Controls()


def test_what_somebody_set_before_the_call_holds_in_it():
    state = room(meeting())
    _, desired = judge(SetMicMuted(True), Origin.TOUCH, context(state))
    _, desired = judge(JoinMeeting(WEEKLY), Origin.CALENDAR, context(state, desired))
    assert desired.controls.mic_muted
    assert not desired.controls.camera_off


SHY = Entry(mic_muted=True, camera_off=True)
EAGER = Entry(mic_muted=False, camera_off=False)


def entered_after(minutes_later, *set_before, entry):
    """Return the controls of a call that begins so long after somebody set these in the idle room."""
    state, desired = room(meeting()), Desired()
    for command in set_before:
        _, desired = judge(command, Origin.TOUCH, context(state, desired))
    later = context(state, desired, entry=entry, now=NOON + minutes(minutes_later))
    return judge(JoinMeeting(WEEKLY), Origin.CALENDAR, later)[1].controls


def test_what_was_opened_before_the_call_holds_for_ten_minutes():
    opened = (SetMicMuted(False), SetCameraOff(False))
    assert entered_after(9.9, *opened, entry=SHY) == Controls(mic_muted=False, camera_off=False)
    assert entered_after(10, *opened, entry=SHY) == Controls()
    assert entered_after(-1, *opened, entry=SHY) == Controls()


def test_what_was_closed_before_the_call_waits_for_it():
    closed = (SetMicMuted(True), SetCameraOff(True))
    assert entered_after(60 * 24, *closed, entry=EAGER) == Controls()


def test_what_was_set_before_a_call_is_for_that_call_only():
    state, desired = room(meeting()), Desired()
    _, desired = judge(SetMicMuted(False), Origin.TOUCH, context(state, desired, entry=SHY))
    _, desired = judge(JoinMeeting(WEEKLY), Origin.CALENDAR, context(state, desired, entry=SHY))
    assert not desired.controls.mic_muted
    desired = left(desired, Decision.ENDED)
    _, desired = judge(JoinMeeting(WEEKLY), Origin.CALENDAR, context(state, desired, entry=SHY))
    assert desired.controls.mic_muted


def test_the_next_meeting_is_joined_when_none_is_named():
    past, next_one = meeting("past", NOON - minutes(60)), meeting("next", NOON + minutes(5))
    _, desired = judge(JoinMeeting(), Origin.TOUCH, context(room(past, next_one)))
    assert desired.call.key == "next"


def test_refusals_say_why():
    def why(command, origin, ctx):
        ack, desired = judge(command, origin, ctx)
        assert ack.status is AckStatus.REFUSED
        assert desired is ctx.desired
        return ack.reason

    here = context(room(meeting()))
    assert "no such meeting" in why(JoinMeeting(MeetingKey("x")), Origin.TOUCH, here)
    assert "no call" in why(Leave(), Origin.TOUCH, here)
    assert "https://" in why(JoinUrl("javascript:alert(1)"), Origin.TOUCH, here)
    assert "0 to 100" in why(SetVolume(101), Origin.TOUCH, here)
    assert "about to be joined" in why(CancelJoin(), Origin.TOUCH, here)
    zoom = meeting(why="Zoom cannot be joined natively yet.")
    assert "Zoom" in why(JoinMeeting(WEEKLY), Origin.TOUCH, context(room(zoom), links={}))
    busy = context(room(meeting("other"), wanted=Wanted(WEEKLY, "Weekly")), IN_CALL)
    assert "Leave that first" in why(JoinMeeting(MeetingKey("other")), Origin.TOUCH, busy)
    assert "in the room" in why(SetMicMuted(False), Origin.CLI, here)


def test_leaving_closes_the_gates_and_stays_decided():
    _, desired = judge(Leave(), Origin.TOUCH, context(in_call_room(), IN_CALL))
    assert (desired.call, desired.controls.mic_muted, desired.controls.camera_off) == (None, True, True)
    assert desired.decided[WEEKLY] is Decision.LEFT


def test_leave_during_a_countdown_cancels_it():
    counting = room(meeting(), countdown=Countdown(WEEKLY, "Weekly", NOON, NOON))
    for command in (Leave(), CancelJoin()):
        assert judge(command, Origin.REMOTE, context(counting))[1].decided[WEEKLY] is Decision.CANCELLED


def test_joining_the_call_one_is_in_changes_nothing():
    for origin in Origin:
        assert judge(JoinMeeting(WEEKLY), origin, context(in_call_room(), IN_CALL))[1] is IN_CALL


def test_pressing_join_again_after_the_call_ended_is_a_new_attempt():
    ended = left(IN_CALL, Decision.ENDED)
    _, again = judge(JoinMeeting(WEEKLY), Origin.TOUCH, context(room(meeting()), ended, now=NOON + minutes(1)))
    assert again.call.attempt != wish().attempt
    assert again.decided[WEEKLY] is Decision.JOINED


commands = st.one_of(
    st.builds(JoinMeeting, st.sampled_from([None, WEEKLY, MeetingKey("other")])),
    st.just(JoinUrl("https://meet.example.org/x")),
    st.builds(SetMicMuted, st.booleans()),
    st.builds(SetCameraOff, st.booleans()),
    st.builds(SetVolume, st.integers(-10, 110)),
    st.builds(SetView, st.sampled_from(View)),
    st.just(Leave()),
    st.just(CancelJoin()),
    st.builds(MoveCamera, st.floats(), st.floats(), st.floats()),
    st.builds(FrameCamera, st.booleans()),
    st.builds(KeepPreset, st.integers(-1, 9)),
    st.builds(RecallPreset, st.integers(-1, 9)),
    st.just(CheckDevices()),
    st.just(CheckSound()),
)


@given(
    st.lists(st.tuples(commands, st.sampled_from([Origin.REMOTE, Origin.CLI])), max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_nobody_far_away_can_open_a_closed_gate(asked, muted, camera_off):
    start = Controls(mic_muted=muted, camera_off=camera_off)
    state, desired = room(meeting(), meeting("other", NOON + minutes(40))), Desired(controls=start)
    for command, origin in asked:
        wanted = Wanted(desired.call.key, "x") if desired.call else None
        _, desired = judge(command, origin, context(replace(state, wanted=wanted), desired))
        assert desired.controls.mic_muted >= muted
        assert desired.controls.camera_off >= camera_off
        muted, camera_off = desired.controls.mic_muted, desired.controls.camera_off
        for preset in (desired.mic_preset, desired.camera_preset):
            assert preset is None or preset.closed


def test_the_camera_is_moved_within_its_reach_and_kept_as_a_preset():
    state, desired = room(), Desired()
    for command in (MoveCamera(pan=0.7), MoveCamera(pan=0.7, zoom=0.25), KeepPreset(2), MoveCamera(tilt=-5.0)):
        ack, desired = judge(command, Origin.TOUCH, context(state, desired))
        assert ack.status is AckStatus.OK
    assert desired.aim == CameraAim(1.0, -1.0, 0.25)
    _, desired = judge(FrameCamera(True), Origin.TOUCH, context(state, desired))
    assert desired.aim.framing
    _, desired = judge(RecallPreset(2), Origin.TOUCH, context(state, desired))
    assert desired.aim == CameraAim(1.0, 0.0, 0.25, framing=False)


@pytest.mark.parametrize(
    ("command", "origin", "words"),
    [
        (RecallPreset(1), Origin.TOUCH, "Nothing is kept as preset 1"),
        (KeepPreset(7), Origin.TOUCH, "Presets go from 1 to 6"),
        (MoveCamera(pan=0.1), Origin.REMOTE, "Nobody far away can turn"),
        (FrameCamera(True), Origin.REMOTE, "Nobody far away can turn"),
    ],
)
def test_what_the_camera_cannot_do_is_refused(command, origin, words):
    ack, desired = judge(command, origin, context(room()))
    assert (ack.status, desired) == (AckStatus.REFUSED, Desired())
    assert words in ack.reason


@pytest.mark.parametrize("command", [CheckDevices(), CheckSound()])
def test_devices_and_sound_are_checked_between_calls_only(command):
    ack, desired = judge(command, Origin.TOUCH, context(room()))
    assert ack.status is AckStatus.OK
    assert desired.device_check + desired.sound_check == int(NOON.timestamp() * 1000)
    ack, desired = judge(command, Origin.TOUCH, context(in_call_room(), IN_CALL))
    assert (ack.status, desired) == (AckStatus.REFUSED, IN_CALL)
    assert "leave the call first" in ack.reason


@pytest.mark.parametrize("origin", [Origin.REMOTE, Origin.CLI, Origin.CALENDAR])
def test_a_sound_check_is_started_in_the_room_only(origin):
    ack, desired = judge(CheckSound(), origin, context(room()))
    assert (ack.status, desired) == (AckStatus.REFUSED, Desired())
    assert "Only a touch on the room's own panel can start a sound check" in ack.reason


def test_the_mute_switch_refuses_a_sound_check():
    state = room()
    state = replace(state, senses=replace(state.senses, mute_line=True))
    ack, desired = judge(CheckSound(), Origin.TOUCH, context(state))
    assert (ack.status, desired) == (AckStatus.REFUSED, Desired())
    assert "mute switch is on" in ack.reason


def test_a_sound_check_that_runs_is_not_started_again_and_is_stopped_by_leaving():
    state, checking = room(), Desired(sound_check=3)
    state = replace(state, senses=replace(state.senses, sound_check=SoundCheck(3, running=True)))
    ack, desired = judge(CheckSound(), Origin.TOUCH, context(state, checking))
    assert (ack.status, desired) == (AckStatus.REFUSED, checking)
    ack, desired = judge(Leave(), Origin.REMOTE, context(state, checking))
    assert (ack.status, desired) == (AckStatus.OK, Desired())


def test_a_check_is_a_new_one_also_when_the_clock_was_set_back():
    later = int(NOON.timestamp() * 1000) + 5000
    state = replace(room(), senses=replace(room().senses, sound_check=SoundCheck(later, NOON)))
    _, desired = judge(CheckSound(), Origin.TOUCH, context(state))
    assert desired.sound_check > later
    _, desired = judge(CheckDevices(), Origin.TOUCH, context(room(), Desired(device_check=later)))
    assert desired.device_check > later


@pytest.mark.parametrize(
    "url", ["https://h/\ud800", "https://h/\x1b[2J", "https://h/\n", "ftp://h/", "https://" + "h" * 4096]
)
def test_a_link_that_cannot_be_one_is_refused(url):
    ack, desired = judge(JoinUrl(url), Origin.CLI, context(room()))
    assert (ack.status, desired.call) == (AckStatus.REFUSED, None)


def full_disk(state, desired):
    """Return a dispatcher whose disk is full, and what it adopts."""
    adopted = []

    def refuse(_desired):
        raise OSError(errno.ENOSPC, "No space left on device")

    return Dispatcher(context=lambda: context(state, desired), save=refuse, adopt=adopted.append), adopted


@pytest.mark.parametrize("closing", [SetMicMuted(True), SetCameraOff(True), Leave()])
async def test_a_full_disk_keeps_nobody_from_closing(closing):
    dispatcher, adopted = full_disk(in_call_room(), IN_CALL)
    assert (await dispatcher.dispatch(closing, Origin.TOUCH)).status is AckStatus.OK
    assert adopted == [judge(closing, Origin.TOUCH, context(in_call_room(), IN_CALL))[1]]


async def test_a_full_disk_keeps_the_room_out_of_no_meeting():
    dispatcher, adopted = full_disk(room(meeting()), Desired())
    assert (await dispatcher.dispatch(JoinMeeting(WEEKLY), Origin.CALENDAR)).status is AckStatus.OK
    assert adopted[0].call.key == WEEKLY


async def test_a_full_disk_opens_nothing_and_says_so():
    dispatcher, adopted = full_disk(in_call_room(), replace(IN_CALL, controls=Controls()))
    ack = await dispatcher.dispatch(SetMicMuted(False), Origin.TOUCH)
    assert (ack.status, adopted) == (AckStatus.FAILED, [])
    assert "No space left" in ack.reason


async def test_the_rooms_own_rules_go_on_with_a_full_disk():
    dispatcher, adopted = full_disk(in_call_room(), IN_CALL)
    await dispatcher.change(lambda desired: left(desired, Decision.ENDED))
    assert adopted[0].call is None


def switched(name, *relays):
    ack, desired = judge(SwitchRelay(name, on=True), Origin.CLI, context(room(relays=relays)))
    return ack.reason or dict(desired.switched)


def test_a_relay_is_switched_by_its_name_and_an_unknown_one_answered_with_those_there_are():
    lights, blinds, shouted = Relay("Lights"), Relay("Blinds"), Relay("LIGHTS")
    assert switched("Lights", lights, blinds) == {"Lights": True}
    assert switched("lights", lights, blinds) == {"Lights": True}
    assert switched("LIGHTS", lights, shouted) == {"LIGHTS": True}
    assert switched("Fan", lights, blinds) == "This room has no 'Fan'; it has Lights and Blinds."
    assert switched("Fan") == (
        "This room has no 'Fan'; it has nothing to switch. Name it under [[wires.relays]] in the settings."
    )
    assert switched("lights", lights, shouted).endswith("it has Lights and LIGHTS.")
    assert switched("Lights", replace(lights, error="The line is gone.")) == "The line is gone."
