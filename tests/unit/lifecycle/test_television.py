"""When the TV is switched: through a day, a night, and the nights on which clocks are set."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from builders import NOON, meeting, minutes, room
from hypothesis import given
from hypothesis import strategies as st

from appliance.lifecycle.television import Signs, TvHours, is_busy, night_of, noted, occupied, seen, tv_wish
from appliance.state.room import AutoJoin, Call, Countdown, MeetingKey, Phase, Senses, Wanted

BERLIN = ZoneInfo("Europe/Berlin")
KEY = MeetingKey("weekly")
HOURS = TvHours(BERLIN, lead_s=60, off_from=time(22), off_until=time(6), idle_off_s=1800)
MIDNIGHT = datetime(2026, 11, 24, 0, 0, tzinfo=BERLIN)
EMPTY = Signs(since=NOON - timedelta(days=1))
COUNTDOWN = Countdown(KEY, "Weekly", NOON, NOON)


def wish(state=None, signs=EMPTY, hours=HOURS, now=NOON):
    return tv_wish(state or room(), signs, hours, now)


def on(wished):
    return None if wished is None else wished.on


def test_the_tv_goes_on_with_the_countdown_and_the_whole_meeting_is_one_occasion():
    counting = wish(room(countdown=COUNTDOWN), now=NOON - minutes(1))
    joining = wish(room(wanted=Wanted(KEY, "Weekly"), call=Call(Phase.JOINING, KEY)))
    live = wish(room(wanted=Wanted(KEY, "Weekly"), call=Call(Phase.LIVE, KEY)), now=NOON + minutes(40))
    leaving = wish(room(call=Call(Phase.LEAVING, KEY)), now=NOON + minutes(45))
    assert on(counting)
    assert counting == joining == live == leaving


def test_a_meeting_that_waits_for_a_touch_lights_the_tv_for_ten_minutes():
    booked = room(meeting(auto=AutoJoin.TOUCH, length=60))
    nobody = replace(HOURS, idle_off_s=0)
    assert wish(booked, hours=nobody, now=NOON - minutes(2)) is None
    assert on(wish(booked, hours=nobody, now=NOON - minutes(1)))
    assert on(wish(booked, hours=nobody, now=NOON + minutes(9)))
    assert wish(booked, hours=nobody, now=NOON + minutes(10)) is None


def test_a_meeting_without_a_link_and_an_all_day_one_do_not_light_the_tv():
    assert not on(wish(room(meeting(auto=AutoJoin.NO))))
    assert not on(wish(room(meeting(auto=AutoJoin.TOUCH, all_day=True, length=1440))))


def test_a_share_lights_the_tv():
    assert on(wish(room(senses=Senses(sharing=True)), now=MIDNIGHT))


def test_whoever_comes_in_finds_the_tv_on_and_it_is_one_occasion_while_he_stays():
    first = seen(EMPTY, NOON)
    later = seen(seen(first, NOON + minutes(4)), NOON + minutes(8))
    assert on(wish(signs=first))
    assert wish(signs=first) == wish(signs=later, now=NOON + minutes(8))
    assert wish(signs=first, now=NOON + minutes(15)) is None


def test_somebody_who_comes_back_after_a_while_is_a_new_occasion():
    first = seen(EMPTY, NOON)
    again = seen(first, NOON + minutes(6))
    assert wish(signs=first) != wish(signs=again, now=NOON + minutes(6))


def test_a_sensor_that_sees_somebody_makes_one_long_visit():
    there = occupied(EMPTY, NOON, there=True)
    hours_later = noted(there, room(), NOON + minutes(300))
    assert wish(signs=there) == wish(signs=hours_later, now=NOON + minutes(300))
    gone = occupied(hours_later, NOON + minutes(301), there=False)
    assert on(wish(signs=gone, now=NOON + minutes(310)))
    assert wish(signs=gone, now=NOON + minutes(320)) is None
    assert not on(wish(signs=gone, now=NOON + minutes(332)))


def test_a_sensor_that_sees_nobody_is_no_sign_of_anybody():
    assert occupied(EMPTY, NOON, there=False) == EMPTY


def test_an_idle_tv_goes_off_unless_a_meeting_is_booked_or_it_should_not():
    assert on(wish()) is False
    assert wish(hours=replace(HOURS, idle_off_s=0)) is None
    assert wish(room(meeting(auto=AutoJoin.NO))) is None
    assert on(wish(room(meeting(auto=AutoJoin.NO, all_day=True)))) is False
    assert wish(signs=Signs(since=NOON - minutes(29))) is None
    assert on(wish(signs=Signs(since=NOON - minutes(30)))) is False


def test_the_end_of_a_call_is_a_sign_of_life():
    after = noted(EMPTY, room(call=Call(Phase.LIVE, KEY)), NOON)
    assert wish(signs=after, now=NOON + minutes(29)) is None
    assert on(wish(signs=after, now=NOON + minutes(30))) is False


def test_at_night_the_tv_goes_off_once_nobody_is_there():
    assert on(wish(now=MIDNIGHT)) is False
    late = seen(EMPTY, MIDNIGHT)
    assert on(wish(signs=late, now=MIDNIGHT))
    assert on(wish(signs=late, now=MIDNIGHT + minutes(15))) is False
    call_over = noted(EMPTY, room(call=Call(Phase.LIVE, KEY)), MIDNIGHT)
    assert wish(signs=call_over, now=MIDNIGHT + minutes(14)) is None
    assert on(wish(signs=call_over, now=MIDNIGHT + minutes(15))) is False


def test_a_night_is_one_occasion_across_midnight_and_the_next_is_another():
    evening = wish(now=MIDNIGHT - minutes(90))
    assert evening == wish(now=MIDNIGHT + minutes(300))
    assert evening.insists
    assert evening != wish(now=MIDNIGHT + timedelta(days=1))
    assert wish(now=MIDNIGHT - minutes(121)).occasion.startswith("idle")
    assert wish(now=MIDNIGHT + minutes(360)).occasion.startswith("idle")


def test_a_clock_that_was_set_back_does_not_keep_the_tv_on():
    future = seen(EMPTY, NOON + timedelta(days=400))
    signs = noted(future, room(), NOON)
    assert on(wish(signs=signs))
    assert on(wish(signs=signs, now=NOON + minutes(30))) is False


@pytest.mark.parametrize(
    ("off_from", "off_until", "at", "night"),
    [
        (time(22), time(6), "2026-11-23T21:59:59", None),
        (time(22), time(6), "2026-11-23T22:00:00", date(2026, 11, 23)),
        (time(22), time(6), "2026-11-24T05:59:59", date(2026, 11, 23)),
        (time(22), time(6), "2026-11-24T06:00:00", None),
        (time(1), time(6), "2026-11-24T00:59:00", None),
        (time(1), time(6), "2026-11-24T03:00:00", date(2026, 11, 24)),
        (time(12), time(12), "2026-11-24T12:00:00", None),
        (time(0), time(23, 59), "2026-11-24T12:00:00", date(2026, 11, 24)),
    ],
)
def test_the_night_is_between_two_times_on_the_room_s_clock(off_from, off_until, at, night):
    hours = TvHours(BERLIN, off_from=off_from, off_until=off_until)
    assert night_of(hours, datetime.fromisoformat(at).replace(tzinfo=BERLIN)) == night


def test_a_room_without_hours_has_no_nights():
    assert night_of(TvHours(BERLIN, off_from=time(22)), MIDNIGHT) is None
    assert night_of(TvHours(BERLIN), MIDNIGHT) is None


def nights(hours, start, end):
    """Return how many minutes each night has, looking every minute."""
    found = {}
    now = start.astimezone(UTC)
    while now < end:
        night = night_of(hours, now)
        if night is not None:
            found.setdefault(night, []).append(now)
        now += minutes(1)
    for moments in found.values():
        assert moments[-1] - moments[0] == minutes(len(moments) - 1), "a night has a hole"
    return {night: len(moments) for night, moments in found.items()}


@pytest.mark.parametrize(
    ("off_from", "off_until", "spring", "autumn"),
    [
        (time(22), time(6), 420, 540),
        (time(2, 30), time(6), 150, 270),  # begins in the hour that is skipped, or that comes twice
        (time(22), time(2, 30), 270, 270),  # ends in it
    ],
)
def test_the_nights_on_which_clocks_are_set_come_once_and_whole(off_from, off_until, spring, autumn):
    hours = TvHours(BERLIN, off_from=off_from, off_until=off_until)
    for month, day, length in ((3, 28, spring), (10, 24, autumn)):
        start = datetime(2026, month, day, 12, tzinfo=BERLIN)
        (found,) = nights(hours, start, start + timedelta(days=1)).values()
        assert found == length


HOURS_OF_A_DAY = st.none() | st.times().map(lambda t: t.replace(microsecond=0, tzinfo=None))
MOMENTS = st.integers(0, 365 * 86400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@given(
    state=st.builds(
        room,
        countdown=st.none() | st.just(COUNTDOWN),
        wanted=st.none() | st.just(Wanted(KEY, "Weekly")),
        call=st.builds(Call, st.sampled_from(Phase), st.none() | st.just(KEY)),
        senses=st.builds(Senses, sharing=st.booleans()),
    ),
    hours=st.builds(
        TvHours,
        st.sampled_from([BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe")]),
        st.just(60.0),
        HOURS_OF_A_DAY,
        HOURS_OF_A_DAY,
        st.floats(0, 86400),
    ),
    signs=st.builds(Signs, MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.booleans()),
    now=MOMENTS,
)
def test_nothing_switches_the_tv_off_while_it_is_needed(state, hours, signs, now):
    wished = tv_wish(state, noted(signs, state, now), hours, now)
    if is_busy(state):
        assert wished is not None
        assert wished.on
    elif wished is not None and not wished.on:
        assert not signs.occupied


@given(MOMENTS, HOURS_OF_A_DAY, HOURS_OF_A_DAY)
def test_a_night_began_on_the_day_it_says(now, off_from, off_until):
    night = night_of(TvHours(BERLIN, off_from=off_from, off_until=off_until), now)
    if night is not None:
        began = datetime.combine(night, off_from, BERLIN).astimezone(UTC)
        assert timedelta(0) <= now - began < timedelta(hours=25)
