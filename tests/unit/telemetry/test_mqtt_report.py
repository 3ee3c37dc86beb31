from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from appliance.state.devices import Device, Fault, WireUse
from appliance.state.devices import Severity as Consequence
from appliance.state.reducer import with_devices
from appliance.state.room import Agenda, Face, Limits, Senses, ServiceHealth
from appliance.state.sound import Hearing, SoundHint
from appliance.state.wishes import StreamStats
from appliance.telemetry.issues import issues_of
from appliance.telemetry.protocol.codec import decode
from appliance.telemetry.protocol.payloads import (
    CallPhase,
    ClockSync,
    DeviceHealth,
    DeviceInfo,
    Gauges,
    Health,
    Info,
    ScreenInfo,
    Severity,
    State,
    StreamSum,
)
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.report import Machine, health_of, info_of, said
from appliance.telemetry.reporter import Readings, Reporter

TOPICS = Topics("home", "room-1")


def reporter(now):
    return Reporter(TOPICS, boot="boot-1", machine=Machine("0.1", "Pi"), now=lambda: now, numbers=count(1))


def leaves(messages):
    return [message.topic.rsplit("/", 1)[1] for message in messages]


def test_a_healthy_room_has_no_issues(room):
    assert issues_of(room) == ()


def test_each_trouble_is_an_issue_with_a_remedy(room):
    bad = Device("camera-1", "camera", "v4l2:", fault=Fault.FAILING, severity=Consequence.IMPORTANT, remedy="Look.")
    gone = replace(bad, id="camera-2", fault=Fault.MISSING, severity=Consequence.WARNING, since=room.now)
    ill = replace(
        room,
        senses=Senses(connected=False),
        devices=(bad, gone),
        face=Face(connected=False),
        agenda=Agenda((), room.now - timedelta(minutes=9), "The server says 500."),
        services=(ServiceHealth("hub", ok=False, detail="Port 7880 is taken."), ServiceHealth("mqtt", ok=True)),
    )
    issues = issues_of(ill)
    assert [issue.id for issue in issues] == [
        "calendar.stale",
        "device.camera-1.failing",
        "device.camera-2.missing",
        "display.lost",
        "media.lost",
        "service.hub",
    ]
    assert all(issue.text and issue.remedy and issue.since for issue in issues)
    assert [issue.severity for issue in issues[1:3]] == ["error", "warning"]
    assert issues[2].since == int(room.now.timestamp() * 1000)
    assert issues[0].since == int((room.now - timedelta(minutes=9)).timestamp() * 1000)
    assert issues[0].severity is Severity.WARNING
    assert issues[1].text == "Camera is not working."


def test_a_machine_that_cannot_show_everybody_in_full_is_an_issue(room):
    limits = Limits(15, 180, 9, "the machine is hot (84 °C)")
    (issue,) = issues_of(replace(room, senses=replace(room.senses, limits=limits)))
    assert (issue.id, issue.severity) == ("media.held_back", Severity.WARNING)
    assert issue.text == "At most 15 pictures a second, 180 lines, 9 tiles: the machine is hot (84 °C)."


def test_what_the_microphones_make_out_is_an_issue_but_not_who_talks_while_muted(room):
    hearing = Hearing(tuple(SoundHint), why="there is no echo cancellation")
    issues = issues_of(replace(room, senses=replace(room.senses, hearing=hearing)))
    assert [issue.id for issue in issues] == ["sound.clipping", "sound.hears_nothing", "sound.not_cleaned"]
    assert issues[2].text == "The room's sound is not cleaned: there is no echo cancellation."


def test_a_dark_screen_and_an_old_calendar_are_issues_without_an_error(room):
    ill = replace(
        room, face=replace(room.face, lit=False), agenda=replace(room.agenda, fetched_at=room.now - timedelta(hours=2))
    )
    assert [issue.id for issue in issues_of(ill)] == ["calendar.stale", "display.dark"]


def test_an_issue_keeps_the_moment_it_began(room):
    ill = replace(room, face=Face())
    later = replace(ill, now=room.now + timedelta(minutes=5))
    assert issues_of(later, issues_of(ill)) == issues_of(ill)


def test_health_counts_people_and_sums_streams(room):
    streams = (
        StreamStats("p1", "video", "in", kbps=100.04, lost=1, dropped=2, fps=30, freezes=1, longest_gap_ms=400),
        StreamStats("p2", "video", "in", kbps=50, lost=3, fps=25, freezes=2, longest_gap_ms=300, decode_ms=1.5),
        StreamStats("", "audio", "out", kbps=30, loss=0.02, rtt_ms=48.7),
    )
    health = health_of(room, Gauges(cpu=0.5), (), streams=streams, calls_refused=4)
    assert (health.phase, health.participants, health.calls_refused) == (CallPhase.LIVE, 2, 4)
    assert health.streams == (
        StreamSum("audio", "out", 1, 30.0, 0, 0, loss=0.02, rtt_ms=48.7),
        StreamSum("video", "in", 2, 150.0, 4, 2, fps=27.5, freezes=3, longest_gap_ms=400, decode_ms=0.75),
    )
    assert health.devices == (
        DeviceHealth("camera", open=True, healthy=True, id="camera-1", chosen=True),
        DeviceHealth("microphone", open=True, healthy=True, id="microphone-1", present=True, chosen=True),
    )


def test_the_inventory_names_drivers_not_paths(room):
    info = info_of(room, machine=Machine(), commands=("leave",))
    assert info.devices[0] == DeviceInfo("camera", "Clip", "file", simulated=True)
    assert info.screen == ScreenInfo("sdl", 1920, 1080)


def test_nothing_secret_leaves_the_building(room):
    leaky = Device("speaker-1", "speaker", fault=Fault.FAILING, remedy="no rtsp://me:secret@cam/secret?key=1 !")
    sick = ServiceHealth("calendar", ok=False, detail="GET https://cal.example/secret.ics: 500")
    room = replace(room, devices=(*room.devices, leaky), services=(sick,))
    voice = reporter(room.now)
    said_aloud = b"".join(message.payload for message in voice.report(room, Readings(), bd=1)).decode()
    assert "Blue room" in said_aloud
    assert "no rtsp:…" in said_aloud
    for word in ("ecret", "Zoë", "uid-1"):
        assert word not in said_aloud


@pytest.mark.parametrize(
    ("uri", "error", "told"),
    [
        (
            "file:/home/secret/my secret clip.mp4",
            "there is no clip at /home/secret/my secret clip.mp4: put a video file there",
            "there is no clip at …: put a video file there",
        ),
        (
            "mock:mute?dir=/home/secret/pins",
            "mock:mute?dir=/home/secret/pins is used by another program",
            "mock:mute?dir=… is used by another program",
        ),
        ("v4l2:/dev/video0", "/dev/video0 is busy; see docs/hardware.md", "/dev/video0 is busy; see docs/hardware.md"),
    ],
)
def test_what_is_wrong_with_a_device_tells_no_file(room, uri, error, told):
    sick = Device("camera-2", "camera", uri, fault=Fault.FAILING, remedy=error)
    (issue,) = issues_of(replace(room, devices=(sick,)))
    assert issue.remedy == told


def test_a_wire_that_works_is_open(room):
    wires = (WireUse("mute button", "gpio:17", open=True),)
    relays = (WireUse("relay", "gpio:5", open=True, name="Lights", place=1),)
    wired = replace(room, senses=replace(room.senses, wires=wires), fixtures=relays)
    told = {device.id: device for device in health_of(with_devices(wired, room.now), Gauges(), ()).devices}
    assert told["mute-button"] == DeviceHealth("mute button", open=True, healthy=True, id="mute-button", chosen=True)
    assert told["relay-1"] == DeviceHealth("relay", open=True, healthy=True, id="relay-1", chosen=True)


def test_strangers_letters_do_not_break_the_limits(room):
    assert len(said("👩‍👩‍👧‍👦" * 500).encode()) <= 1000
    assert said("a\x00b\u202ec\n") == "abc"


def test_a_birth_says_everything_and_then_only_health_repeats(room):
    voice = reporter(room.now)
    assert voice.changed(room, bd=5, calls_refused=0)
    birth = voice.report(room, Readings(Gauges(cpu=0.1), ("192.0.2.7",), ClockSync.YES), bd=5)
    assert leaves(birth) == ["state", "info", "health"]
    assert [message.retain for message in birth] == [True, True, False]
    stamp, state = decode(State, birth[0].payload)
    assert (stamp.boot, stamp.seq, stamp.sync) == ("boot-1", 1, ClockSync.YES)
    assert (state.online, state.bd, state.ip, state.model, state.sw) == (True, 5, "192.0.2.7", "Pi", "0.1")
    assert not voice.changed(room, bd=5, calls_refused=0)
    assert leaves(voice.report(room, Readings(Gauges(cpu=0.9), ("192.0.2.7",)), bd=5)) == ["health"]


def test_the_passing_of_time_and_who_speaks_are_no_news(room):
    voice = reporter(room.now)
    voice.report(room, Readings(), bd=5)
    speaking = replace(room.call, speakers=(room.call.participants[0].id,))
    later = replace(room, rev=9, now=room.now + timedelta(minutes=1), call=speaking)
    assert not voice.changed(later, bd=5, calls_refused=0)
    assert voice.changed(replace(room, face=Face()), bd=5, calls_refused=0)
    assert voice.changed(room, bd=5, calls_refused=1)


def test_a_change_of_name_is_told_in_the_inventory_only(room):
    voice = reporter(room.now)
    voice.report(room, Readings(), bd=5)
    messages = voice.report(replace(room, name="Green room"), Readings(), bd=5)
    assert leaves(messages) == ["info", "health"]
    assert decode(Info, messages[0].payload)[1].name == "Green room"


def test_messages_are_numbered_without_gaps_across_topics(room):
    voice = reporter(room.now)
    messages = [voice.will(1), *voice.report(room, Readings(), bd=1), voice.goodbye(1)]
    kinds = [State, State, Info, Health, State]
    stamps = [decode(kind, message.payload)[0] for kind, message in zip(kinds, messages, strict=True)]
    assert [stamp.seq for stamp in stamps] == [1, 2, 3, 4, 5]
