from datetime import timedelta

import pytest
from builders import NOON, meeting, minutes, people

from appliance.lifecycle.rules import COME_BACK, Decision, Timing, booked_end, next_countdown, next_wake, should_leave
from appliance.state.room import Agenda, AutoJoin, Call, MeetingKey, Phase, Wanted

TIMING = Timing(lead_s=60, min_countdown_s=10, alone_s=10)
WANTED = Wanted(MeetingKey("weekly"), "Weekly", NOON + minutes(30))


def countdown(*meetings, at, decided=None, running=None, wanted=None):
    return next_countdown(Agenda(meetings), decided or {}, running, wanted, at, TIMING)


def test_the_countdown_begins_a_minute_before_and_ends_at_the_start():
    assert countdown(meeting(), at=NOON - timedelta(seconds=61)) is None
    assert countdown(meeting(), at=NOON - timedelta(seconds=60)).joins_at == NOON


def test_a_meeting_that_appears_late_is_counted_down_first():
    assert countdown(meeting(), at=NOON + minutes(5)).joins_at == NOON + minutes(5) + timedelta(seconds=10)


def test_a_running_countdown_keeps_its_end():
    first = countdown(meeting(), at=NOON + minutes(5))
    assert countdown(meeting(), at=NOON + minutes(5) + timedelta(seconds=9), running=first) == first


def test_a_meeting_moved_during_its_countdown_is_counted_down_anew():
    first = countdown(meeting(), at=NOON - timedelta(seconds=30))
    moved = meeting(start=NOON + timedelta(seconds=20))
    assert countdown(moved, at=NOON - timedelta(seconds=20), running=first).joins_at == moved.start


@pytest.mark.parametrize("decision", [Decision.LEFT, Decision.CANCELLED, Decision.ENDED])
def test_what_was_left_or_cancelled_is_not_joined_again(decision):
    assert countdown(meeting(), at=NOON, decided={MeetingKey("weekly"): decision}) is None


def test_a_call_that_got_lost_without_a_decision_is_joined_again():
    assert countdown(meeting(), at=NOON, decided={MeetingKey("weekly"): Decision.JOINED}) is not None


@pytest.mark.parametrize("auto", [AutoJoin.TOUCH, AutoJoin.NO])
def test_only_meetings_that_may_join_by_themselves_do(auto):
    assert countdown(meeting(auto=auto), at=NOON) is None


def test_nothing_is_joined_after_its_end_or_while_in_a_call():
    assert countdown(meeting(), at=NOON + minutes(30)) is None
    assert countdown(meeting(), at=NOON, wanted=WANTED) is None


def test_a_meeting_is_left_when_it_is_over_and_nobody_is_there():
    end = NOON + minutes(30)
    alone, company = Call(Phase.LIVE), Call(Phase.LIVE, participants=people("ada"))
    soon, late = end + timedelta(seconds=9), end + timedelta(seconds=10)
    assert not should_leave(WANTED, alone, end, soon, TIMING)
    assert should_leave(WANTED, alone, end, late, TIMING)
    assert not should_leave(WANTED, company, None, end + minutes(60), TIMING)
    assert not should_leave(WANTED, alone, NOON, end - timedelta(seconds=1), TIMING)
    assert not should_leave(Wanted(MeetingKey("x"), "X"), alone, NOON, end, TIMING)


@pytest.mark.parametrize("length", [20, 30, 60])
def test_a_meeting_ends_when_its_booking_says_now(length):
    agenda = Agenda((meeting("other", length=5), meeting(length=length)))
    assert booked_end(WANTED, agenda) == NOON + minutes(length)


def test_a_meeting_that_is_in_no_calendar_keeps_its_end():
    assert booked_end(WANTED, Agenda((meeting("other"),))) == WANTED.ends_at
    assert booked_end(Wanted(MeetingKey("link:1"), "Meeting"), Agenda((meeting(),))) is None


def test_a_call_that_cannot_come_back_is_given_up_after_its_end():
    end = NOON + minutes(30)
    assert should_leave(WANTED, Call(Phase.RECONNECTING), None, end + timedelta(seconds=10), TIMING)


def test_a_call_that_runs_late_has_time_to_come_back():
    broke = NOON + minutes(45)
    call, at = Call(Phase.RECONNECTING, since=broke), broke + timedelta(seconds=59)
    assert not should_leave(WANTED, call, None, at, TIMING)
    assert should_leave(WANTED, call, None, broke + COME_BACK, TIMING)
    assert next_wake(Agenda(), None, WANTED, None, at, TIMING, broke) == broke + COME_BACK


def test_the_next_wake_is_the_next_moment_a_rule_may_speak():
    agenda = Agenda((meeting(), meeting("later", NOON + minutes(60))))
    assert next_wake(agenda, None, None, None, NOON - minutes(9), TIMING) == NOON - timedelta(seconds=60)
    soon = countdown(meeting(), at=NOON - timedelta(seconds=50))
    assert next_wake(agenda, soon, None, None, NOON - timedelta(seconds=50), TIMING) == NOON
    assert next_wake(Agenda(), None, None, None, NOON, TIMING) is None
