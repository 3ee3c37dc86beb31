"""What is told as a problem, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.state.devices import Device, DeviceKind, DeviceUse, Fault, Severity
from appliance.state.problems import problems
from appliance.state.room import Agenda, Boot, Call, Face, Limits, Phase, RoomState, Senses, ServiceHealth
from appliance.state.sound import Hearing, SoundHint

NOW = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)
DEVICES = tuple(DeviceUse(kind, open=True) for kind in DeviceKind)
WELL = RoomState(
    "r",
    "Ada",
    Boot("b"),
    agenda=Agenda(fetched_at=NOW),
    senses=Senses(connected=True, devices=DEVICES),
    face=Face(connected=True, lit=True),
    services=(ServiceHealth("mqtt", ok=True),),
)


def told(**changes):
    return [(problem.what, problem.help) for problem in problems(replace(WELL, **changes), NOW)]


def test_pictures_that_are_held_back_say_how_far_and_why():
    limits = Limits(15, 180, 9, "the machine is hot (84 °C)")
    ((what, why),) = told(senses=replace(WELL.senses, limits=limits))
    assert what == "Pictures are held back"
    assert why.startswith("At most 15 a second, 180 lines high, 9 on the TV, because the machine is hot (84 °C). Sound")
    only_fewer = Limits(15, why="drawing on the TV takes too long")
    assert told(senses=replace(WELL.senses, limits=only_fewer))[0][1].startswith("At most 15 a second, because drawing")


def test_a_room_that_is_well_has_none():
    assert told() == []
    assert told(call=Call(Phase.LIVE)) == []


def test_a_broken_device_is_told_with_its_remedy_and_what_hurts_most_first():
    spare = Device("camera-2", "camera", fault=Fault.MISSING, severity=Severity.WARNING, remedy="Plug it in.")
    mic = Device(
        "microphone-1",
        "microphone",
        name="Array",
        fault=Fault.FAILING,
        severity=Severity.IMPORTANT,
        remedy="Another program uses it.",
    )
    well = Device("camera-1", "camera", healthy=True)
    assert told(devices=(well, spare, mic)) == [
        ("Microphone (Array)", "Another program uses it."),
        ("Camera", "Plug it in."),
    ]


def test_lost_programs_and_a_dark_tv_are_told():
    assert [what for what, _ in told(senses=Senses(), face=Face())] == [
        "Sound and picture are restarting",
        "The TV program is restarting",
    ]
    assert told(face=Face(connected=True, error="No cable.")) == [("The TV shows no picture", "No cable.")]
    assert told(face=Face(connected=True))[0][1] == "Check its power, its cable and its input."


def test_an_old_calendar_is_told_with_its_age_and_the_reason_once():
    agenda = Agenda(fetched_at=NOW - timedelta(minutes=12), error="calendar.example does not answer.")
    edge = ServiceHealth("calendar", ok=False, detail="calendar.example does not answer.")
    expected = [("The calendar is 12 minutes old", "calendar.example does not answer.")]
    assert told(agenda=agenda, services=(edge,)) == expected


def test_a_calendar_that_nobody_read_for_long_is_told_without_an_error():
    assert told(agenda=Agenda(fetched_at=NOW - timedelta(minutes=14))) == []
    assert told(agenda=Agenda(fetched_at=NOW - timedelta(hours=3)))[0][0] == "The calendar is 3 hours old"
    assert told(agenda=Agenda(error="No such file."))[0] == ("The calendar could not be read", "No such file.")


def test_events_that_were_left_out_are_told():
    agenda = Agenda(fetched_at=NOW, warning="1 event has no start.")
    assert told(agenda=agenda) == [("Some events were left out", "1 event has no start.")]


def test_a_failing_service_is_told_in_clean_words():
    service = ServiceHealth("mqtt", ok=False, detail="broker\x1b refuses\nus")
    assert told(services=(service,)) == [("Mqtt", "broker refuses us")]


def test_what_the_microphones_make_out_is_told():
    hearing = Hearing(hints=(SoundHint.CLIPPING, SoundHint.MUTED_SPEECH), why="the echo is only ducked")
    assert told(senses=replace(WELL.senses, hearing=hearing)) == [
        ("The microphone is overdriven", "Turn its gain down, or move it away from who talks."),
        ("The room's sound is not cleaned", "the echo is only ducked"),
    ]
