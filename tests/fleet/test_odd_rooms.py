"""Rooms that are not as they should be, on a real broker and a real ingest: a wrong clock, an identity used twice."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

import pytest
import spooling_room
from mqtt_parts import Broker, running

from appliance.telemetry.moments import Moment, mono_ms
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Happening
from fleet.ingest.known import DUPLICATE
from fleet.ingest.main import Ingest, Pace
from fleet.settings import parse

TEN_YEARS = timedelta(days=3650)
QUICK = Pace(first_s=0.05, longest_s=0.2, pulse_s=0.1)


def now_ms():
    return int(spooling_room.now().timestamp() * 1000)


@pytest.fixture
async def broker(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as broker:
        yield broker


@asynccontextmanager
async def an_ingest(broker, database):
    ingest = Ingest(parse(f'mqtt.url = "{broker.url}"', where="the test"), database, now=now_ms, pace=QUICK)
    task = asyncio.create_task(ingest.run())

    async def hears():
        return ingest._hearing_since is not None

    try:
        await until(hears)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("sync", [ClockSync.NO, ClockSync.YES])
@pytest.mark.parametrize("off", [TEN_YEARS, -TEN_YEARS])
async def test_a_room_whose_clock_is_ten_years_off_is_stored_once_at_the_times_it_was_heard(
    broker, database, tmp_path, off, sync
):
    def clock():
        return spooling_room.now() + off

    def moment():
        return Moment(int(clock().timestamp() * 1000), mono_ms(), sync)

    began, day_ms = now_ms(), 24 * 3600 * 1000
    async with (
        an_ingest(broker, database),
        spooling_room.a_spool(tmp_path, "boot-1", moment) as spool,
        spooling_room.connected(broker.url, "room-1", tmp_path, spool, "boot-1", clock=clock),
    ):
        for number in range(50):
            spool.note(Happening(spooling_room.TYPE, text=str(number)))

        async def all_taken():
            return not spool.waiting

        async def is_told():
            rows = await database.fetch("SELECT skew_ms FROM rooms")
            # what of that is a warning, and in which words, is status.py's
            return [round((row["skew_ms"] or 0) / day_ms) for row in rows] == [-off.days]

        await until(all_taken)
        await until(is_told)
    rows = await database.fetch("SELECT n, text, at, ts FROM events WHERE type = $1 ORDER BY n", spooling_room.TYPE)
    assert [row["text"] for row in rows] == [str(number) for number in range(50)]
    assert all(began - 1000 <= row["at"] <= now_ms() + 1000 for row in rows)
    assert all(round((row["ts"] - row["at"]) / day_ms) == off.days for row in rows)


async def test_of_two_machines_with_one_identity_both_and_the_console_say_so_and_nothing_is_lost(
    broker, database, tmp_path
):
    told = {name: [] for name in ("one", "two")}
    async with an_ingest(broker, database), AsyncExitStack() as stack:
        spools = {}
        for name in told:
            folder = tmp_path / name
            folder.mkdir()
            spools[name] = await stack.enter_async_context(spooling_room.a_spool(folder, name))
            for number in range(20):
                spools[name].note(Happening(spooling_room.TYPE, text=str(number)))

        def machine(name):
            return spooling_room.connected(
                broker.url, "room-1", tmp_path / name, spools[name], name, on_health=told[name].append
            )

        async def is_told():
            rows = await database.fetch("SELECT trouble FROM rooms")
            return all(any(one.name == "identity" and not one.ok for one in health) for health in told.values()) and [
                row["trouble"] for row in rows
            ] == [DUPLICATE]

        async with machine("one"), machine("two"):
            await until(is_told)
        # as told: one is stopped. While each throws the other out, what waits may have no turn
        for name, spool in spools.items():

            async def all_taken(spool=spool):
                return not spool.waiting

            async with machine(name):
                await until(all_taken)
    rows = await database.fetch(
        "SELECT b.boot AS boot, e.text AS text FROM events e JOIN boots b ON b.key = e.boot WHERE e.type = $1 "
        "ORDER BY e.n",
        spooling_room.TYPE,
    )
    for name in told:
        assert [row["text"] for row in rows if row["boot"] == name] == [str(number) for number in range(20)]
