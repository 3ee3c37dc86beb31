"""Bringing a TV to a wished power, second by second, with TVs that are slow, deaf, silent or lie."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.tv.power import CEC_METHODS, Method, Power
from hardware.tv.pursuit import MOST_ROUNDS, SETTLE_S, Pursuit, look, next_method, tried, vanished

ON = (*CEC_METHODS[Power.ON],)


class Tv:
    """A TV that obeys some methods, some time later."""

    def __init__(self, *obeys, takes_s=4.0, says=True, hears=True, moving=False, power=Power.OFF):
        self.obeys, self.takes_s, self.says, self.hears, self.moving = obeys, takes_s, says, hears, moving
        self.power, self.becomes, self.at = power, power, math.inf
        self.told = []

    def tell(self, method, want, now):
        self.told.append((now, method))
        if method in self.obeys:
            self.becomes, self.at = want, min(self.at, now + self.takes_s)
        return self.hears

    def ask(self, now):
        if now >= self.at:
            self.power, self.at = self.becomes, math.inf
        if not self.says:
            return Power.UNKNOWN
        moving = {Power.ON: Power.TURNING_ON, Power.OFF: Power.TURNING_OFF}[self.becomes]
        return moving if self.moving and self.at < math.inf else self.power


def pursue(tv, want=Power.ON, methods=ON, seconds=3600, every=2):
    pursuit = Pursuit(want, methods)
    for now in range(0, seconds, every):
        pursuit = look(pursuit, tv.ask(now), now)
        method = next_method(pursuit, now)
        if method is not None:
            pursuit = tried(pursuit, method, now, heard=tv.tell(method, want, now))
        if pursuit.done:
            break
    return pursuit


def test_a_tv_that_obeys_at_once_is_told_once_and_thanked_for_it():
    tv = Tv(Method.IMAGE_VIEW_ON)
    pursuit = pursue(tv)
    assert (pursuit.done, pursuit.confirmed, pursuit.worked) == (True, True, Method.IMAGE_VIEW_ON)
    assert tv.told == [(0, Method.IMAGE_VIEW_ON)]


def test_a_tv_that_is_on_already_is_not_told():
    tv = Tv(power=Power.ON)
    pursuit = pursue(tv)
    assert (pursuit.done, pursuit.worked, tv.told) == (True, Method.NONE, [])


def test_a_tv_that_obeys_only_the_last_method_gets_there_in_one_round():
    tv = Tv(Method.POWER_ON_KEY)
    assert pursue(tv).worked is Method.POWER_ON_KEY
    assert [method for _, method in tv.told] == list(ON)
    assert all(later - earlier >= SETTLE_S for (earlier, _), (later, _) in pairwise(tv.told))


def test_a_slow_tv_that_says_it_is_coming_is_not_told_again():
    tv = Tv(Method.IMAGE_VIEW_ON, takes_s=26, moving=True)
    assert pursue(tv).worked is Method.IMAGE_VIEW_ON
    assert len(tv.told) == 1


def test_a_tv_that_says_for_ever_that_it_is_coming_is_told_again():
    tv = Tv(Method.IMAGE_VIEW_ON, takes_s=100_000, moving=True)
    assert pursue(tv).failing
    assert len(tv.told) > 4


def test_a_tv_that_does_not_say_is_believed_once_it_heard():
    tv = Tv(Method.STANDBY, says=False, power=Power.ON)
    pursuit = pursue(tv, Power.OFF, CEC_METHODS[Power.OFF])
    assert (pursuit.done, pursuit.confirmed, pursuit.worked) == (True, False, Method.STANDBY)
    assert len(tv.told) == 1


def test_a_tv_that_finds_its_tongue_later_confirms_what_it_did():
    pursuit = tried(Pursuit(Power.ON, ON), ON[0], 0, heard=True)
    believed = look(pursuit, Power.UNKNOWN, SETTLE_S)
    assert (believed.done, believed.confirmed) == (True, False)
    assert look(believed, Power.OFF, 20) == believed
    assert look(believed, Power.ON, 20).confirmed


def test_what_nobody_hears_is_tried_by_all_methods_within_seconds():
    tv = Tv(hears=False, says=False)
    pursuit = pursue(tv, seconds=12)
    assert [method for _, method in tv.told][:4] == list(ON)
    assert pursuit.failing


def test_pauses_grow_and_then_it_is_let_be():
    tv = Tv()
    pursuit = pursue(tv, seconds=7200)
    rounds = [now for now, method in tv.told if method is ON[0]]
    pauses = [later - earlier for earlier, later in pairwise(rounds)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 240
    assert len(rounds) == MOST_ROUNDS
    assert pursuit.failing
    assert 600 < tv.told[-1][0] < 1200


def test_a_tv_that_vanishes_after_it_was_told_is_off():
    pursuit = tried(Pursuit(Power.OFF, (Method.STANDBY,)), Method.STANDBY, 0, heard=True)
    assert vanished(pursuit).worked is Method.STANDBY
    unheard = tried(Pursuit(Power.OFF, (Method.STANDBY,)), Method.STANDBY, 0, heard=False)
    assert not vanished(unheard).done
    waking = tried(Pursuit(Power.ON, ON), ON[0], 0, heard=True)
    assert not vanished(waking).done


def test_without_a_method_there_is_nothing_to_try():
    assert next_method(Pursuit(Power.ON, ()), 100) is None


@pytest.mark.parametrize("want", [Power.ON, Power.OFF])
def test_once_done_it_stays_done_whatever_a_person_does(want):
    pursuit = look(Pursuit(want, CEC_METHODS[want]), want, 0)
    for now, power in enumerate([*Power] * 20):
        pursuit = look(pursuit, power, now)
        assert next_method(pursuit, now) is None


@given(st.lists(st.tuples(st.sampled_from([*Power]), st.booleans(), st.floats(0.1, 60)), max_size=200))
def test_no_tv_is_told_more_than_so_often(course):
    pursuit, now, told = Pursuit(Power.ON, ON), 0.0, 0
    for power, heard, later in course:
        pursuit = look(pursuit, power, now)
        method = next_method(pursuit, now)
        if method is not None:
            assert not pursuit.done
            pursuit, told = tried(pursuit, method, now, heard=heard), told + 1
        now += later
    assert told <= MOST_ROUNDS * len(ON)
