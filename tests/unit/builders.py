"""Small worlds for tests: a room, a meeting, a report, each with just what the test is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.desired import Desired
from appliance.dispatch import Context
from appliance.state.layout import PersonId
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Boot,
    Call,
    Controls,
    Entry,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
)
from appliance.state.touch import Mark, Touch
from appliance.state.wishes import Applied, CallWish, MediaReport

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPEN = Controls(mic_muted=False, camera_off=False)
URL = "https://meet.example.org/weekly#secret"


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def meeting(key="weekly", start=NOON, length=30, auto=AutoJoin.YES, **more) -> Meeting:
    return Meeting(
        MeetingKey(key), more.pop("title", key.title()), start, start + minutes(length), auto_join=auto, **more
    )


def room(*meetings: Meeting, **more) -> RoomState:
    return replace(RoomState("r1", "Aquarium", Boot("b1"), agenda=Agenda(meetings, NOON)), **more)


def people(*names: str) -> tuple[Participant, ...]:
    return tuple(Participant(PersonId(name), name.title(), camera_on=True) for name in names)


def wish(key="weekly") -> CallWish:
    return CallWish(MeetingKey(key), key.title(), URL)


def report(phase=Phase.LIVE, key="weekly", controls=OPEN, wanted=None, rev=1, **call) -> MediaReport:
    return MediaReport(
        Boot("m1"),
        Applied(Boot("b1"), rev),
        Call(phase, MeetingKey(key) if key else None, since=NOON, **call),
        wanted=wanted,
        controls=controls,
        touch=Touch(Mark("m1", 0), controls.mic_muted),
    )


def context(state: RoomState, desired: Desired | None = None, links=None, entry=None, now=NOON) -> Context:
    found = {m.key: URL for m in state.agenda.meetings} if links is None else links
    return Context(state, desired or Desired(), found, entry or Entry(mic_muted=False, camera_off=False), now)
