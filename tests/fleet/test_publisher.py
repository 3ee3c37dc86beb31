"""What rooms are told, by a real mosquitto: signed, said again whenever it may have been lost, and taken back."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fleet_builders import NOW, add_room, change_room
from mqtt_parts import Broker, running, say

from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.orders import JobKind, read_desired, read_jobs
from appliance.telemetry.protocol.payloads import Answer, CallAck
from appliance.telemetry.protocol.records import JobReport, JobState
from appliance.telemetry.protocol.signed import NotSigned, Trust, opened, public_of
from appliance.telemetry.protocol.topics import Topics
from fleet.control import calls, jobs, layers
from fleet.control.drive import Driver
from fleet.control.homeassistant import HomeAssistant
from fleet.control.jobs import Wanted
from fleet.control.lease import Lease
from fleet.control.outgoing import LIFE_MS, Voice
from fleet.control.publisher import Publisher, seen_rev
from fleet.line import Access, Line

KEY = Ed25519PrivateKey.generate()
TRUST = Trust((public_of(KEY),))
ROOM = Topics("home", "blue")
ME = Lease("control", "me")


@pytest.fixture
async def broker(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as one:
        yield one


class Heard:
    """What came down to rooms; what was retained when it came is marked."""

    def __init__(self):
        self.loop, self.messages = asyncio.get_running_loop(), asyncio.Queue()
        self.passed = []

    def __call__(self, topic, payload, retained):
        self.loop.call_soon_threadsafe(self.messages.put_nowait, (topic, payload, retained))

    async def next(self, topic):
        async with asyncio.timeout(10):
            while (found := await self.messages.get())[0] != topic:
                self.passed.append(found[0])
        self.passed.append(topic)
        return found[1]


@asynccontextmanager
async def hearing(broker, topic="rooms/v1/home/+/down/#"):
    heard = Heard()
    async with Line(Access(broker_address(broker.url)), subscribe=(topic,), hear=heard):
        yield heard


@asynccontextmanager
async def publishing(database, broker, *, key=KEY, now=lambda: NOW, home=None):
    await ME.take(database, now)
    publisher = Publisher(database, ME, Access(broker_address(broker.url)), Voice("home", key), now, home)
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def desired_in(payload):
    return read_desired(opened(payload, TRUST), ROOM, NOW)


def jobs_in(payload):
    return [job.id for job in read_jobs(opened(payload, TRUST), ROOM, NOW).jobs]


async def make_job(database, kind=JobKind.SELFTEST):
    job = await jobs.create(database, Wanted(kind, ("room:blue",), NOW + 3600_000), "eve", NOW)
    async with database.transaction() as tx:
        await Driver(database).drive(tx, NOW)
    return job


async def test_settings_are_signed_retained_and_said_again_after_a_broker_forgot_them(database, broker):
    await add_room(database, "blue")
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    async with publishing(database, broker):
        async with hearing(broker) as heard:
            told = desired_in(await heard.next(ROOM.desired))
            assert (told.rev, told.doc) == (NOW // 1000, {"room": {"timezone": "UTC"}})
        await broker.kill()
        await broker.start()
        async with hearing(broker) as heard:
            assert desired_in(await heard.next(ROOM.desired)) == told
            await layers.save(database, "org", {"room": {"timezone": "Asia/Tokyo"}}, "eve", NOW)
            assert desired_in(await heard.next(ROOM.desired)).rev == told.rev + 1
    # a room that comes later finds it at the broker
    async with hearing(broker) as heard:
        assert desired_in(await heard.next(ROOM.desired)).rev == told.rev + 1


async def test_a_room_that_has_not_told_its_state_is_asked_once_a_minute(database, broker):
    key, now = await add_room(database, "blue", untold=True), NOW
    async with hearing(broker) as heard, publishing(database, broker, now=lambda: now):
        asked = [opened(await heard.next(ROOM.call), TRUST)]
        await change_room(database, key, seen_at=1)
        await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
        await heard.next(ROOM.desired)
        assert heard.passed.count(ROOM.call) == 1
        await ME.take(database, lambda: now + 60_000)
        now += 60_000
        await change_room(database, key, seen_at=2)
        asked.append(opened(await heard.next(ROOM.call), TRUST))
    assert [call["cmd"] for call in asked] == ["rebirth", "rebirth"]
    assert asked[0]["id"] != asked[1]["id"]


async def test_nobody_else_s_signature_and_no_other_room_s_order_is_taken(database, broker):
    await add_room(database, "blue")
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    async with publishing(database, broker), hearing(broker) as heard:
        payload = await heard.next(ROOM.desired)
    with pytest.raises(NotSigned):
        opened(payload, Trust((public_of(Ed25519PrivateKey.generate()),)))
    with pytest.raises(ValueError, match="another room"):
        read_desired(opened(payload, TRUST), Topics("home", "red"), NOW)
    with pytest.raises(ValueError, match="expired"):
        read_desired(opened(payload, TRUST), ROOM, NOW + LIFE_MS)


async def test_jobs_come_are_taken_back_and_nothing_stays_at_the_broker(database, broker):
    key = await add_room(database, "blue")
    async with publishing(database, broker):
        async with hearing(broker) as heard:
            one = await make_job(database)
            told = await heard.next(ROOM.jobs)
            while not told or not jobs_in(told):
                told = await heard.next(ROOM.jobs)
            assert jobs_in(told) == [one]
            two = await make_job(database)
            assert jobs_in(await heard.next(ROOM.jobs)) == [one, two]
            await jobs.cancel(database, one, "eve", NOW)
            assert jobs_in(await heard.next(ROOM.jobs)) == [two]
            async with database.transaction() as tx:
                await jobs.take_report(tx, key, JobReport(two, JobState.SUCCEEDED), NOW)
            assert jobs_in(await heard.next(ROOM.jobs)) == []
            assert await heard.next(ROOM.jobs) == b""
        async with hearing(broker) as heard:
            await make_job(database)
            first = await heard.next(ROOM.jobs)
            assert len(jobs_in(first)) == 1, "an old list was still at the broker"


async def test_a_room_is_told_sixteen_jobs_at_most_the_oldest_first(database, broker):
    await add_room(database, "blue")
    made = [await make_job(database) for _ in range(18)]
    async with publishing(database, broker), hearing(broker) as heard:
        assert jobs_in(await heard.next(ROOM.jobs)) == made[:16]


async def test_a_room_that_is_born_again_is_told_again(database, broker):
    key = await add_room(database, "blue", bd=1)
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    job = await make_job(database)
    async with hearing(broker) as heard, publishing(database, broker):
        await heard.next(ROOM.desired)
        assert jobs_in(await heard.next(ROOM.jobs)) == [job]
        await change_room(database, key, bd=2)
        assert desired_in(await heard.next(ROOM.desired)).rev == NOW // 1000
        assert jobs_in(await heard.next(ROOM.jobs)) == [job]


async def test_a_room_that_has_not_seen_its_settings_is_told_again_after_a_minute(database, broker):
    key = await add_room(database, "blue")
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    clock = [NOW]
    async with hearing(broker) as heard, publishing(database, broker, now=lambda: clock[0]):
        await heard.next(ROOM.desired)
        clock[0] += 61_000
        await ME.take(database, lambda: clock[0])
        await change_room(database, key, reported=json.dumps({"rev": 0, "seen": 0}))
        assert desired_in(await heard.next(ROOM.desired)).rev == NOW // 1000


async def test_a_retired_room_s_orders_are_cleared(database, broker):
    key = await add_room(database, "blue")
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    async with hearing(broker) as heard, publishing(database, broker):
        assert desired_in(await heard.next(ROOM.desired))
        await change_room(database, key, retired_at=NOW)
        assert await heard.next(ROOM.desired) == b""
        assert await heard.next(ROOM.jobs) == b""


async def test_others_have_their_turn_while_a_large_fleet_is_told(database):
    async with database.transaction() as tx:
        await tx.many("INSERT INTO rooms (id, version) VALUES ($1, 1)", [(f"r{n}",) for n in range(2000)])
    publisher = Publisher(database, ME, Access(broker_address("mqtt://127.0.0.1")), Voice("home", KEY), lambda: NOW)
    turns = 0

    async def others():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += bool(publisher._round.rooms)

    busy = asyncio.create_task(others())
    assert len(await publisher._news(await database.read(publisher._read))) == 2 * 2000
    busy.cancel()
    assert turns > 10


async def test_a_room_that_is_listened_to_again_is_told_its_jobs_again(database, broker):
    key = await add_room(database, "blue")
    job = await make_job(database)
    async with publishing(database, broker), hearing(broker) as heard:
        assert jobs_in(await heard.next(ROOM.jobs)) == [job]
        await change_room(database, key, retired_at=NOW)
        assert await heard.next(ROOM.jobs) == b""
        await change_room(database, key, retired_at=None)
        assert jobs_in(await heard.next(ROOM.jobs)) == [job]


async def test_a_live_request_goes_out_once_and_its_answer_is_noted_once(database, broker):
    key = await add_room(database, "blue")
    late = await calls.ask(database, key, "identify", {}, "eve", NOW - calls.LIFE_MS)
    async with hearing(broker) as heard, publishing(database, broker):
        call = await calls.ask(database, key, "identify", {}, "eve", NOW)
        body = opened(await heard.next(ROOM.call), TRUST)
        assert (body["id"], body["cmd"], body["room"], body["kind"]) == (call, "identify", "blue", "call")
        second = await calls.ask(database, key, "rebirth", {}, "eve", NOW)
        assert opened(await heard.next(ROOM.call), TRUST)["id"] == second
        # it is sent before it is noted: who dies in between sends it again, and the room does it once
        async with asyncio.timeout(10):
            while await database.fetch("SELECT 1 FROM calls WHERE id = $1 AND sent_at IS NULL", second):
                await asyncio.sleep(0.02)
    async with database.transaction() as tx:
        assert await calls.take_answer(tx, key, CallAck(call, "identify", Answer.OK))
        assert not await calls.take_answer(tx, key, CallAck(call, "identify", Answer.FAILED))
        assert not await calls.take_answer(tx, key + 1, CallAck(second, "rebirth", Answer.OK))
    rows = await database.fetch("SELECT id, sent_at, answer FROM calls ORDER BY key")
    assert [(row["id"], row["sent_at"], row["answer"]) for row in rows] == [
        (late, None, None),
        (call, NOW, "ok"),
        (second, NOW, None),
    ]


async def test_without_a_key_orders_are_plain(database, broker):
    await add_room(database, "blue")
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    async with publishing(database, broker, key=None), hearing(broker) as heard:
        payload = await heard.next(ROOM.desired)
    with pytest.raises(NotSigned):
        opened(payload, TRUST)
    assert read_desired(opened(payload, Trust(unsigned=True)), ROOM, NOW).rev


async def test_home_assistant_learns_of_rooms_again_when_it_is_born_and_forgets_retired_ones(database, broker):
    key = await add_room(database, "blue", name="Blue room")
    topic = "homeassistant/device/salon-home-blue/config"
    home = HomeAssistant("home")
    async with hearing(broker, "homeassistant/#") as heard, publishing(database, broker, home=home):
        first = await heard.next(topic)
        device = json.loads(first)
        assert device["dev"]["name"] == "Blue room"
        assert {one["p"] for one in device["cmps"].values()} == {"sensor", "binary_sensor"}
        assert all(one["stat_t"] == ROOM.health for one in device["cmps"].values())
        assert device["avty"][0]["t"] == ROOM.state
        await say(broker, "homeassistant/status", "online")
        assert await heard.next(topic) == first
        await change_room(database, key, name="Red room")
        assert json.loads(await heard.next(topic))["dev"]["name"] == "Red room"
        await change_room(database, key, retired_at=NOW)
        assert await heard.next(topic) == b""


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"seen":"x"}'])
def test_a_report_that_cannot_be_read_has_seen_nothing(text):
    assert seen_rev(text) == 0
