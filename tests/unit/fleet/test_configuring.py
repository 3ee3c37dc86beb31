"""What a room's reports say of a revision of settings that was brought to it."""

from dataclasses import replace

import pytest

from appliance.telemetry.configuration import KEPT_RESTARTING, WRONG
from appliance.telemetry.protocol.payloads import IN_A_MEETING
from appliance.telemetry.protocol.records import JobState
from fleet.control.configuring import BROKEN_BEFORE, TOLD, Answer, Room, answer
from fleet.control.rollouts import CAREFUL

MINUTE = 60_000
ROOM = Room(JobState.RUNNING, 7, TOLD, 0, 6, {"rev": 6, "seen": 6}, 0, None)
DONE = replace(ROOM, state=JobState.SUCCEEDED, step="", applied=7)


def said(room, now=MINUTE):
    found = answer(room, CAREFUL, now)
    return found and found.state


def test_a_room_that_has_it_in_force_has_done_it():
    assert answer(replace(ROOM, applied=7), CAREFUL, 0) == Answer(JobState.SUCCEEDED)
    assert said(replace(ROOM, applied=9)) is JobState.SUCCEEDED
    assert said(DONE) is None


def test_keys_that_the_room_holds_back_are_told_and_are_no_failure():
    trouble = {"key": "camera.faces", "reason": "the room's own settings are stricter, and hold"}
    found = answer(replace(ROOM, applied=7, reported={"seen": 7, "troubles": [trouble]}), CAREFUL, 0)
    assert found.state is JobState.SUCCEEDED
    assert "camera.faces: the room's own" in found.detail


@pytest.mark.parametrize(("waits", "state"), [(WRONG, JobState.REJECTED), (KEPT_RESTARTING, JobState.FAILED)])
@pytest.mark.parametrize("before", [ROOM, DONE])
def test_a_room_that_refuses_or_gives_it_up_says_why_even_after_it_had_it_in_force(before, waits, state):
    trouble = {"key": "tv.switch", "reason": "no such switch"}
    reported = {"rev": 6, "seen": 7, "waits": waits, "troubles": [trouble]}
    found = answer(replace(before, applied=6, reported=reported), CAREFUL, 0)
    assert found == Answer(state, detail=f"{waits}; tv.switch: no such switch")


def test_what_a_room_said_of_an_earlier_revision_is_no_answer():
    assert said(replace(ROOM, reported={"seen": 6, "waits": WRONG})) is None


def test_a_meeting_is_waited_for_without_end():
    room = replace(ROOM, reported={"seen": 7, "waits": IN_A_MEETING})
    assert answer(room, CAREFUL, 10**9) == Answer(JobState.RUNNING, step=IN_A_MEETING)


def test_a_room_that_is_there_and_silent_fails_in_time_and_one_that_is_away_is_waited_for():
    assert said(ROOM, 9 * MINUTE) is None
    assert said(ROOM, 10 * MINUTE) is JobState.FAILED
    assert said(replace(ROOM, present_since=None), 10**9) is None
    assert said(replace(ROOM, present_since=5 * MINUTE), 14 * MINUTE) is None


def test_a_room_that_breaks_with_it_has_failed_unless_it_was_broken_before_or_breaks_much_later():
    assert said(replace(ROOM, broken_at=1)) is JobState.FAILED
    assert said(replace(ROOM, broken_at=-1)) is None
    assert said(replace(ROOM, broken_at=1, step=BROKEN_BEFORE)) is None
    assert answer(replace(ROOM, applied=7, step=BROKEN_BEFORE), CAREFUL, 0).step == BROKEN_BEFORE
    assert said(replace(DONE, broken_at=MINUTE)) is JobState.FAILED
    assert said(replace(DONE, broken_at=11 * MINUTE), 12 * MINUTE) is None


def test_nonsense_in_a_report_is_no_answer():
    assert said(replace(ROOM, reported={"seen": "7", "waits": 1, "troubles": 3})) is None
