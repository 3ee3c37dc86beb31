"""The examples in docs/mqtt.md are what the code says, word for word."""

import json
import re
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

from appliance.plugged import expected_wires
from appliance.settings import parse
from appliance.state.commands import Ack
from appliance.state.devices import Fault, Severity, device_table
from appliance.state.room import Agenda, Face, Limits, Senses
from appliance.state.sound import Hearing, SoundHint
from appliance.state.television import Television
from appliance.state.wishes import StreamStats
from appliance.telemetry.calls import REMOTE_COMMANDS, CallDesk, Journal
from appliance.telemetry.issues import issues_of
from appliance.telemetry.protocol.codec import decode_call, encode_call
from appliance.telemetry.protocol.payloads import (
    Call,
    CallAck,
    ClockSync,
    DeviceHealth,
    DeviceInfo,
    Event,
    Gauges,
    Health,
    Info,
    Issue,
    ScreenInfo,
    Stamp,
    State,
    StreamSum,
)
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.report import Machine
from appliance.telemetry.reporter import Readings, Reporter

PAGE = Path(__file__).resolve().parents[3] / "docs/mqtt.md"
TOPICS = Topics("home", "room-1")
FENCE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
READINGS = Readings(
    Gauges(0.03, 0.12, 3790, 2914, 48.2, 21840, 86400),
    "192.0.2.17",
    ClockSync.YES,
    (
        StreamStats("p1", "video", "in", fps=30.0, kbps=911.4, lost=3, loss=0.0143, jitter_ms=4.2, decode_ms=0.6),
        StreamStats("p2", "video", "in", fps=29.0, kbps=402.0, freezes=1, longest_gap_ms=240, decode_ms=0.4),
        StreamStats("", "video", "out", fps=30.0, kbps=1480.2, loss=0.01, rtt_ms=31.4),
    ),
)


async def examples(room, monkeypatch):
    """Return a room's messages in the page's order."""
    monkeypatch.setattr("time.clock_gettime", lambda _clock: 86400.5)
    machine = Machine("0.1.0", "Raspberry Pi 5 Model B Rev 1.0", "Debian GNU/Linux 12 (bookworm)")
    reporter = Reporter(TOPICS, boot="5f0c9a7e", machine=machine, now=lambda: room.now, numbers=count(1))
    state, info, _ = reporter.report(room, READINGS, bd=1790000001)
    closed = replace(room.senses, devices=(replace(room.senses.devices[0], open=False), room.senses.devices[1]))
    broken = replace(
        room.devices[0],
        fault=Fault.FAILING,
        severity=Severity.IMPORTANT,
        chosen=False,
        remedy="The camera sends no picture: check its cable and that no other program uses it.",
    )
    sick = replace(room, senses=closed, devices=(broken, room.devices[1]))
    (health,) = (message for message in reporter.report(sick, READINGS, bd=1790000001) if "health" in message.topic)
    call = encode_call(Call("console-7c1e", "mute", int(room.now.timestamp() * 1000) + 30_000))
    ack = reporter.ack(await answer(room, call))
    refused = reporter.ack(await answer(room, call.replace(b'"mute"', b'"unmute"').replace(b"7c1e", b"7c1f")))
    will = reporter.will(1790000001)
    return [message.payload for message in (state, will, info, health)] + [call, ack.payload, refused.payload]


async def answer(room, payload):
    async def dispatch(command, origin):
        return Ack()

    async def keep(journal):
        assert isinstance(journal, Journal)

    return await CallDesk(dispatch=dispatch, rebirth=lambda: None, now=lambda: room.now, keep=keep).take(payload)


async def test_the_examples_are_what_the_room_says(room, monkeypatch):
    said = [json.loads(payload) for payload in await examples(room, monkeypatch)]
    shown = [json.loads(block) for block in FENCE.findall(PAGE.read_text())]
    assert shown == said


def test_the_page_names_every_topic_and_every_command():
    page = PAGE.read_text()
    for topic in (TOPICS.state, TOPICS.info, TOPICS.health, TOPICS.event, TOPICS.call):
        assert topic.replace("/home/room-1/", "/<org>/<room>/") in page
    for command in REMOTE_COMMANDS:
        assert f"`{command}`" in page


def test_the_page_names_every_trouble_and_every_place(room):
    """A room in which everything is wrong that can be."""
    settings = parse(
        """
        camera.ptz = "sim:head"
        wires = { mute_button = "mock:a", mute_line = "mock:b", mute_light = ["mock:c?active_low=1&pull=down"], \
                  call_light = "mock:d", motion = "mock:e", relays = [{ name = "Lights", pin = "mock:f" }] }
        """,
        where="the test",
    )
    wires = tuple(replace(wire, error="It is gone.") for wire in expected_wires(settings))
    devices = device_table((), (), (), (), room.now, wires=wires, television=Television("HDMI-A-1", trouble="lost"))
    hearing = Hearing(hints=(SoundHint.CLIPPING, SoundHint.HEARS_NOTHING), why="no program library")
    senses = Senses(connected=False, hearing=hearing, limits=Limits(15, why="it is hot"))
    sick = replace(room, devices=devices, senses=senses, agenda=Agenda(error="It is gone."))
    ids = {issue.id for state in (replace(sick, face=Face()), sick, dark(sick)) for issue in issues_of(state)}
    named = set(re.findall(r"`([a-z_-]+[.][a-z_<>.-]+|[a-z]+(?:-[a-z1]+)*)`", PAGE.read_text()))
    places = {match[1] for name in ids if (match := re.fullmatch(r"device[.](.+)[.](?:missing|failing)", name))}
    assert len(places) == 8
    assert places <= named
    assert {name for name in ids if not name.startswith("device.")} <= named


def dark(room):
    return replace(room, face=replace(room.face, lit=False))


def test_the_page_explains_every_key_that_is_published(room):
    """The examples show each key; what is not plain by its name stands in the text."""
    kinds = (Stamp, State, Info, DeviceInfo, ScreenInfo, Health, Gauges, DeviceHealth, StreamSum, Issue, Event, CallAck)
    keys = {field.name for kind in kinds for field in fields(kind)}
    shown = set(re.findall(r'"([a-z0-9_]+)":', "".join(FENCE.findall(PAGE.read_text()))))
    assert keys <= shown


def test_the_call_on_the_page_can_be_sent():
    calls = [block for block in FENCE.findall(PAGE.read_text()) if '"cmd"' in block and '"expires"' in block]
    assert [decode_call(block.encode()).cmd for block in calls] == ["mute"]
