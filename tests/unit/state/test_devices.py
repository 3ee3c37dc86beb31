"""The one table of devices: what is expected, there, chosen and healthy, and how much a fault matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.state.device_views import device_rows
from appliance.state.devices import (
    Device,
    DeviceKind,
    DeviceTry,
    DeviceUse,
    Expected,
    Fault,
    Seen,
    Severity,
    WireUse,
    device_table,
)
from appliance.state.events import DevicesSeen, FixturesChanged, MediaLost, MediaReported, TelevisionChanged
from appliance.state.reducer import reduce, with_devices
from appliance.state.room import Boot, RoomState
from appliance.state.television import Television
from appliance.state.wishes import MediaReport

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EXPECTED = (Expected("camera", "v4l2:BRIO"), Expected("camera", "v4l2:C920"), Expected("speaker", "sim:sink"))
BRIO = Seen("camera", "v4l2:BRIO", True, "usb:046d:085e:1", "Logitech BRIO")
C920 = Seen("camera", "v4l2:C920", True, "usb:046d:082d:2", "C920")


def gone(seen):
    return replace(seen, present=False, id="", name="")


def used(uri="", *tries):
    return DeviceUse(DeviceKind.CAMERA, uri, open=bool(uri), tries=tries)


def rows(seen=(BRIO, C920), uses=(), before=(), now=NOW):
    return device_table(EXPECTED, seen, uses, before, now)


def judged(table):
    return [(row.id, row.chosen, row.fault.value, row.severity.value) for row in table]


def test_a_room_that_is_well_has_a_row_for_each_device_and_no_fault():
    assert judged(rows()) == [
        ("camera-1", True, "none", "fine"),
        ("camera-2", False, "none", "fine"),
        ("speaker-1", True, "none", "fine"),
    ]
    assert rows()[0].title == "Camera (Logitech BRIO)"
    assert rows()[2].present is None, "a simulated device is nowhere to be seen"


def test_a_missing_camera_is_a_warning_while_another_works():
    table = rows((gone(BRIO), C920))
    assert judged(table)[:2] == [("camera-1", False, "missing", "warning"), ("camera-2", True, "none", "fine")]
    assert table[0].diagnostic == "camera-1.missing"
    assert table[0].remedy == "It is not there. Plug the camera in, or check its cable."


def test_without_any_that_works_it_is_important():
    broken = DeviceTry("v4l2:C920", "C920", ok=False, error="Another program uses it.")
    table = rows((gone(BRIO), C920), (used("", broken),))
    assert judged(table)[:2] == [
        ("camera-1", False, "missing", "important"),
        ("camera-2", False, "failing", "important"),
    ]
    assert table[1].remedy == "Another program uses it."


def test_the_one_in_use_is_chosen_whatever_may_work_as_well():
    table = rows(uses=(used("v4l2:C920", DeviceTry("v4l2:C920")),))
    assert [row.chosen for row in table[:2]] == [False, True]
    assert [row.healthy for row in table[:2]] == [None, True]


def test_a_device_nobody_named_is_listed_and_nothing_is_wrong_with_it():
    spare = Seen("microphone", id="usb:2886:0018", name="ReSpeaker")
    row = rows((BRIO, C920, spare))[-1]
    assert row == Device("usb:2886:0018", "microphone", name="ReSpeaker", expected=False, present=True)


def test_a_fault_keeps_the_moment_it_began_and_forgets_it_once_it_is_over():
    first = rows((gone(BRIO), C920))
    later = rows((gone(BRIO), gone(C920)), before=first, now=NOW + timedelta(minutes=5))
    assert [row.since for row in later[:2]] == [NOW, NOW + timedelta(minutes=5)]
    well = rows(before=later)
    assert [row.since for row in well] == [None] * 3
    assert rows((gone(BRIO), C920), before=well, now=NOW + timedelta(hours=1))[0].since == NOW + timedelta(hours=1)


def test_before_anything_was_enumerated_nothing_is_missing():
    assert {row.fault for row in rows(())} == {Fault.NONE}


_SEEN = st.lists(
    st.builds(
        Seen,
        st.sampled_from(["camera", "microphone", "speaker"]),
        st.sampled_from(["", "v4l2:BRIO", "v4l2:C920", "sim:sink"]),
        st.sampled_from([True, False, None]),
    ),
    max_size=6,
)
_TRIES = st.lists(st.builds(DeviceTry, st.sampled_from(["v4l2:BRIO", "v4l2:C920"]), ok=st.booleans()), max_size=2)


@given(_SEEN, _TRIES, st.sampled_from(["", "v4l2:BRIO", "v4l2:C920"]))
def test_one_of_a_kind_is_chosen_at_most_and_faults_are_important_only_if_none_works(seen, tries, in_use):
    table = rows(seen, (used(in_use, *tries),))
    for kind in ("camera", "speaker"):
        alike = [row for row in table if row.expected and row.kind == kind]
        assert sum(row.chosen for row in alike) <= 1
        works = any(row.fault is Fault.NONE for row in alike)
        for row in alike:
            assert (row.severity is Severity.FINE) == (row.fault is Fault.NONE)
            assert (row.severity is Severity.IMPORTANT) == (row.fault is not Fault.NONE and not works)
            assert bool(row.remedy) == bool(row.diagnostic) == (row.since is not None)


def test_the_room_keeps_the_table_in_step_with_what_it_hears():
    room = RoomState("r", "Ada", Boot("b"), expected=EXPECTED)
    room = reduce(room, DevicesSeen((gone(BRIO), C920)), NOW)
    assert [row.fault.value for row in room.devices] == ["missing", "none", "none"]
    report = MediaReport(Boot("m"), devices=(used("v4l2:C920", DeviceTry("v4l2:C920")),))
    room = reduce(room, MediaReported(report), NOW + timedelta(seconds=1))
    assert room.devices[1].healthy
    assert room.devices[0].since == NOW
    room = reduce(room, MediaLost(), NOW + timedelta(seconds=2))
    assert [row.chosen for row in room.devices] == [False, True, True]


WIRED = (
    WireUse("mute button", "gpio:17"),
    WireUse("motion sensor", "gpio:25"),
    WireUse("relay", "gpio:5", name="Lights", place=1),
    WireUse("relay", "gpio:6", name="Blinds", place=2),
)


def broken(role, place=0):
    (wire,) = (wire for wire in WIRED if (wire.role, wire.place) == (role, place))
    return replace(wire, error="The line is gone.")


def wired_room(**more):
    return with_devices(RoomState("r", "Ada", Boot("b"), wired=WIRED, **more), NOW)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def faults(room):
    return {row.id: (row.severity.value, row.since) for row in room.devices if row.diagnostic}


def test_every_wire_has_a_row_before_anybody_told_of_it():
    assert [(row.id, row.title, row.healthy, row.fault.value) for row in wired_room().devices] == [
        ("mute-button", "Mute button", None, "none"),
        ("motion-sensor", "Motion sensor", None, "none"),
        ("relay-1", "Relay (Lights)", None, "none"),
        ("relay-2", "Relay (Blinds)", None, "none"),
    ]


def test_a_wire_that_fails_matters_as_much_as_a_meeting_suffers():
    room = reduce(wired_room(), FixturesChanged((broken("motion sensor"), broken("relay", 2))), NOW)
    room = reduce(room, MediaReported(MediaReport(Boot("m"), wires=(broken("mute button"),))), at(1))
    assert faults(room) == {
        "mute-button": ("important", at(1)),
        "motion-sensor": ("warning", NOW),
        "relay-2": ("warning", NOW),
    }
    assert {row.remedy for row in room.devices if row.diagnostic} == {"The line is gone."}


def test_a_relay_that_works_is_in_use():
    told = tuple(replace(wire, open=True) for wire in WIRED[1:])
    room = reduce(wired_room(), FixturesChanged(told), NOW)
    assert {row.title: row.words for row in device_rows(room)} == {
        "Mute button": "not tried yet",
        "Motion sensor": "in use",
        "Relay (Lights)": "in use",
        "Relay (Blinds)": "in use",
    }


def test_a_wires_fault_outlives_media_and_keeps_the_moment_it_began():
    room = reduce(wired_room(), MediaReported(MediaReport(Boot("m"), wires=(broken("mute button"),))), NOW)
    room = reduce(room, MediaLost(), at(1))
    assert faults(room) == {"mute-button": ("important", NOW)}
    room = reduce(room, MediaReported(MediaReport(Boot("n"))), at(2))
    room = reduce(room, MediaReported(MediaReport(Boot("n"), wires=(broken("mute button"),))), at(3))
    assert faults(room) == {"mute-button": ("important", NOW)}
    room = reduce(room, MediaReported(MediaReport(Boot("n"), wires=(replace(WIRED[0], open=True),))), at(4))
    assert faults(room) == {}


def test_a_machine_without_a_socket_for_a_tv_has_no_row_for_one():
    assert device_table((), (), (), (), NOW, television=Television(since=NOW)) == ()


def test_a_tv_that_nobody_misses_is_not_there_all_the_same():
    room = reduce(wired_room(), TelevisionChanged(Television("HDMI-A-1")), NOW)
    row = device_rows(room)[0]
    assert (row.id, row.words, row.severity.value) == ("tv", "not there", "fine")


def test_a_row_keeps_id_and_moment_while_its_device_is_renumbered_and_tried_again():
    failing = used("", DeviceTry("v4l2:BRIO", ok=False, error="It sends no picture."))
    table = rows(uses=(failing,))
    for minute, seen in enumerate(((BRIO, C920), (replace(BRIO, id="usb:046d:085e:1@pci-2"), C920), (C920, BRIO)), 1):
        table = rows(seen, (failing,), table, at(minute))
        assert (table[0].diagnostic, table[0].since) == ("camera-1.failing", NOW)


STICK = Seen("share", id="usb:534d:2109", name="USB Video")
OTHER_STICK = Seen("share", id="usb:534d:2130", name="USB Video 2")


def sticks(*tries, open_uri=""):
    use = DeviceUse(DeviceKind.SHARE, open_uri or "v4l2:usb:534d:2109", open=bool(open_uri), tries=tries)
    room = RoomState("r", "Ada", Boot("b"), expected=EXPECTED, seen=(BRIO, C920, STICK, OTHER_STICK))
    room = reduce(room, MediaReported(MediaReport(Boot("m"), devices=(use,))), NOW)
    return [(row.words, row.severity.value) for row in device_rows(room) if row.title.startswith("Share")]


def test_an_hdmi_input_that_is_used_because_none_is_named_is_told_as_used():
    assert sticks() == [("ready", "fine"), ("ready", "fine")]
    assert sticks(open_uri="v4l2:usb:534d:2130") == [("ready", "fine"), ("in use", "fine")]
    broken = DeviceTry("v4l2:usb:534d:2109", ok=False, error="It sends nothing.")
    assert sticks(broken) == [("does not work", "warning"), ("ready", "fine")]


def test_an_hdmi_input_beside_one_that_is_named_is_not_in_use():
    (named, spare) = device_table((Expected("share", "v4l2:x"),), (STICK,), (), (), NOW)
    assert (named.chosen, spare.chosen, spare.uri) == (True, False, "")
