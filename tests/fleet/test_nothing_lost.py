"""Rooms, broker and ingest are killed in turn while records flow: each record is stored once, whatever died when."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import spooling_room
from mqtt_parts import Broker, end, start
from nats_cluster import NatsCluster, OneBroker

from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync
from appliance.telemetry.protocol.records import Sample
from fleet.store.database import Database
from fleet.store.samples import DAY, series

pytestmark = pytest.mark.alone
ROOMS, EACH, A_SECOND = 3, 9000, 400
NOON = 1_795_435_200_000


@dataclass
class Fleet:
    """All the processes of a test."""

    folder: Path
    broker: NatsCluster | OneBroker
    database_url: str
    database: Database
    ingests: list[asyncio.subprocess.Process] = field(default_factory=list)
    rooms: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start_ingest(self) -> None:
        config = self.folder / "console.toml"
        config.write_text(
            f'[console]\nstate = "{self.folder}"\ndatabase = "{self.database_url}"\n'
            f'[mqtt]\nurl = "{self.broker.url(0)}"\n'
        )
        self.ingests.append(
            await start(sys.executable, "-m", "appliance.cli", "console", "ingest", "--config", str(config))
        )

    async def start_room(self, number: int) -> asyncio.subprocess.Process:
        folder = self.folder / f"room-{number}"
        folder.mkdir(exist_ok=True)
        where = (self.broker.url(number), f"room-{number}", str(folder))
        command = (sys.executable, spooling_room.__file__, *where, str(EACH), str(A_SECOND))
        return await start(*command, stdout=asyncio.subprocess.PIPE)

    async def until_stored(self, count: int) -> None:
        async with asyncio.timeout(120):
            while await self.stored() < count:
                await asyncio.sleep(0.2)

    async def stored(self) -> int:
        rows = await self.database.fetch("SELECT count(*) AS n FROM events WHERE type = $1", spooling_room.TYPE)
        return rows[0]["n"]

    async def stop(self) -> None:
        for process in (*self.rooms, *self.ingests):
            if process.returncode is None:
                await end(process)
        await self.broker.stop()


@pytest.fixture(params=["amqtt-sqlite", "mosquitto-sqlite", "nats-sqlite", "mosquitto-postgresql"])
def chosen(request) -> tuple[str, str]:
    return tuple(request.param.split("-"))


@pytest.fixture
def dialect(chosen) -> str:
    return chosen[1]


@asynccontextmanager
async def running(broker_kind: str, folder: Path, database_url: str, database: Database) -> AsyncIterator[Fleet]:
    broker = NatsCluster(folder) if broker_kind == "nats" else OneBroker(Broker(broker_kind, folder))
    fleet = Fleet(folder, broker, database_url, database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(fleet.stop)
        await broker.start()
        await fleet.start_ingest()
        yield fleet


@pytest.mark.timeout(300)
async def test_every_record_is_stored_once_whatever_is_killed(chosen, database, database_url, tmp_path):
    async with running(chosen[0], tmp_path, database_url, database) as fleet:
        fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
        await fleet.until_stored(2000)
        # of a cluster first the node of a room, later the ingest's own
        for stored, node in ((2000, 1), (6000, 0)):
            await fleet.until_stored(stored)
            await fleet.broker.kill(node)
            await asyncio.sleep(2)
            await fleet.broker.revive(node)
        await fleet.until_stored(10_000)
        await end(fleet.ingests.pop())
        await asyncio.sleep(1)
        await fleet.start_ingest()
        await fleet.until_stored(15_000)
        await end(fleet.rooms[2])
        fleet.rooms[2] = await fleet.start_room(2)
        async with asyncio.timeout(150):
            for room in fleet.rooms:
                await until_acknowledged(room)
    await check(database)


async def until_acknowledged(room: asyncio.subprocess.Process) -> None:
    line = await room.stdout.readline()
    assert line == b"all acknowledged\n"


async def check(database: Database) -> None:
    rows = await database.fetch(
        "SELECT r.id AS room, b.no, e.n, e.text FROM events e "
        "JOIN rooms r ON r.key = e.room JOIN boots b ON b.key = e.boot "
        "WHERE e.type = $1 ORDER BY r.id, b.no, e.n",
        spooling_room.TYPE,
    )
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row["room"], []).append(int(row["text"]))
    # as they were written, from first to last, over all boots
    assert numbers == {f"room-{number}": list(range(1, EACH + 1)) for number in range(ROOMS)}


@pytest.mark.timeout(120)
async def test_two_ingests_side_by_side_store_nothing_twice(chosen, database, database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "EACH", 1500)
    async with running(chosen[0], tmp_path, database_url, database) as fleet:
        await fleet.start_ingest()
        fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
        async with asyncio.timeout(80):
            for room in fleet.rooms:
                await until_acknowledged(room)
    await check(database)


@pytest.mark.timeout(120)
async def test_a_room_that_was_away_for_a_week_tells_it_in_order(chosen, database, database_url, tmp_path):
    step, count = 300_000, 7 * 288
    began = (await start_of_week()).ts
    moments = iter([Moment(began + n * step, n * step, ClockSync.YES) for n in range(count + 50)])
    folder = tmp_path / "room"
    folder.mkdir()
    async with (
        running(chosen[0], tmp_path, database_url, database) as fleet,
        spooling_room.a_spool(folder, "boot-1", lambda: next(moments)) as spool,
    ):
        for n in range(count):
            spool.note(Sample(300, CallPhase.IDLE, participants=n))
        async with spooling_room.connected(fleet.broker.url(1), "away", folder, spool, "boot-2"):
            async with asyncio.timeout(80):
                while spool.waiting:
                    # what has arrived is always the oldest of it
                    got = [row["got"] for row in await database.fetch("SELECT got FROM boots WHERE got <> ''")]
                    assert [text.split("-")[0] for text in got if "," not in text] == ["1"] * len(got)
                    await asyncio.sleep(0.1)
    chart = await series(database, 1, "samples", began, began + 8 * DAY)
    assert chart.columns["participants"] == list(range(count))
    assert {b - a for a, b in zip(chart.columns["at"], chart.columns["at"][1:], strict=False)} == {step}


async def start_of_week() -> Moment:
    now = int(spooling_room.now().timestamp() * 1000)
    return Moment(now - 7 * DAY, 0)
