"""Whatever a room says on whichever topic goes through the whole ingest: it is taken or counted, and harms nobody.

A good room speaks in the same flush: what it says is stored, whoever else is in it.
"""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_desk import Desk
from room_voice import IDLE, Voice

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import (
    Answer,
    CallAck,
    CallPhase,
    DeviceHealth,
    Event,
    Gauges,
    Issue,
    Ready,
    Reported,
    Severity,
)
from appliance.telemetry.protocol.records import (
    BatchAck,
    Chunk,
    Happening,
    JobReport,
    JobState,
    Meeting,
    Outcome,
    Thinned,
)
from appliance.telemetry.protocol.topics import UP
from fleet.ranges import Ranges

CORPUS = (Path(__file__).parents[1] / "unit/fleet/hostile.jsonl").read_text().splitlines()
STARTED = Happening("room.started")
VALID = Voice("pattern")


def valid() -> dict[str, dict]:
    """A whole message of each topic, which hostile ones are made of."""
    issue = Issue("camera", Severity.ERROR, "Camera is not there.", since=1)
    contents = (
        IDLE,
        Happening("issue.began", Severity.ERROR, "camera", "gone"),
        JobReport("j", JobState.RUNNING),
        Meeting("m", Outcome.HELD),
        Chunk("f", "j", "log.txt", "text/plain", 9, 0, 1, "QUFB"),
        Thinned(1, 2, 3, 4),
    )
    said = {
        "state": VALID.state(),
        "info": VALID.info(),
        "health": VALID.health(
            CallPhase.LIVE,
            gauges=Gauges(cpu=0.5, temp_c=50.0),
            devices=(DeviceHealth("camera", open=True, healthy=True),),
            issues=(issue,),
            ready=Ready(ok=False, at=1),
        ),
        "event": VALID.letter(
            VALID.topics.event, encode(VALID.stamp(), Event("call.ack", data=CallAck("c", "mute", Answer.OK)))
        ),
        "reported": VALID.letter(VALID.topics.reported, encode(VALID.stamp(), Reported(rev=1, doc={"room": {}}))),
        "batch": VALID.batch(1, *contents),
    }
    return {leaf: json.loads(letter.payload) for leaf, letter in said.items()}


PATTERNS = valid()
NASTY = st.sampled_from(
    (
        *(-1, 0, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 10**30, 1e308, float("nan"), float("inf")),
        *("", "\0", "\ud800", "\u202e", "'; DROP TABLE rooms; --", "<script>", "é" * 600, "x" * 2000),
        *([], {}, [[]], {"v": {"v": {}}}, None, True),
    )
)
ANYTHING = st.recursive(
    NASTY | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def places(value, path=()):
    """Return the way to each part of a message."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, part in inside for way in places(part, (*path, key)))]


def put(value, path, new):
    """Return a message with one part of it another."""
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@st.composite
def hostile(draw):
    """A topic, and bytes on it: noise, or what a room says with up to three parts of it changed."""
    leaf = draw(st.sampled_from(UP))
    if draw(st.integers(0, 4)) == 0:
        return leaf, draw(st.binary(min_size=1, max_size=200))
    said = PATTERNS[leaf]
    for _ in range(draw(st.integers(1, 3))):
        said = put(said, draw(st.sampled_from(places(said))), draw(ANYTHING))
    return leaf, json.dumps(said).encode()


class Crowd:
    """A desk at which a good room and hostile ones speak in turn, each message of these from a room of its own."""

    def __init__(self, database) -> None:
        self.desk = Desk(database, most_unenrolled=100_000)
        self.good = Voice("good")
        self.flushes = 0

    async def hears(self, *hostile_ones: tuple[str, bytes]) -> int:
        """Have all of them arrive between two batches of the good room; return how many were refused."""
        self.flushes += 1
        counts, first = self.desk.counts, 2 * self.flushes - 1
        refused = counts.refused.total()
        rooms = [f"evil-{self.flushes}-{number}" for number, _ in enumerate(hostile_ones)]
        said = [
            self.good.letter(f"rooms/v1/home/{room}/up/{leaf}", payload)
            for room, (leaf, payload) in zip(rooms, hostile_ones, strict=True)
        ]
        acks = await self.desk.hear(self.good.batch(first, STARTED), *said, self.good.batch(first + 1, STARTED))
        assert {BatchAck(self.good.boot, n, n) for n in (first, first + 1)} <= set(acks)
        counted = counts.refused.total() - refused
        # whoever was taken is known from now on
        assert counted == len({*rooms} - {row["id"] for row in await self.desk.database.fetch("SELECT id FROM rooms")})
        return counted

    async def is_sound(self) -> None:
        """Look at all that the database holds: what the good room said is there once, and the rest can be read."""
        database, said = self.desk.database, 2 * self.flushes
        good = (await self.desk.room("good"))["key"]
        stored = await database.fetch("SELECT n FROM events WHERE room = $1 ORDER BY n", good)
        assert [row["n"] for row in stored] == list(range(1, said + 1))
        documents = await self.desk.rows("state, info, health, reported", "rooms", "key")
        assert all(isinstance(json.loads(text), dict) for row in documents for text in row if text is not None)
        boots = {room: Ranges.read(got) for room, got in await self.desk.rows("room, got", "boots", "key")}
        assert boots[good] == Ranges(((1, said),))
        if database.dialect == "sqlite":
            assert [tuple(row) for row in await database.fetch("PRAGMA integrity_check")] == [("ok",)]
            assert await database.fetch("PRAGMA foreign_key_check") == []


@pytest.fixture
def crowd(database) -> Crowd:
    return Crowd(database)


async def test_the_corpus_is_counted_on_every_topic_and_a_good_room_is_heard_beside_it(crowd):
    texts = [json.loads(line).encode() for line in CORPUS]
    for leaf in UP:
        counted = await crowd.hears(*((leaf, text) for text in texts))
        assert counted >= len(texts) // 2
    await crowd.is_sound()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hostile(), min_size=1, max_size=4))
async def test_anything_at_all_is_taken_or_counted_and_a_good_room_is_heard_beside_it(crowd, messages):
    await crowd.hears(*messages)
    await crowd.is_sound()


async def test_what_the_hostile_ones_are_made_of_is_taken(crowd):
    assert await crowd.hears(*((leaf, json.dumps(said).encode()) for leaf, said in PATTERNS.items())) == 0
    await crowd.is_sound()
