from dataclasses import replace

import pytest

from appliance.state.room import Call, MeetingKey, Phase
from appliance.telemetry.happenings import changed, clock_set, issues_changed
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync, Issue, Severity
from appliance.telemetry.protocol.records import encode_content

CAMERA = Issue("device.camera-1.missing", Severity.ERROR, "Camera (Clip) is not there.")


def types(happenings):
    return [happening.type for happening in happenings]


def test_an_issue_is_told_when_it_begins_changes_its_weight_and_ends():
    milder = replace(CAMERA, severity=Severity.WARNING)
    assert [h.severity for h in issues_changed((), (CAMERA,))] == [Severity.ERROR]
    assert [h.issue for h in issues_changed((CAMERA,), (milder,))] == [CAMERA.id]
    assert types(issues_changed((CAMERA,), ())) == ["issue.ended"]
    assert types(issues_changed((CAMERA,), (replace(CAMERA, since=7),))) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Phase.IDLE, Phase.JOINING, ["call.joining"]),
        (Phase.JOINING, Phase.LIVE, ["call.live"]),
        (Phase.LIVE, Phase.RECONNECTING, ["call.reconnecting"]),
        (Phase.RECONNECTING, Phase.LIVE, ["call.live"]),
        (Phase.LIVE, Phase.IDLE, ["call.left"]),
        (Phase.LEAVING, Phase.IDLE, ["call.left"]),
        (Phase.JOINING, Phase.IDLE, ["call.failed"]),
        (Phase.LOBBY, Phase.IDLE, ["call.failed"]),
        (Phase.LIVE, Phase.LIVE, []),
    ],
)
def test_each_phase_of_a_call_is_told_once(room, before, after, expected):
    was, now = (replace(room, call=replace(room.call, phase=phase)) for phase in (before, after))
    assert types(changed(was, now)) == expected


def test_another_call_ends_the_one_before(room):
    other = Call(Phase.JOINING, MeetingKey("uid-2"), "Another secret")
    assert types(changed(room, replace(room, call=other))) == ["call.left", "call.joining"]


def test_nobody_and_nothing_secret_is_named(room):
    told = list(changed(room, replace(room, call=Call(reason="Zoë Secretname threw you out"))))
    assert b"ecret" not in b"".join(map(encode_content, told))


def test_somebody_comes_and_goes_only_where_a_sensor_tells(room):
    there, gone = replace(room, occupied=True), replace(room, occupied=False)
    assert types(changed(gone, there)) == ["room.occupied"]
    assert types(changed(there, gone)) == ["room.empty"]
    assert types(changed(room, there)) == []


def test_a_clock_that_is_set_is_told_and_one_that_drifts_is_not():
    begun = Moment(1000, 0, ClockSync.NO)
    assert clock_set(begun, Moment(301_500, 300_000, ClockSync.NO)) is None
    assert clock_set(begun, Moment(3_601_000, 600_000, ClockSync.YES)).text == "The clock was set by +3000 s."
    assert clock_set(begun, Moment(301_000, 300_000, ClockSync.YES)).type == "clock.synchronised"
