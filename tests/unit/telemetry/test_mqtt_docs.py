"""The examples in docs/mqtt.md are what the code says, word for word."""

import dataclasses
import json
import re
import tomllib
from dataclasses import fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from pathlib import Path

import pytest

from appliance.plugged import expected_wires
from appliance.preflight import Obstacle, Probed, Server, judge
from appliance.settings import parse
from appliance.state.commands import Ack
from appliance.state.devices import Fault, Seen, device_table
from appliance.state.devices import Severity as Consequence
from appliance.state.preflight import Preflight
from appliance.state.room import Agenda, Face, Limits, Senses
from appliance.state.sound import Hearing, SoundHint
from appliance.state.television import Television
from appliance.state.wishes import StreamStats
from appliance.telemetry.calls import REMOTE_COMMANDS, CallDesk, Journal
from appliance.telemetry.issues import issues_of
from appliance.telemetry.protocol import payloads, records
from appliance.telemetry.protocol.codec import decode_call, encode_call
from appliance.telemetry.protocol.payloads import (
    Attached,
    Call,
    CallAck,
    CallPhase,
    ClockSync,
    DeviceHealth,
    DeviceInfo,
    Event,
    Gauges,
    Health,
    Info,
    Issue,
    Ready,
    ScreenInfo,
    Severity,
    Stamp,
    State,
    StreamSum,
)
from appliance.telemetry.protocol.records import (
    BatchAck,
    BatchHead,
    Began,
    Happening,
    Meeting,
    Outcome,
    Sample,
    Thinned,
    encode_ack,
    encode_batch,
    encode_content,
    kind_of,
)
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.report import Machine
from appliance.telemetry.reporter import Readings, Reporter

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/mqtt.md"
TOPICS = Topics("home", "room-1")
PREFLIGHT = Preflight(datetime(2026, 11, 22, 8, 55, tzinfo=UTC))
FENCE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
READINGS = Readings(
    Gauges(0.03, 0.12, 3790, 2914, 48.2, 21840, 86400),
    ("192.0.2.17", "2001:db8::17"),
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
    debian = "Debian GNU/Linux 12 (bookworm)"
    machine = Machine("0.1.0", "Raspberry Pi 5 Model B Rev 1.0", debian, "10c3a5e2f7b1", "6.6.31-v8+", "Europe/Berlin")
    reporter = Reporter(TOPICS, boot="5f0c9a7e", machine=machine, now=lambda: room.now, numbers=count(1))
    room = replace(room, seen=(Seen("camera", "", True, "usb:046d:085e:1A2B3C4D", "BRIO"),), preflight=PREFLIGHT)
    state, info, _ = reporter.report(room, READINGS, bd=1790000001)
    closed = replace(room.senses, devices=(replace(room.senses.devices[0], open=False), room.senses.devices[1]))
    broken = replace(
        room.devices[0],
        fault=Fault.FAILING,
        severity=Consequence.IMPORTANT,
        chosen=False,
        remedy="The camera sends no picture: check its cable and that no other program uses it.",
    )
    sick = replace(room, senses=closed, devices=(broken, room.devices[1]))
    (health,) = (message for message in reporter.report(sick, READINGS, bd=1790000001) if "health" in message.topic)
    call = encode_call(Call("console-7c1e", "mute", int(room.now.timestamp() * 1000) + 30_000))
    ack = reporter.ack(await answer(room, call))
    refused = reporter.ack(await answer(room, call.replace(b'"mute"', b'"unmute"').replace(b"7c1e", b"7c1f")))
    will = reporter.will(1790000001)
    records = [encode_batch(reporter.stamp(), BatchHead("2b7c41d0", 1795251600, 118, 121), batched())]
    records.append(encode_ack(BatchAck("2b7c41d0", 118, 121)))
    calls = [call, ack.payload, refused.payload]
    return [message.payload for message in (state, will, info, health)] + records + calls


def batched():
    """Return the records of the page's batch: one number is gone, and the last one tells of it."""
    at = 1795337000000
    contents = (
        Happening("issue.began", Severity.ERROR, "device.camera-1.missing", "Camera (BRIO) is not there."),
        Sample(30, CallPhase.LIVE, 2, 1, Severity.ERROR, False, True, 0.31, 2914, 61.2, 21840, 1313.4, 1480.2, 29.5),
        Meeting(
            "9f86d081884c7d65",
            Outcome.HELD,
            at - 3_600_000,
            at,
            at - 3_595_000,
            at - 20_000,
            Began.SCHEDULE,
            "livekit",
            4,
        ),
        Thinned(at - 86_400_000, at - 82_800_000, 118, 3600),
    )
    numbered = zip((118, 119, 120, 121), contents, strict=True)
    return tuple((n, at + n, 85000000 + n, "yes", kind_of(content), encode_content(content)) for n, content in numbered)


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


def test_the_page_names_every_command():
    page = PAGE.read_text()
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
    then = room.now.replace(year=2016)
    obstacles = (Obstacle("no"), Obstacle("no", untrusted=True))
    probed = (Probed(10, synchronised=False, server=Server("hub", 443, tls=True), obstacle=it) for it in obstacles)
    moments = (room.now, then)
    troubles = tuple(trouble for it in probed for at in moments for trouble in judge(it, at).troubles)
    preflight = Preflight(room.now, troubles)
    sick = replace(
        room,
        devices=devices,
        senses=senses,
        agenda=Agenda(error="It is gone."),
        preflight=preflight,
        panel_gone=room.now,
    )
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
    kinds = (Stamp, State, Info, DeviceInfo, Attached, ScreenInfo, Health, Gauges, DeviceHealth, StreamSum, Issue)
    kinds += (Ready, Event, CallAck, BatchHead, BatchAck, Thinned)
    keys = {field.name for kind in kinds for field in fields(kind)}
    page = PAGE.read_text()
    shown = set(re.findall(r'"([a-z0-9_]+)":', "".join(FENCE.findall(page))))
    assert keys <= shown
    # a record leaves out what is at its default
    told = set(re.findall(r"`([a-z0-9_]+)`", page)) | shown
    assert {field.name for kind in (Sample, Happening, Meeting) for field in fields(kind)} <= told


def test_the_call_on_the_page_can_be_sent():
    calls = [block for block in FENCE.findall(PAGE.read_text()) if '"cmd"' in block and '"expires"' in block]
    assert [decode_call(block.encode()).cmd for block in calls] == ["mute"]


def test_every_topic_stands_in_the_table():
    topics = [getattr(TOPICS, name) for name, kind in vars(Topics).items() if isinstance(kind, property)]
    told = re.findall(r"^\| `(rooms/v1/<org>/<room>/\S+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(topic.replace("home/room-1", "<org>/<room>") for topic in topics)


PARTS = (payloads, records)
VALUES = [kind for part in PARTS for kind in vars(part).values() if dataclasses.is_dataclass(kind)]
WORDS = [kind for part in PARTS for kind in vars(part).values() if isinstance(kind, type) and issubclass(kind, StrEnum)]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_key_that_travels_is_told(kind):
    told = set(re.findall(r'[`"]([a-z_0-9]+)[`"]', PAGE.read_text()))
    # frames and heads are laid flat into the message, a record's content under its kind
    hidden = {"head", "content"}
    if not kind.__name__.startswith("_"):
        assert {field.name for field in dataclasses.fields(kind)} - hidden - told == set()


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_every_word_that_travels_is_told(kind):
    text = PAGE.read_text()
    assert [word for word in kind if word != "unknown" and not re.search(rf'[`"]{re.escape(word)}[`"]', text)] == []


def test_every_setting_stands_in_the_table_with_its_default():
    defaults = tomllib.loads((ROOT / "appliance/defaults.toml").read_text())["mqtt"]
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", PAGE.read_text().partition("## Topics")[0], re.MULTILINE)
    told = {key: value.strip("` ") for keys, value in rows for key in re.findall(r"`(\w+)`", keys)}
    assert told.keys() == defaults.keys()
    for key, value in defaults.items():
        words = "empty" if value == "" else str(value).lower()
        assert words in told[key], key


def test_every_happening_and_trouble_of_a_program_is_told():
    source = "\n".join(path.read_text() for path in (ROOT / "appliance").rglob("*.py"))
    types = set(re.findall(r'Happening\(\s*"([a-z._]+)"', source)) | {"issue.began", "issue.ended"}
    assert types
    assert [name for name in types if f"`{name}`" not in PAGE.read_text()] == []
