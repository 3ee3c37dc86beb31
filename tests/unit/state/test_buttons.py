"""What may be pressed, why not, and that the labels tell the truth about microphone and camera."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.state.buttons import (
    Tone,
    actions,
    camera_button,
    join_button,
    leave_button,
    mic_button,
    out_of_reach,
    volume_buttons,
)
from appliance.state.commands import CancelJoin, JoinMeeting, Leave, SetCameraOff, SetMicMuted, SetVolume
from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Boot,
    Call,
    Controls,
    Countdown,
    Entry,
    Meeting,
    MeetingKey,
    Phase,
    RoomState,
    Senses,
)

NOW = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)
OPEN = tuple(DeviceUse(kind, open=True) for kind in DeviceKind)


def meeting(key, starts_in=5, auto_join=AutoJoin.YES, **more):
    start = NOW + timedelta(minutes=starts_in)
    return Meeting(MeetingKey(key), key.upper(), start, start + timedelta(minutes=30), auto_join=auto_join, **more)


def room(*meetings, **more):
    more.setdefault("agenda", Agenda(meetings, fetched_at=NOW))
    return RoomState("r", "Ada", Boot("b"), **more)


def gate(*, wished, real, connected=True, devices=OPEN, phase=Phase.LIVE):
    return room(
        controls=Controls(mic_muted=wished, camera_off=wished),
        senses=Senses(connected=connected, mic_muted=real, camera_off=real, devices=devices),
        call=Call(phase),
    )


@pytest.mark.parametrize(
    ("meetings", "label", "joined"),
    [
        ([meeting("a")], "Join", "a"),
        ([meeting("a", 60)], "Join early", "a"),
        ([meeting("a", -10), meeting("b", 20)], "Join", "a"),
        ([meeting("a", -10, AutoJoin.NO), meeting("b", -5)], "Join", "b"),
        ([meeting("a", 5, AutoJoin.NO), meeting("b", 8, AutoJoin.TOUCH)], "Join", "b"),
        ([meeting("a", -40), meeting("b", 3)], "Join", "b"),
        ([meeting("note for the day", -10, all_day=True), meeting("b", 3)], "Join", "b"),
    ],
)
def test_join_means_what_is_on_or_comes_next_and_can_be_joined(meetings, label, joined):
    state = room(*meetings)
    button = join_button(state, NOW)
    assert (button.label, button.enabled, button.command) == (label, True, JoinMeeting(MeetingKey(joined)))


def test_join_means_the_chosen_meeting_while_it_is_there():
    state = room(meeting("a"), meeting("b", 90))
    assert join_button(state, NOW, MeetingKey("b")).command == JoinMeeting(MeetingKey("b"))
    assert join_button(state, NOW, MeetingKey("gone")).command == JoinMeeting(MeetingKey("a"))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (room(), "There is no meeting in the room's calendar."),
        (room(agenda=Agenda()), "No meeting to join is known yet."),
        (room(meeting("a", -5, AutoJoin.NO)), "It has no join link. Put one into the invitation."),
        (room(meeting("a", -5, AutoJoin.NO, why="Its link is damaged.")), "Its link is damaged."),
        (room(meeting("a"), call=Call(Phase.LIVE)), "The room is in a call; leave it first."),
    ],
)
def test_a_disabled_join_says_why(state, why):
    button = join_button(state, NOW)
    assert (button.enabled, button.command, button.why) == (False, None, why)


@pytest.mark.parametrize(
    ("phase", "label", "enabled"),
    [
        (Phase.JOINING, "Cancel", True),
        (Phase.LOBBY, "Cancel", True),
        (Phase.LIVE, "Leave", True),
        (Phase.RECONNECTING, "Leave", True),
        (Phase.LEAVING, "Leave", False),
        (Phase.IDLE, "Leave", False),
    ],
)
def test_a_call_can_be_left_in_every_phase_that_has_one(phase, label, enabled):
    button = leave_button(room(call=Call(phase)))
    assert (button.label, button.enabled, button.command) == (label, enabled, Leave() if enabled else None)
    assert bool(button.why) is not enabled


def test_a_countdown_can_be_hurried_and_cancelled():
    state = room(meeting("a"), countdown=Countdown(MeetingKey("a"), "A", NOW, NOW + timedelta(seconds=9)))
    now_, cancel = actions(state, NOW)
    assert (now_.label, now_.command) == ("Join now", JoinMeeting(MeetingKey("a")))
    assert (cancel.label, cancel.command) == ("Cancel", CancelJoin())


def test_idle_offers_join_and_a_call_offers_leave_alone():
    assert [b.label for b in actions(room(meeting("a")), NOW)] == ["Join"]
    assert [b.label for b in actions(room(meeting("a"), call=Call(Phase.LIVE)), NOW)] == ["Leave"]


@pytest.mark.parametrize(
    ("wished", "real", "label", "detail", "command", "live"),
    [
        (False, False, "Mute", "Mic on", SetMicMuted(muted=True), True),
        (True, True, "Unmute", "Mic muted", SetMicMuted(muted=False), False),
        (True, False, "Muting…", "Mic still on", SetMicMuted(muted=True), True),
        (False, True, "Unmuting…", "Mic still muted", SetMicMuted(muted=True), False),
    ],
)
def test_the_microphone_key_shows_what_is_captured_not_what_was_wished(wished, real, label, detail, command, live):
    button = mic_button(gate(wished=wished, real=real))
    assert (button.label, button.detail, button.command, button.live) == (label, detail, command, live)
    assert (button.tone is Tone.PENDING) is (wished != real)
    assert (button.tone is Tone.MUTED) is (wished and real)


@pytest.mark.parametrize(
    ("wished", "real", "label", "detail", "off"),
    [
        (False, False, "Stop camera", "Camera on", True),
        (True, True, "Start camera", "Camera off", False),
        (True, False, "Stopping…", "Camera still on", True),
        (False, True, "Starting…", "Camera still off", True),
    ],
)
def test_the_camera_key_shows_what_is_captured_not_what_was_wished(wished, real, label, detail, off):
    button = camera_button(gate(wished=wished, real=real))
    assert (button.label, button.detail, button.command) == (label, detail, SetCameraOff(off=off))


@pytest.mark.parametrize(
    ("devices", "phase", "detail"),
    [
        ((), Phase.LIVE, "Mic not open"),
        ((DeviceUse(DeviceKind.MICROPHONE, open=True, healthy=False),), Phase.LIVE, "Mic fails"),
    ],
)
def test_an_open_gate_without_a_working_device_lights_no_lamp(devices, phase, detail):
    button = mic_button(gate(wished=False, real=False, devices=devices, phase=phase))
    assert (button.detail, button.live) == (detail, False)


@pytest.mark.parametrize(
    ("entry", "words", "command"),
    [
        (Entry(mic_muted=False), ("Mute", "Next call: on"), SetMicMuted(muted=True)),
        (Entry(mic_muted=True), ("Unmute", "Next call: muted"), SetMicMuted(muted=False)),
    ],
)
def test_between_calls_the_microphone_key_is_about_the_next_one(entry, words, command):
    button = mic_button(room(entry=entry, senses=Senses(connected=True)))
    assert ((button.label, button.detail), button.command, button.live) == (words, command, False)


def test_between_calls_the_camera_key_is_about_the_next_one():
    assert camera_button(room(entry=Entry(camera_off=False))).detail == "Next call: on"
    assert camera_button(room(entry=Entry(camera_off=True))).detail == "Next call: off"


def test_while_media_is_away_only_the_safe_side_can_be_asked_for():
    muted, opened = (gate(wished=wished, real=wished, connected=False) for wished in (True, False))
    assert mic_button(muted).enabled is False
    assert mic_button(muted).why == "The mic is restarting; it comes back muted."
    assert mic_button(opened).command == SetMicMuted(muted=True)
    assert not mic_button(opened).live


def test_volume_goes_in_steps_and_stops_at_both_ends():
    quieter, louder = volume_buttons(room(controls=Controls(volume=3)))
    assert (quieter.command, louder.command) == (SetVolume(0), SetVolume(8))
    quieter, louder = volume_buttons(room(controls=Controls(volume=0)))
    assert (quieter.enabled, quieter.why) == (False, "The loudspeaker is silent already.")
    quieter, louder = volume_buttons(room(controls=Controls(volume=100)))
    assert (louder.enabled, louder.why) == (False, "The loudspeaker is at its loudest already.")


def test_a_button_out_of_reach_claims_and_does_nothing():
    button = out_of_reach(mic_button(gate(wished=True, real=True)), "Wait.")
    assert button == replace(button, enabled=False, why="Wait.", detail="", command=None, tone=Tone.NORMAL, live=False)
    assert button.label == "Unmute"
