"""What comes in is read within limits, whatever it is; what a room may say comes through as it was meant."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import (
    CallPhase,
    ClockSync,
    DeviceHealth,
    Event,
    Gauges,
    Health,
    Info,
    Issue,
    Reported,
    Severity,
    Stamp,
    State,
)
from appliance.telemetry.protocol.records import (
    BatchHead,
    Chunk,
    Happening,
    JobReport,
    JobState,
    Kind,
    Meeting,
    Outcome,
    Sample,
    Thinned,
    decode_batch,
    encode_batch,
    encode_content,
    kind_of,
)
from fleet.ingest.reading import Heard, Refused, plain, read
from fleet.refusal import Refusal

STAMP = Stamp(1, "boot-1", 4, 1_795_435_200_000, 77, ClockSync.YES)
TOPIC = "rooms/v1/home/room-1/up/{}"
CORPUS = [json.loads(line) for line in (Path(__file__).parent / "hostile.jsonl").read_text().splitlines()]
LEAVES = ("state", "info", "health", "event", "reported", "batch")


def hear(leaf, payload):
    return read("home", TOPIC.format(leaf), payload, retained=False, at=1)


@pytest.mark.parametrize(
    "body",
    [
        State(online=True, bd=7, sw="1.0", ip="::1", phase=CallPhase.LIVE),
        Info("Blue room"),
        Health(
            CallPhase.IDLE,
            gauges=Gauges(cpu=0.030000000000000002),
            devices=(DeviceHealth("camera", open=True, healthy=True),),
            issues=(Issue("a", Severity.ERROR, "It's broken.", since=1_795_435_200_000),),
        ),
        Event("call.ack"),
        Reported(rev=3, doc={"room": {"name": "Blue"}}),
    ],
)
def test_what_a_room_says_is_read_as_it_was_meant(body):
    leaf = type(body).__name__.lower()
    assert hear(leaf, encode(STAMP, body)) == Heard("room-1", 1, retained=False, stamp=STAMP, body=body)


def test_what_a_newer_room_says_is_read_as_far_as_it_is_known():
    text = encode(STAMP, Health(CallPhase.IDLE))
    newer = text.replace(b'"phase":"idle"', b'"phase":"dreaming","mood":{"deep":[1,{"er":null}]}')
    assert hear("health", newer).body.phase is CallPhase.UNKNOWN


def test_texts_lose_what_could_trick_who_reads_them():
    nasty = Issue("a\u202eb", Severity.ERROR, "<b>\x00 two\nlines \u200b" + "x" * 900, "é" + "\u0301" * 50)
    issue = hear("health", encode(STAMP, Health(CallPhase.IDLE, issues=(nasty,)))).body.issues[0]
    assert issue.id == "ab"
    assert issue.text.startswith("<b> two lines x")
    assert len(issue.text) == 400
    assert len(issue.remedy) <= 13


RECORDS = (
    Sample(30, CallPhase.IDLE, cpu=0.25),
    Happening("issue.began", Severity.ERROR, "camera", "Größe"),
    JobReport("j", JobState.RUNNING),
    Meeting("m", Outcome.HELD),
    Chunk("f", "j", "log.txt", "text/plain", 9, 0, 1, "QUFB" * 8000),
    Thinned(1, 2, 3, 4),
)


def test_a_batch_is_read_as_the_protocol_reads_it():
    frames = tuple((n, 1000 + n, n, "yes", kind_of(what), encode_content(what)) for n, what in enumerate(RECORDS, 1))
    payload = encode_batch(STAMP, BatchHead("boot-1", 5, 1, 9), frames)
    assert hear("batch", payload).body == decode_batch(payload)[1]


def test_a_record_that_cannot_be_read_is_one_without_content():
    frames = tuple((n, 1, 1, "yes", Kind.SAMPLE, encode_content(RECORDS[0])) for n in (1, 2, 3))
    payload = encode_batch(STAMP, BatchHead("boot-1", 5, 1, 3), frames)
    worse = payload.replace(b'"n":2,"ts":1,"mono":1,"sync":"yes","sample":{', b'"n":2,"ts":1,"sample":{"cpu":"hot",')
    assert [record.content is None for record in hear("batch", worse).body.records] == [False, True, False]


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_payloads_are_refused_for_a_reason(text):
    for leaf in ("health", "batch"):
        with pytest.raises(Refused) as caught:
            hear(leaf, text.encode())
        assert caught.value.reason in {Refusal.MALFORMED, Refusal.WRONG_SHAPE}


def test_what_is_too_deep_or_no_text_is_refused():
    deep = b'{"v":1,"boot":"b","seq":1,"ts":1,"phase":"idle","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    for payload in (deep, b"\xff\xfe", b'{"v":1,"boot":"\xff","seq":1,"ts":1,"phase":"idle"}'):
        with pytest.raises(Refused):
            hear("health", payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
KEYS = (
    "v",
    "boot",
    "seq",
    "ts",
    "mono",
    "sync",
    "phase",
    "issues",
    "online",
    "bd",
    "of",
    "of_no",
    "first",
    "last",
    "name",
)
documents = st.dictionaries(st.sampled_from((*KEYS, "records", "doc", "rev", "data", "type")), json_values)


@given(st.sampled_from(LEAVES), st.binary(max_size=200) | documents.map(lambda data: json.dumps(data).encode()))
@example("batch", b'{"v":1,"boot":"b","seq":1,"ts":1,"of":"b","of_no":1,"first":1,"last":1,"records":[{}]}')
def test_anything_at_all_is_read_or_refused(leaf, payload):
    with suppress(Refused):
        heard = hear(leaf, payload)
        assert heard is None or heard.room == "room-1"


@given(st.text(max_size=600))
def test_a_plain_text_is_printable_and_short(text):
    shown = plain(text)
    assert "\x00" not in shown
    assert "\n" not in shown
    assert len(shown) <= 400 * 12
