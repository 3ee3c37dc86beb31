from dataclasses import replace

import pytest
from builders import NOON, OPEN, minutes, people, report, room

from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.events import (
    CallWanted,
    DisplayLost,
    DisplayReported,
    MediaLost,
    MediaReported,
    NoticeGiven,
    ServiceChanged,
)
from appliance.state.reducer import NEXT, reduce
from appliance.state.room import Boot, Call, MeetingKey, Phase, ServiceHealth, Wanted
from appliance.state.wishes import DisplayReport

WEEKLY = Wanted(MeetingKey("weekly"), "Weekly", NOON + minutes(30))


def after(state, *events):
    for event in events:
        state = reduce(state, event, NOON)
    return state


def test_a_fact_that_changes_nothing_returns_the_same_room():
    state = room()
    assert reduce(state, NoticeGiven(""), NOON) is state


def test_each_change_counts_the_revision_and_stamps_the_time():
    state = after(room(), NoticeGiven("hello"))
    assert (state.rev, state.now, state.notice) == (1, NOON, "hello")


def test_a_wanted_call_shows_joining_at_once_and_live_when_media_says_so():
    state = after(room(), CallWanted(WEEKLY))
    assert state.call.phase is Phase.JOINING
    state = after(state, MediaReported(report(participants=people("ada"))))
    assert (state.call.phase, state.call.title, len(state.call.participants)) == (Phase.LIVE, "Weekly", 1)


def test_the_mute_state_is_what_media_reports_not_what_is_wished():
    state = after(room(controls=OPEN), MediaReported(report(controls=replace(OPEN, mic_muted=True))))
    assert state.senses.mic_muted
    assert not state.senses.camera_off


def test_with_media_lost_nothing_counts_as_captured_and_the_call_reconnects():
    state = after(room(), CallWanted(WEEKLY), MediaReported(report()), MediaLost())
    assert (state.senses.connected, state.senses.mic_muted, state.senses.camera_off) == (False, True, True)
    assert state.call.phase is Phase.RECONNECTING


def test_a_report_about_an_older_wish_does_not_touch_the_call():
    state = after(room(), CallWanted(WEEKLY))
    again = after(state, MediaReported(report(Phase.IDLE), current=False))
    assert again.call.phase is Phase.JOINING
    assert again.senses.connected


def test_a_report_about_another_call_does_not_touch_this_one():
    state = after(room(), CallWanted(WEEKLY), MediaReported(report(key="other", participants=people("eve"))))
    assert state.call == Call(Phase.JOINING, WEEKLY.key, "Weekly", NOON)


def test_leaving_lasts_until_media_is_out():
    state = after(room(), CallWanted(WEEKLY), MediaReported(report()), CallWanted(None))
    assert state.call.phase is Phase.LEAVING
    assert after(state, MediaReported(report())).call.phase is Phase.LEAVING
    assert after(state, MediaReported(report(Phase.IDLE, key=None))).call.phase is Phase.IDLE


def test_a_call_is_left_at_once_while_media_is_away():
    state = after(room(), CallWanted(WEEKLY), MediaReported(report()), MediaLost(), CallWanted(None))
    assert state.call == Call()


def test_no_device_of_a_dead_media_counts_as_open():
    camera = DeviceUse(DeviceKind.CAMERA, "sim:pattern", open=True)
    state = after(room(), MediaReported(replace(report(), devices=(camera,))), MediaLost())
    assert state.senses.devices == (replace(camera, open=False),)


@pytest.mark.parametrize("phase", Phase)
def test_only_phases_that_may_follow_are_taken_over(phase):
    for before in Phase:
        state = room(wanted=WEEKLY, call=Call(before, WEEKLY.key, "Weekly"))
        got = after(state, MediaReported(report(phase))).call.phase
        assert got is (phase if phase in NEXT[before] else before)


def test_a_service_keeps_the_time_since_when_it_is_broken():
    down = ServiceChanged(ServiceHealth("mqtt", ok=False, detail="refused"))
    state = reduce(room(), down, NOON)
    state = reduce(state, ServiceChanged(ServiceHealth("mqtt", ok=False, detail="timed out")), NOON + minutes(5))
    assert state.services == (ServiceHealth("mqtt", False, "timed out", NOON),)


def test_a_dead_display_is_dark_but_remembered():
    lit = DisplayReport(Boot("d"), screen="null:", lit=True)
    state = after(room(), DisplayReported(lit), DisplayLost())
    assert (state.face.connected, state.face.lit, state.face.screen) == (False, False, "null:")
