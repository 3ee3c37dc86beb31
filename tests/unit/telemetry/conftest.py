"""A room in a call, with everything a stranger must not learn in it."""

from datetime import UTC, datetime

import pytest

from appliance.state.devices import Device, DeviceKind, DeviceUse
from appliance.state.layout import PersonId
from appliance.state.room import (
    Agenda,
    Boot,
    Call,
    Face,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
    Senses,
    ServiceHealth,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def room():
    """A healthy room in a call."""
    people = (Participant(PersonId("p1"), "Zoë Secretname"), Participant(PersonId("p2"), "Yan Secretname"))
    meeting = Meeting(MeetingKey("uid-1"), "Secret merger", NOW, NOW, organizer="Boss Secretname")
    devices = (
        DeviceUse(DeviceKind.CAMERA, "file:/home/secret/clip.mp4", "Clip", open=True, simulated=True),
        DeviceUse(DeviceKind.MICROPHONE, "pipewire:", "Array", open=True),
    )
    return RoomState(
        "room-1",
        "Blue room",
        Boot("boot-1"),
        now=NOW,
        agenda=Agenda((meeting,), NOW),
        call=Call(Phase.LIVE, MeetingKey("uid-1"), "Secret merger", participants=people, reason="secret words"),
        senses=Senses(connected=True, mic_muted=False, camera_off=False, devices=devices),
        devices=(
            Device("camera-1", "camera", "file:/home/secret/clip.mp4", "Clip", chosen=True, healthy=True),
            Device("microphone-1", "microphone", "pipewire:", "Array", present=True, chosen=True, healthy=True),
        ),
        face=Face(connected=True, screen="sdl:", width=1920, height=1080, lit=True),
        services=(ServiceHealth("calendar", ok=True),),
        notice="secret notice",
    )
