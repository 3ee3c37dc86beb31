"""Records on the wire: what is stored comes back, what cannot be read blocks nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telemetry.protocol.codec import MAX_BYTES, BadPayload
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync, Severity, Stamp
from appliance.telemetry.protocol.records import (
    CHUNK,
    CONTENTS,
    MAX_BATCH,
    BatchAck,
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
    decode_ack,
    decode_batch,
    encode_ack,
    encode_batch,
    encode_content,
    kind_of,
)

STAMP = Stamp(1, "boot-2", 7, 1_795_338_000_000, 5000, ClockSync.YES)
CONTENT = (
    Sample(300, CallPhase.LIVE, participants=3, cpu=0.25, loss=0.01),
    Happening("issue.began", Severity.ERROR, "device.camera-1.missing", "Kamera \u201eÄrger\u201c fehlt"),
    JobReport("j-1", JobState.RUNNING, 2, "half way"),
    Meeting("ab12", Outcome.HELD, began_at=1, ended_at=2, participants=4),
    Chunk("f1", "j-1", "logs.gz", "application/gzip", 3, 0, 1, "QUJD"),
    Thinned(1, 2, 30, 300),
)


def batch(*contents, head=None, stamp=STAMP):
    rows = tuple(
        (n, 1000 + n, 50 * n, "no", kind_of(content), encode_content(content)) for n, content in enumerate(contents, 1)
    )
    return encode_batch(stamp, head or BatchHead("boot-1", 1_790_000_000, 1, len(rows) or 1), rows)


def test_every_kind_of_record_comes_back_as_it_was():
    assert {type(content) for content in CONTENT} == set(CONTENTS.values())
    stamp, read = decode_batch(batch(*CONTENT))
    assert stamp == STAMP
    assert read.head == BatchHead("boot-1", 1_790_000_000, 1, len(CONTENT))
    assert tuple(record.content for record in read.records) == CONTENT
    assert [(record.n, record.ts, record.mono, record.sync) for record in read.records][1] == (2, 1002, 100, "no")


def test_a_content_on_disk_is_only_what_differs_from_the_defaults():
    assert json.loads(encode_content(Happening("room.started"))) == {"type": "room.started"}


def test_a_batch_may_say_that_nothing_is_left():
    _, read = decode_batch(batch(head=BatchHead("boot-1", 1, 5, 900)))
    assert (read.records, read.head.last) == ((), 900)


def test_a_record_of_the_next_version_has_no_content_and_harms_no_other():
    data = json.loads(batch(*CONTENT[:2]))
    data["records"][0]["hologram"] = data["records"][0].pop(Kind.SAMPLE)
    data["records"][1][Kind.EVENT]["smell"] = "of coffee"
    data["colour"] = "blue"
    _, read = decode_batch(json.dumps(data).encode())
    assert [record.content for record in read.records] == [None, CONTENT[1]]


def test_a_record_of_the_wrong_shape_has_no_content():
    data = json.loads(batch(*CONTENT[:2]))
    data["records"][0][Kind.SAMPLE]["span_s"] = "long"
    _, read = decode_batch(json.dumps(data).encode())
    assert [record.content for record in read.records] == [None, CONTENT[1]]


@pytest.mark.parametrize(
    ("head", "numbers"),
    [
        ({"first": 0, "last": 2}, [1, 2]),
        ({"first": 3, "last": 2}, []),
        ({"first": 1, "last": 2}, [2, 1]),
        ({"first": 1, "last": 2}, [1, 1]),
        ({"first": 2, "last": 3}, [1, 2]),
        ({"first": 1, "last": 1}, [1, 2]),
    ],
)
def test_numbers_that_make_no_sense_are_refused(head, numbers):
    data = {**json.loads(batch()), **head, "records": [{"n": n, "ts": 1} for n in numbers]}
    with pytest.raises(BadPayload):
        decode_batch(json.dumps(data).encode())


def test_the_largest_batch_fits_a_message():
    whole = Chunk("f" * 32, "j" * 64, "n" * 200, "application/gzip", 2**40, 9999, 9999, "A" * (CHUNK * 4 // 3))
    assert len(encode_content(whole)) * 1.4 < MAX_BATCH
    payload = batch(whole)
    assert decode_batch(payload)[1].records[0].content == whole
    assert MAX_BATCH + 4096 < MAX_BYTES


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda x: st.lists(x, max_size=3)))
def test_whatever_stands_for_a_batch_is_read_or_refused(junk):
    for key in ("records", "of", "of_no", "first", "last", "boot"):
        payload = json.dumps({**json.loads(batch(*CONTENT[:1])), key: junk}).encode()
        try:
            decode_batch(payload)
        except BadPayload:
            continue


def test_the_answer_comes_back_as_it_was():
    ack = BatchAck("boot-1", 3, 9)
    assert decode_ack(encode_ack(ack)) == ack
    with pytest.raises(BadPayload):
        decode_ack(b'{"boot": "x", "first": "1", "last": 2}')
