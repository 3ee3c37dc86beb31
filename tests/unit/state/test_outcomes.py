"""What a terminal is told of a command that was accepted, from the states that follow."""

from dataclasses import replace
from functools import reduce

import pytest
from builders import room

from appliance.state.camera import CameraAim
from appliance.state.devices import Device, Fault
from appliance.state.fixtures import Relay
from appliance.state.layout import View
from appliance.state.outcomes import (
    NOT_BEGUN,
    DevicesChecked,
    SoundChecked,
    aimed,
    joined,
    left,
    muted,
    switched,
    viewed,
)
from appliance.state.room import Call, Controls, Countdown, MeetingKey, Phase, Senses, Wanted

KEY = MeetingKey("weekly")
IDLE = room()
JOINING = room(wanted=Wanted(KEY, "Weekly"), call=Call(Phase.JOINING, KEY, "Weekly"))


def calls(phase, **more):
    return replace(JOINING, call=replace(JOINING.call, phase=phase, **more))


GIVEN_UP = replace(IDLE, call=Call(reason="the room cannot join this link; it knows LiveKit"))


@pytest.mark.parametrize(
    ("states", "settled", "ok", "words"),
    [
        ([JOINING, calls(Phase.LIVE)], True, True, "The room is in “Weekly”."),
        ([JOINING, GIVEN_UP], True, False, "The room cannot join this link; it knows LiveKit."),
        ([JOINING, replace(IDLE, notice="No such meeting.")], True, False, "No such meeting."),
        ([JOINING, IDLE], True, False, "Somebody in the room stopped it."),
        ([GIVEN_UP], False, False, "The room has not begun."),
        ([JOINING, calls(Phase.LOBBY)], False, False, "It waits to be let in. `salon leave` gives up."),
        (
            [calls(Phase.JOINING, reason="no route to it")],
            False,
            False,
            "No route to it. It goes on trying; `salon leave` gives up.",
        ),
    ],
)
def test_a_join_is_done_when_the_room_is_in_the_call_or_has_given_up(states, settled, ok, words):
    known = reduce(joined, states, NOT_BEGUN)
    assert (known.settled, known.ok, known.words) == (settled, ok, words)


def test_a_leave_is_done_when_the_room_is_in_no_call_and_counts_down_to_none():
    counting = replace(IDLE, countdown=Countdown(KEY, "Weekly", None, None))
    assert [left(NOT_BEGUN, state).settled for state in (calls(Phase.LIVE), counting, IDLE)] == [False, False, True]


def test_a_mute_is_done_when_media_says_so():
    wished = replace(IDLE, controls=Controls(mic_muted=True), senses=Senses(connected=True, mic_muted=False))
    done = replace(wished, senses=Senses(connected=True, mic_muted=True))
    assert [muted(NOT_BEGUN, state).settled for state in (wished, done)] == [False, True]


def test_a_view_is_changed_when_the_room_says_so():
    wished = replace(IDLE, controls=Controls(view=View.SPEAKER))
    assert [viewed(NOT_BEGUN, state, View.SPEAKER).settled for state in (IDLE, wished)] == [False, True]


HEAD = Device("camera-head", "camera head", "visca:192.0.2.7")
BROKEN_HEAD = replace(HEAD, fault=Fault.FAILING, remedy="the head at 192.0.2.7 does not answer: look at its cable")
STILL = "The camera has no motors: it pans and zooms within its picture"


@pytest.mark.parametrize(
    ("aim", "devices", "ok", "words"),
    [
        (CameraAim(0.1), (HEAD,), True, "Looks 10% right."),
        (CameraAim(0.1, zoom=0.5), (), True, f"Looks 10% right, zoomed 50%. {STILL}."),
        (CameraAim(0.1), (), True, f"Looks 10% right. {STILL}, and shows all of it until it is zoomed in."),
        (CameraAim(framing=True), (), True, "The room frames whoever speaks."),
        (
            CameraAim(0.1),
            (BROKEN_HEAD,),
            False,
            "The camera's head does not work: the head at 192.0.2.7 does not answer: look at its cable",
        ),
    ],
)
def test_where_the_camera_looks_is_told_with_what_it_cannot_do(aim, devices, ok, words):
    known = aimed(NOT_BEGUN, room(aim=aim, devices=devices))
    assert (known.settled, known.ok, known.words) == (True, ok, words)


def test_a_relay_goes_by_its_own_name_also_when_it_was_written_small():
    known = switched(NOT_BEGUN, room(relays=(Relay("Lights", on=True),)), "lights", on=True)
    assert (known.settled, known.ok, known.words) == (True, True, "Lights: on.")


@pytest.mark.parametrize("judge", [DevicesChecked, SoundChecked])
def test_a_check_without_media_is_not_waited_for(judge):
    known = judge()(NOT_BEGUN, IDLE)
    assert (known.settled, known.ok) == (True, False)
    assert known.words.startswith("Camera and sound are not there (salon media)")
