"""What a room does for a console's jobs; and that none of it opens a microphone, a camera, or anybody's business."""

import asyncio
import gzip
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import deeds as deeds_module
from appliance.collecting import NoLogs, logs
from appliance.deeds import BUSY, PICTURED, TESTED, Deeds
from appliance.desired import Desired, Preset, adopt
from appliance.dispatch import Context, judge
from appliance.pictures import NoPicture, discreet, picture_of
from appliance.restarting import Nobody, NotPossible, SalonUp, Systemd, supervisor
from appliance.settings import parse
from appliance.state.commands import Ack, JoinMeeting, JoinUrl, Leave, Origin, SetCameraOff, SetMicMuted
from appliance.state.devices import Device, Fault
from appliance.state.layout import PersonId
from appliance.state.outcomes import NO_MEDIA
from appliance.state.room import (
    Agenda,
    Boot,
    Call,
    Controls,
    Countdown,
    Entry,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
    Senses,
    Wanted,
)
from appliance.state.selftest import SelfTest, Tone, findings_of
from appliance.state.wire import to_json
from appliance.telemetry.protocol.orders import Job, JobKind
from appliance.telemetry.protocol.records import Happening

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = MeetingKey("uid-1")
MEETING = Meeting(KEY, "Secret merger", NOW, NOW + timedelta(hours=1), organizer="Boss Secretname")
ROOM = RoomState("7f3c9a52-room", "Blue room", Boot("b"), now=NOW, agenda=Agenda((MEETING,), NOW))


class House:
    """A room that does what it is told, and remembers."""

    def __init__(self, room=ROOM, ack=None, screenshots="interface"):
        self.room, self.ack = room, ack or Ack()
        self.asked, self.shown, self.noted, self.supervised = [], [], [], []
        self.tests, self.found = 0, HEARD
        self.deeds = Deeds(
            command=self.command,
            room=lambda: self.room,
            states=self.states,
            test=self.test,
            show=self.show,
            note=self.noted.append,
            supervisor=SimpleNamespace(restart=self.supervise, reboot=self.supervise),
            logs=self.logs,
            picture=self.picture,
            screenshots=screenshots,
        ).all()

    async def command(self, command, origin):
        self.asked.append((command, origin))
        return self.ack

    def test(self):
        """Have media answer, or die over it."""
        self.tests += 1
        answered = Senses() if self.found is None else replace(self.room.senses, self_test=replace(self.found, asked=7))
        self.room = replace(self.room, senses=answered)
        return 7

    async def states(self):
        yield self.room

    def show(self, text):
        self.shown.append(text)
        self.room = replace(self.room, notice=text)

    async def supervise(self):
        self.supervised.append(True)

    async def logs(self):
        return b"packed"

    async def picture(self, room, what):
        self.pictured = what
        return b"png"

    def do(self, kind, **args):
        return asyncio.run(self.deeds[kind](Job("j", kind, 0, args=args)))


def test_join_and_leave_are_asked_for_from_afar():
    house = House()
    assert house.do(JobKind.JOIN, key="uid-1").ok
    assert house.do(JobKind.JOIN).ok
    assert house.do(JobKind.LEAVE).ok
    assert house.asked == [
        (JoinMeeting(KEY), Origin.REMOTE),
        (JoinMeeting(None), Origin.REMOTE),
        (Leave(), Origin.REMOTE),
    ]


def test_what_the_room_refuses_is_a_job_that_failed_with_its_reason():
    done = House(ack=Ack.refused("The room is in another call.")).do(JobKind.JOIN)
    assert (done.ok, done.detail) == (False, "The room is in another call.")


def test_a_room_that_is_looked_for_says_its_name_for_a_while(monkeypatch):
    monkeypatch.setattr(deeds_module, "IDENTIFY_S", 0.01)
    house = House()
    assert house.do(JobKind.IDENTIFY).ok
    assert house.shown == ["This is Blue room, room 7f3c9a52.", ""]


HEARD = SelfTest(tone=Tone(-41.0, -80.0, heard=True))
IDLE = replace(ROOM, senses=Senses(connected=True))


@pytest.mark.parametrize(
    ("found", "fault", "ok"),
    [
        (HEARD, Fault.NONE, True),
        (HEARD, Fault.MISSING, False),
        (SelfTest(tone=Tone(-90.0, -91.0, heard=False)), Fault.NONE, False),
        (SelfTest(why="the room's mute switch is on."), Fault.NONE, False),
    ],
)
def test_a_self_test_tells_how_devices_sound_and_pictures_do_and_people_in_the_room_of_it(found, fault, ok):
    camera = Device("camera-1", "camera", "v4l2:", "Desk camera", expected=True, fault=fault)
    house = House(replace(IDLE, devices=(camera,)))
    house.found = found
    done = house.do(JobKind.SELFTEST)
    assert done.ok is ok
    assert findings_of(found)[1] in done.detail
    assert ("Not well: Camera (Desk camera)" in done.detail) is (fault is Fault.MISSING)
    assert house.shown == [TESTED, ""]
    assert house.asked == []  # nothing that anybody could unmute by


@pytest.mark.parametrize(
    "busy",
    [
        replace(IDLE, wanted=Wanted(KEY, "Secret merger")),
        replace(IDLE, countdown=Countdown(KEY, "Secret merger", NOW, NOW)),
        replace(IDLE, call=Call(Phase.LIVE, KEY)),
    ],
)
def test_while_anybody_meets_no_device_is_tested(busy):
    house = House(busy)
    done = house.do(JobKind.SELFTEST)
    assert (done.ok, done.detail) == (False, BUSY)
    assert (house.tests, house.shown) == (0, [])


def test_a_self_test_ends_when_media_dies_over_it():
    house = House(IDLE)
    house.found = None
    done = house.do(JobKind.SELFTEST)
    assert (done.ok, done.detail) == (False, NO_MEDIA)
    assert house.shown == [TESTED, ""]
    assert House(ROOM).do(JobKind.SELFTEST).detail == NO_MEDIA


def test_a_restart_that_does_not_come_is_a_failure(monkeypatch):
    monkeypatch.setattr(deeds_module, "_GOING_S", 0.01)
    house = House()
    assert not house.do(JobKind.RESTART).ok
    assert not house.do(JobKind.REBOOT).ok
    assert house.supervised == [True, True]


@pytest.mark.parametrize(
    ("agreed", "wanted", "ok"),
    [
        ("none", "interface", False),
        ("interface", "interface", True),
        ("interface", "picture", False),
        ("picture", "picture", True),
        ("none", "picture", False),
    ],
)
def test_a_screenshot_shows_no_more_than_the_room_agrees_to_and_is_told_in_the_room(agreed, wanted, ok):
    house = House(screenshots=agreed)
    done = house.do(JobKind.SCREENSHOT, what=wanted)
    assert done.ok is ok
    assert house.shown == [PICTURED] * ok
    assert [type(note) for note in house.noted] == [Happening] * ok
    assert [file.media_type for file in done.files] == ["image/png"] * ok


def test_the_interface_alone_holds_nobodys_name_and_no_title():
    people = (Participant(PersonId("p1"), "Zoë Secretname"),)
    room = replace(
        ROOM,
        call=Call(Phase.LIVE, KEY, "Secret merger", participants=people, reason="secret words"),
        countdown=Countdown(KEY, "Secret merger", NOW, NOW),
        notice="secret notice",
    )
    text = str(to_json(discreet(room))).lower()
    assert "secret" not in text
    assert "blue room" in text


async def test_the_interface_is_drawn_by_a_program_of_its_own():
    drawn = await picture_of(ROOM, "interface", parse("", where="the test"), "UTC")
    assert drawn.startswith(b"\x89PNG")


async def test_a_picture_that_nobody_keeps_is_none():
    with pytest.raises(NoPicture, match="set display"):
        await picture_of(ROOM, "picture", parse("", where="the test"), "UTC")


async def test_logs_go_packed_and_without_secrets(tmp_path):
    (tmp_path / "media.log").write_text("joining wss://ada:pa55@meet.example.org/room?token=t0ken\n")
    packed = await logs((tmp_path,), journal=False)
    text = gzip.decompress(packed).decode()
    assert "media.log" in text
    assert "wss://meet.example.org/…" in text
    assert "t0ken" not in text
    assert "pa55" not in text


async def test_of_long_logs_the_newest_goes(tmp_path):
    (tmp_path / "daemon.log").write_text("old\n" + "x" * 600_000 + "\nnewest\n")
    text = gzip.decompress(await logs((tmp_path,), journal=False)).decode()
    assert text.endswith("newest\n")
    assert "old" not in text


async def test_no_logs_are_said_to_be_none(tmp_path):
    with pytest.raises(NoLogs, match="There are no logs"):
        await logs((tmp_path,), journal=False)


def test_who_runs_the_room_can_start_it_anew():
    assert isinstance(supervisor({"SALON_PARENT": "7"}, installed=True), SalonUp)
    assert isinstance(supervisor({"INVOCATION_ID": "x"}, installed=True), Systemd)
    assert isinstance(supervisor({}, installed=True), Nobody)
    assert isinstance(supervisor({"INVOCATION_ID": "x"}, installed=False), Nobody)


async def test_salon_up_is_asked_by_a_signal_and_reboots_nobodys_machine():
    got = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
    await SalonUp(os.getpid()).restart()
    await asyncio.wait_for(got.wait(), 5)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
    with pytest.raises(NotPossible):
        await SalonUp(os.getpid()).reboot()
    with pytest.raises(NotPossible):
        await Nobody().restart()


COMMANDS = st.one_of(
    st.just(JoinMeeting(KEY)),
    st.just(JoinMeeting()),
    st.just(JoinUrl("https://meet.example.org/x")),
    st.just(Leave()),
    st.builds(SetMicMuted, st.booleans()),
    st.builds(SetCameraOff, st.booleans()),
)
PRESETS = st.none() | st.builds(Preset, st.booleans(), st.just(NOW))


@given(
    commands=st.lists(COMMANDS, min_size=1, max_size=6),
    origin=st.sampled_from([Origin.REMOTE, Origin.CLI]),
    entry=st.builds(Entry, st.booleans(), st.booleans()),
    mic=PRESETS,
    camera=PRESETS,
)
def test_whatever_is_asked_from_afar_opens_neither_microphone_nor_camera(commands, origin, entry, mic, camera):
    """Also where somebody had opened them for the next call, and where the room's settings enter with both on."""
    begun = Desired(controls=Controls(mic_muted=True, camera_off=True), mic_preset=mic, camera_preset=camera)
    desired = begun
    for command in commands:
        _, desired = judge(command, origin, Context(ROOM, desired, {KEY: "https://x/y"}, entry, NOW))
        assert desired.controls.mic_muted
        assert desired.controls.camera_off
    # nor after a restart of the daemon in between
    again = adopt(desired, None, NOW)
    assert again.controls == desired.controls


@given(
    entry=st.builds(Entry, st.booleans(), st.booleans()),
    controls=st.builds(Controls, st.booleans(), st.booleans()),
    mic=PRESETS,
    camera=PRESETS,
    key=st.sampled_from(["", "uid-1"]),
)
def test_a_join_by_a_job_enters_with_both_closed(entry, controls, mic, camera, key):
    """Through the job's own deed and the dispatcher's judgement, whatever stood before."""
    wills = []

    async def command(wish, origin):
        before = Desired(controls=controls, mic_preset=mic, camera_preset=camera)
        ack, after = judge(wish, origin, Context(ROOM, before, {KEY: "https://x/y"}, entry, NOW))
        wills.append(after)
        return ack

    house = House()
    house.command = command
    deeds = Deeds(
        command=command,
        room=lambda: ROOM,
        states=house.states,
        test=house.test,
        show=house.show,
        note=house.noted.append,
        supervisor=Nobody(),
        logs=house.logs,
        picture=house.picture,
        screenshots="interface",
    ).all()
    done = asyncio.run(deeds[JobKind.JOIN](Job("j", JobKind.JOIN, 0, args={"key": key} if key else {})))
    assert done.ok
    assert wills[0].call is not None
    assert wills[0].controls.mic_muted
    assert wills[0].controls.camera_off


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Have this script stand for systemctl; what it is asked for is in the file beside it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def stand_in(script):
        path = tmp_path / "systemctl"
        path.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n{script}\n')
        path.chmod(0o755)
        return tmp_path / "asked"

    return stand_in


async def test_systemd_starts_anew_what_runs_and_nothing_that_somebody_stopped(systemctl):
    asked = systemctl("exit 0")
    await Systemd().restart()
    units = "salon-media.service salon-display.service salon-panel.service salon-daemon.service"
    assert asked.read_text() == f"--no-block try-restart {units}\n"


async def test_what_systemd_refuses_is_told_with_a_remedy(systemctl):
    systemctl("echo Interactive authentication required. >&2; exit 1")
    with pytest.raises(NotPossible, match=r"Interactive authentication required.*polkitd"):
        await Systemd().reboot()


async def test_a_restart_that_ends_whoever_asked_for_it_is_no_refusal(systemctl):
    """systemd ends all processes of the daemon's unit, systemctl among them, and that one may be first."""
    systemctl("kill -TERM $$")
    await Systemd().restart()
