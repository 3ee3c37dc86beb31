"""The ingest with a real broker, while the broker, the database or its disk are in trouble."""

import asyncio
import json
import sqlite3
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from ingest_desk import Desk
from mqtt_parts import Broker, end, hearing, running, say, start
from room_voice import IDLE, Voice
from spooling_room import now

from appliance.telemetry.protocol.records import decode_ack
from fleet.ingest.inbox import Inbox
from fleet.ingest.main import Ingest, Pace
from fleet.settings import parse
from fleet.store.database import DatabaseTrouble
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date

QUICK = Pace(first_s=0.05, longest_s=0.2, pulse_s=0.1)


def now_ms() -> int:
    return int(now().timestamp() * 1000)


@pytest.fixture
async def broker(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as broker:
        yield broker


@asynccontextmanager
async def an_ingest(broker, database):
    settings = parse(f'mqtt.url = "{broker.url}"', where="the test")
    ingest = Ingest(settings, database, now=now_ms, pace=QUICK)
    task = asyncio.create_task(ingest.run())
    try:
        yield ingest
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.05)


async def tell(broker, letter) -> None:
    await say(broker, letter.topic, letter.payload.decode(), *(["-r"] if letter.topic.endswith("state") else []))


def voice_now(**known) -> Voice:
    return Voice(at=now_ms(), **known)


async def heard(ingest) -> bool:
    return ingest._hearing_since is not None


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_is_stored_is_acknowledged_to_its_room_alone(broker, desk):
    voice = voice_now()
    async with hearing(broker, "rooms/v1/home/+/down/#") as ear, an_ingest(broker, desk.database) as ingest:
        await until(lambda: heard(ingest))
        await tell(broker, voice.batch(1, IDLE, IDLE))
        ack = await ear.next("room-1/down/ack")
    assert (ack["boot"], ack["first"], ack["last"], ack["retained"]) == ("boot-1", 1, 2, False)
    assert decode_ack(json.dumps(ack).encode()).last == 2
    assert len(await desk.samples()) == 2


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_broker_that_was_away_is_heard_again(broker, desk):
    async with an_ingest(broker, desk.database) as ingest:
        await until(lambda: heard(ingest))
        await broker.kill()

        async def deaf() -> bool:
            return [row[0] for row in await desk.rows("since_at", "pulses", "name")] == [None]

        await until(deaf)
        await broker.start()
        await until(lambda: heard(ingest))
        await tell(broker, voice_now().state())

        async def listed() -> bool:
            return await desk.room() is not None

        await until(listed)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_while_the_database_fails_nothing_is_acknowledged_and_then_everything(broker, desk, monkeypatch, caplog):
    voice, failing = voice_now(), True
    change = desk.database.change

    async def in_trouble(work):
        if failing:
            raise DatabaseTrouble("The disk is full.")
        return await change(work)

    monkeypatch.setattr(desk.database, "change", in_trouble)
    async with hearing(broker, "rooms/v1/home/+/down/#") as ear, an_ingest(broker, desk.database) as ingest:
        await until(lambda: heard(ingest))
        await tell(broker, voice.batch(1, IDLE))
        await tell(broker, voice.batch(2, IDLE))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await ear.next("down/ack")
        failing = False
        assert [(await ear.next("down/ack"))["last"] for _ in range(2)] == [1, 2]
    said = [record.message for record in caplog.records if "disk is full" in record.message]
    assert said == ["The disk is full. Nothing is acknowledged meanwhile: rooms keep their records."]
    assert len(await desk.samples()) == 2


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_cannot_be_taken_any_more_is_left_to_the_rooms_and_taken_later(broker, desk, monkeypatch, caplog):
    voice, failing = voice_now(), True
    change = desk.database.change

    async def in_trouble(work):
        if failing:
            raise DatabaseTrouble("It is slow.")
        return await change(work)

    monkeypatch.setattr(desk.database, "change", in_trouble)
    async with an_ingest(broker, desk.database) as ingest:
        ingest._inbox._most = 3
        await until(lambda: heard(ingest))
        for n in range(1, 9):
            await tell(broker, voice.batch(n, IDLE))

        # the line is given up, and what is in memory stays bounded
        async def given_up() -> bool:
            return "does not keep up" in caplog.text

        await until(given_up)
        assert ingest._inbox.waiting <= 3
        failing = False
        await until(lambda: heard(ingest))
        await tell(broker, voice.batch(1, *[IDLE] * 8))

        async def all_there() -> bool:
            return len(await desk.samples()) == 8

        await until(all_there)


@pytest.mark.namespace
async def test_a_full_disk_loses_nothing_and_is_said(broker, disk, caplog):
    database = await open_database(f"sqlite:{disk}/fleet.db")
    await bring_up_to_date(database)
    desk, voice = Desk(database), voice_now()
    async with hearing(broker, "rooms/v1/home/+/down/#") as ear, an_ingest(broker, database) as ingest:
        await until(lambda: heard(ingest))
        ballast = disk / "ballast"
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        many = voice.batch(1, *[replace(IDLE, cpu=n / 1000) for n in range(600)])
        await tell(broker, many)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await ear.next("down/ack")
        assert "Make room on its disk." in caplog.text
        ballast.unlink()
        assert (await ear.next("down/ack"))["last"] == 600
    assert len(await desk.samples()) == 600
    await database.close()
    with sqlite3.connect(disk / "fleet.db") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()


async def test_messages_are_taken_together_and_no_more_than_may_be():
    inbox = Inbox(now=lambda: 7, most=1200, gather_s=0.01)
    for _ in range(2000):
        inbox.put("t", b"x", False)
    assert inbox.waiting == 1200
    await asyncio.sleep(0)
    assert inbox.full.is_set()
    assert [len(await inbox.take()) for _ in range(3)] == [500, 500, 200]
    inbox.put("t", b"x", False)
    assert inbox.waiting == 0
    inbox.reopen()
    inbox.put("t", b"y", True)
    assert [(letter.payload, letter.at) for letter in await inbox.take()] == [(b"y", 7)]


async def test_large_messages_count_by_their_size():
    inbox = Inbox(now=lambda: 7, most_bytes=1000, gather_s=0.01)
    for _ in range(9):
        inbox.put("t", b"x" * 300, False)
    assert inbox.waiting == 4


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_the_command_runs_all_parts_and_ends_them(broker, database_url, tmp_path):
    config = tmp_path / "console.toml"
    config.write_text(f'[console]\nstate = "{tmp_path}"\n[mqtt]\nurl = "{broker.url}"\n')
    console = await start(sys.executable, "-m", "appliance.cli", "console", "--config", str(config), stderr=-1)
    try:
        async with asyncio.timeout(30):
            while b"Listening to the rooms" not in await console.stderr.readline():
                pass
        console.terminate()
        async with asyncio.timeout(20):
            await console.stderr.read()
            assert await console.wait() == 0
    finally:
        if console.returncode is None:
            await end(console)
