"""Rooms, people and a link for the panel's tests."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from appliance.state.commands import Ack
from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.latest import Latest
from appliance.state.layout import PersonId
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Boot,
    Call,
    Controls,
    Countdown,
    Entry,
    Face,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
    Senses,
)
from appliance.state.wishes import Meters
from display.panel.app import PanelApp

NOW = datetime(2026, 11, 23, 14, 52, 18, tzinfo=timezone(timedelta(hours=1)))
SIZES = [(40, 15), (80, 24), (100, 30)]


def meeting(key, minutes=10, **more):
    start = NOW + timedelta(minutes=minutes)
    more.setdefault("auto_join", AutoJoin.YES)
    more.setdefault("title", f"Meeting {key}")
    return Meeting(MeetingKey(key), start=start, end=start + timedelta(minutes=30), **more)


IDLE = RoomState(
    "room-1",
    "Ada Lovelace",
    Boot("b"),
    agenda=Agenda((meeting("a"), meeting("b", 70)), NOW),
    controls=Controls(mic_muted=False, camera_off=False, volume=60),
    entry=Entry(mic_muted=False, camera_off=False),
    senses=Senses(
        connected=True,
        mic_muted=False,
        camera_off=False,
        devices=tuple(DeviceUse(kind, open=True) for kind in DeviceKind),
    ),
    face=Face(connected=True, lit=True),
)
COUNTING = replace(IDLE, countdown=Countdown(MeetingKey("a"), "Meeting a", NOW, NOW + timedelta(seconds=42)))


def live(*names, speakers=(), **more):
    folk = tuple(Participant(PersonId(str(place)), name) for place, name in enumerate(names))
    spoken = tuple(PersonId(speaker) for speaker in speakers)
    return replace(IDLE, call=Call(Phase.LIVE, MeetingKey("a"), "Meeting a", NOW, folk, spoken), **more)


class ScriptedRoom:
    """A room that shows what it is told to, notes what it is asked, and answers as it is told to."""

    def __init__(self, state=None, *, connected=True):
        self.connected = connected
        self.trouble = ""
        self.connection_changes = Latest()
        self.states_ = Latest()
        self.meters_ = Latest()
        self.sent = []
        self.answer = Ack()
        if state is not None:
            self.put(state)

    def put(self, state):
        self.states_.put(state)

    def connect(self, connected):
        self.connected = connected
        self.connection_changes.put(connected)

    def hear(self, level):
        self.meters_.put(Meters(level))

    def states(self):
        return self.states_.values()

    def meters(self):
        return self.meters_.values()

    async def send(self, command):
        self.sent.append(command)
        return self.answer


class Clock:
    """A hand-moved monotonic clock."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


def panel(room, **more):
    more.setdefault("now", lambda: NOW)
    more.setdefault("clock", Clock())
    return PanelApp(room, room, **more)


def text_of(app):
    """Everything on the screen, as a person reads it."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)
