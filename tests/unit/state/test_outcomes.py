"""What a terminal is told of a command that was accepted, from the states that follow."""

from dataclasses import replace
from functools import reduce

import pytest
from builders import room

from appliance.state.layout import View
from appliance.state.outcomes import NOT_BEGUN, joined, left, muted, viewed
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
