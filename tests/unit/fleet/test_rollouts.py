"""How a job goes through rooms: whatever they answer, it never runs ahead of what has been shown to work."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telemetry.protocol.records import JobState
from fleet.control.rollouts import (
    AT_ONCE,
    CAREFUL,
    FINAL,
    Advance,
    BadPolicy,
    Done,
    Group,
    Policy,
    Stop,
    Wait,
    checked,
    next_wave,
    wave_ends,
    waves_of,
)

OK, FAILED, QUEUED, EXPIRED = JobState.SUCCEEDED, JobState.FAILED, JobState.QUEUED, JobState.EXPIRED


def test_waves_are_one_room_then_shares():
    assert wave_ends(1000, CAREFUL) == (1, 50, 250, 1000)
    assert wave_ends(3, CAREFUL) == (1, 3)
    assert wave_ends(1, CAREFUL) == (1,)
    assert wave_ends(40, AT_ONCE) == (40,)


def test_a_wave_comes_after_the_soak_of_the_one_before():
    groups = [Group(0, OK, 1, changed_at=1000), Group(1, "held", 9)]
    assert next_wave(CAREFUL, 0, groups, 2000) == Wait(601_000)
    assert next_wave(CAREFUL, 0, groups, 601_000) == Advance(1)


def test_a_room_that_works_holds_the_next_wave_up_and_one_that_is_away_does_not():
    ahead = Group(1, "held", 9)
    assert next_wave(CAREFUL, 0, [Group(0, OK, 1), Group(0, JobState.RUNNING, 1), ahead], 10**9) == Wait()
    assert next_wave(CAREFUL, 0, [Group(0, OK, 1), Group(0, QUEUED, 1, away=True), ahead], 10**9) == Advance(1)


def test_nothing_goes_on_before_one_room_has_shown_that_it_works():
    ahead = Group(1, "held", 9)
    assert next_wave(CAREFUL, 0, [Group(0, QUEUED, 1, away=True), ahead], 10**9) == Wait()
    assert isinstance(next_wave(CAREFUL, 0, [Group(0, EXPIRED, 1), ahead], 10**9), Stop)


def test_it_stops_above_its_share_of_failures_and_not_at_it():
    assert next_wave(CAREFUL, 1, [Group(1, OK, 95), Group(1, FAILED, 5), Group(2, "held", 9)], 10**9) == Advance(2)
    stop = next_wave(CAREFUL, 1, [Group(1, OK, 94), Group(1, FAILED, 6), Group(2, "held", 9)], 0)
    assert stop == Stop("it failed in 6 of 100 rooms")


@given(rooms=st.integers(1, 500), percent=st.integers(0, 100))
def test_a_share_that_is_just_reached_does_not_stop_it(rooms, percent):
    policy = Policy(stop_percent=percent)
    most = rooms * percent // 100
    just = [Group(0, FAILED, most), Group(0, OK, rooms - most)]
    assert next_wave(policy, 0, [group for group in just if group.rooms], 0) == Done()
    if most < rooms:
        more = [Group(0, FAILED, most + 1), Group(0, OK, rooms - most - 1)]
        assert isinstance(next_wave(policy, 0, [group for group in more if group.rooms], 0), Stop)


@pytest.mark.parametrize(("rooms", "ends"), [(3, (1, 3)), (7, (1, 2, 7)), (20, (1, 5, 20)), (21, (1, 2, 6, 21))])
def test_small_fleets_have_fewer_waves(rooms, ends):
    assert wave_ends(rooms, CAREFUL) == ends
    assert [waves_of(rooms, CAREFUL).count(wave) for wave in range(len(ends))] == [
        end - before for before, end in pairwise((0, *ends))
    ]


def test_a_wave_whose_rooms_have_retired_is_passed_over_once_another_has_shown_that_it_works():
    gone, ahead = Group(1, JobState.CANCELLED, 2), Group(2, "held", 9)
    assert next_wave(CAREFUL, 1, [Group(0, OK, 1), gone, ahead], 0) == Advance(2)
    assert next_wave(CAREFUL, 1, [Group(0, OK, 1), ahead], 0) == Advance(2)
    assert next_wave(CAREFUL, 0, [Group(0, JobState.CANCELLED, 1), gone, ahead], 0) == Stop("no room of wave 1 is left")


def test_it_stops_when_two_rooms_are_gone_after_it():
    assert isinstance(next_wave(CAREFUL, 1, [Group(1, OK, 98, lost=2), Group(2, "held", 9)], 0), Stop)
    assert not isinstance(next_wave(CAREFUL, 1, [Group(1, OK, 98, lost=1), Group(2, "held", 9)], 0), Stop)


def test_a_job_at_once_is_done_when_all_have_answered_whatever_it_was():
    assert next_wave(AT_ONCE, 0, [Group(0, OK, 1), Group(0, QUEUED, 1)], 0) == Wait()
    assert next_wave(AT_ONCE, 0, [Group(0, OK, 1), Group(0, FAILED, 5)], 0) == Done()


@pytest.mark.parametrize("bad", [Policy(waves=()), Policy(waves=(5, 1, 100)), Policy(waves=(50,)), Policy(soak_s=-1)])
def test_a_policy_that_makes_no_sense_is_refused(bad):
    with pytest.raises(BadPolicy):
        checked(bad)


@given(rooms=st.integers(1, 70), seed=st.integers(0, 2**32), bad=st.sampled_from([0.0, 0.02, 0.2, 1.0]))
def test_whatever_rooms_answer_no_more_are_told_than_the_waves_allow(rooms, seed, bad):
    lot = random.Random(seed)
    ends = wave_ends(rooms, CAREFUL)
    states: dict[int, str] = dict.fromkeys(range(rooms), "held")
    changed = dict.fromkeys(range(rooms), 0)
    waves = {number: sum(number >= end for end in ends) for number in range(rooms)}
    now, wave = 0, 0

    def groups():
        return [Group(waves[n], state, 1, changed_at=changed[n]) for n, state in states.items()]

    for n in range(rooms):
        if waves[n] == 0:
            states[n] = QUEUED
    for _ in range(10 * rooms):
        decision = next_wave(CAREFUL, wave, groups(), now)
        told = sum(state != "held" for state in states.values())
        assert told <= ends[wave]
        failed = sum(state is FAILED for state in states.values())
        if isinstance(decision, Stop):
            assert failed / told > 0.05
            return
        assert failed / told <= 0.05
        if isinstance(decision, Done):
            assert all(state in FINAL for state in states.values())
            return
        if isinstance(decision, Advance):
            assert decision.wave == wave + 1
            assert all(state in FINAL for n, state in states.items() if waves[n] <= wave)
            wave = decision.wave
            states.update({n: QUEUED for n in states if waves[n] == wave})
        elif decision.until is not None:
            assert decision.until > now
            now = decision.until
        else:
            waiting = [n for n, state in states.items() if state is QUEUED]
            room, now = lot.choice(waiting), now + 1000
            states[room], changed[room] = FAILED if lot.random() < bad else OK, now
    raise AssertionError("a rollout must come to an end")
