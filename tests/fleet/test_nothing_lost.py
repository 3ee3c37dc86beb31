"""Rooms, broker and ingest are killed in turn while records flow: each record is stored once, whatever died when."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import named
import pytest
import spooling_room
from fleet_builders import add_room
from mqtt_parts import Broker, end, start
from nats_cluster import HOSTS, NatsCluster, OneBroker
from postgres_server import DURABLE, PostgresServer, postgres_server

from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync
from appliance.telemetry.protocol.records import Sample
from fleet.store.database import Database, DatabaseTrouble, Row
from fleet.store.opening import open_database
from fleet.store.samples import DAY, series
from fleet.store.schema import bring_up_to_date

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

    @property
    def log(self) -> Path:
        """What its ingests say."""
        return self.folder / "ingest.log"

    def url(self, number: int) -> str:
        return self.broker.url(number)

    def python(self, _number: int, module: str) -> tuple[str, ...]:
        return sys.executable, named.__file__, "127.0.0.1", module

    async def start_ingest(self) -> None:
        config = self.folder / "console.toml"
        config.write_text(
            f'[console]\nstate = "{self.folder}"\ndatabase = "{self.database_url}"\n[mqtt]\nurl = "{self.url(0)}"\n'
        )
        command = (*self.python(0, "appliance.cli"), "console", "ingest", "--config", str(config))
        with self.log.open("ab") as log:
            self.ingests.append(await start(*command, stderr=log))

    async def start_room(self, number: int) -> asyncio.subprocess.Process:
        folder = self.folder / f"room-{number}"
        folder.mkdir(exist_ok=True)
        where = (self.url(number), f"room-{number}", str(folder))
        command = (*self.python(number, "spooling_room"), *where, str(EACH), str(A_SECOND))
        return await start(*command, stdout=asyncio.subprocess.PIPE)

    async def kill_room(self, number: int) -> None:
        """Kill a room and start it again: it goes on from what its disk has."""
        await end(self.rooms[number])
        self.rooms[number] = await self.start_room(number)

    async def until_acknowledged(self) -> None:
        async with asyncio.timeout(150):
            for room in self.rooms:
                assert await room.stdout.readline() == b"all acknowledged\n"

    async def until_said(self, words: str) -> None:
        async with asyncio.timeout(60):
            while words not in self.log.read_text():
                await asyncio.sleep(0.1)

    async def until_stored(self, count: int) -> None:
        async with asyncio.timeout(120):
            while await self.stored() < count:
                await asyncio.sleep(0.2)

    async def stored(self) -> int:
        rows = await self.database.fetch(
            "SELECT (SELECT count(*) FROM events WHERE boot <> 0) + (SELECT count(*) FROM meetings) AS n"
        )
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
async def running(
    broker_kind: str, folder: Path, database_url: str, database: Database, kind: type[Fleet] = Fleet
) -> AsyncIterator[Fleet]:
    broker = NatsCluster(folder) if broker_kind == "nats" else OneBroker(Broker(broker_kind, folder))
    fleet = kind(folder, broker, database_url, database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(fleet.stop)
        await broker.start()
        await fleet.start_ingest()
        yield fleet


@pytest.mark.timeout(300)
async def test_every_record_is_stored_once_whatever_is_killed(chosen, database, database_url, tmp_path):
    async with running(chosen[0], tmp_path, database_url, database) as fleet:
        await order(database, EACH)
        fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
        # of a cluster first the node of a room, later the ingest's own
        for count, node in ((2000, 1), (6000, 0)):
            await fleet.until_stored(count)
            await fleet.broker.kill(node)
            await asyncio.sleep(2)
            await fleet.broker.revive(node)
            await fleet.kill_room(node)
        await fleet.until_stored(10_000)
        await end(fleet.ingests.pop())
        await asyncio.sleep(1)
        await fleet.start_ingest()
        await fleet.until_stored(15_000)
        await fleet.kill_room(2)
        await fleet.until_acknowledged()
    await check(database)
    rows = await database.fetch("SELECT state, detail FROM executions")
    assert [tuple(row) for row in rows] == [("succeeded", str(EACH))] * ROOMS


async def order(database: Database, number: int) -> None:
    """Put a job before all rooms, which the record of that number answers."""
    assert spooling_room.noted_as(number) == "job.succeeded"
    for room in range(ROOMS):
        await add_room(database, f"room-{room}")
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
            "VALUES ($1, 'reboot', 'running', 1, 'eve', 2, $2, '{}')",
            *(f"job-{number}", True),
        )
        await tx.execute(
            "INSERT INTO executions (job, room, wave, state, changed_at) SELECT jobs.key, rooms.key, 0, 'queued', 0 "
            "FROM jobs, rooms"
        )


async def stored(database: Database) -> list[Row]:
    """Return what rooms noted, from first to last, over all boots."""
    return await database.fetch(
        "SELECT r.id AS room, x.kind, x.number, x.at FROM ("
        "SELECT room, boot, n, at, type AS kind, text AS number FROM events WHERE type IN ($1, $2) "
        "UNION ALL SELECT room, boot, n, at, 'meeting', meeting FROM meetings) x "
        "JOIN rooms r ON r.key = x.room JOIN boots b ON b.key = x.boot ORDER BY r.id, b.no, x.n",
        *spooling_room.KINDS[:2],
    )


class NamedFleet(Fleet):
    """All know the cluster by one name that has each node's address, each in an order of its own."""

    def url(self, _number: int) -> str:
        return f"mqtt://{named.NAME}:{self.broker.port}"

    def python(self, number: int, module: str) -> tuple[str, ...]:
        addresses = (*HOSTS[number % 3 :], *HOSTS[: number % 3])
        return sys.executable, named.__file__, ",".join(addresses), module


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chosen", ["nats-sqlite"], indirect=True)
async def test_rooms_and_ingest_go_on_at_another_node_when_theirs_dies_for_good(
    chosen, database, database_url, tmp_path
):
    async with running(chosen[0], tmp_path, database_url, database, NamedFleet) as fleet:
        fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
        await fleet.until_stored(2000)
        # that of the ingest and of the first room
        await fleet.broker.kill(0)
        await fleet.until_acknowledged()
    await check(database)


async def check(database: Database) -> None:
    told: dict[str, list[tuple[int, str]]] = {}
    for row in await stored(database):
        told.setdefault(row["room"], []).append((int(row["number"]), row["kind"]))
    noted = [(number, spooling_room.noted_as(number)) for number in range(1, EACH + 1)]
    assert told == {f"room-{number}": noted for number in range(ROOMS)}


@pytest.mark.timeout(120)
async def test_two_ingests_side_by_side_store_nothing_twice(chosen, database, database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "EACH", 1500)
    async with running(chosen[0], tmp_path, database_url, database) as fleet:
        await fleet.start_ingest()
        fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
        await fleet.until_acknowledged()
    await check(database)


@pytest.fixture
def durable() -> Iterator[PostgresServer]:
    """A PostgreSQL that writes to the disk what it says it has, unlike that of the other tests."""
    with postgres_server(DURABLE) as server:
        yield server


@asynccontextmanager
async def at_postgres(folder: Path, server: PostgresServer) -> AsyncIterator[Fleet]:
    """Run an ingest on it, and rooms that note a while."""
    database = await open_database(server.url)
    await bring_up_to_date(database)
    try:
        async with running("mosquitto", folder, server.url, database) as fleet:
            fleet.rooms = [await fleet.start_room(number) for number in range(ROOMS)]
            yield fleet
    finally:
        await database.close()


@pytest.mark.timeout(200)
async def test_what_is_acknowledged_outlives_a_kill_of_the_database(durable, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "EACH", 3000)
    async with at_postgres(tmp_path, durable) as fleet:
        for count in (500, 2500):
            await fleet.until_stored(count)
            await asyncio.to_thread(durable.kill)
            await asyncio.to_thread(durable.start)
        await fleet.until_acknowledged()
        await check(fleet.database)


@pytest.mark.timeout(200)
async def test_a_database_that_is_stopped_and_started_is_said_once_and_all_goes_on(durable, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "EACH", 3000)
    async with at_postgres(tmp_path, durable) as fleet:
        await fleet.until_stored(500)
        await asyncio.to_thread(durable.stop)
        with pytest.raises(DatabaseTrouble, match="PostgreSQL"):
            await fleet.stored()
        await fleet.until_said("Nothing is acknowledged meanwhile: rooms keep their records.")
        await asyncio.to_thread(durable.start)
        await fleet.until_acknowledged()
        await check(fleet.database)
        said = fleet.log.read_text()
        assert said.count("The console's PostgreSQL") == said.count("Nothing is acknowledged meanwhile") == 1
        assert "The database takes what rooms say again" in said
        assert "Traceback" not in said
        assert fleet.ingests[0].returncode is None


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
            spool.note(Sample(300, CallPhase.IDLE, participants=n) if n % 3 else spooling_room.numbered(n))
        async with spooling_room.connected(fleet.broker.url(1), "away", folder, spool, "boot-2"):
            async with asyncio.timeout(80):
                while spool.waiting:
                    # what has arrived is always the oldest of it
                    got = [row["got"] for row in await database.fetch("SELECT got FROM boots WHERE got <> ''")]
                    assert [text.split("-")[0] for text in got if "," not in text] == ["1"] * len(got)
                    for kind, told in (await by_kind(database)).items():
                        assert [number for number, _ in told] == of_kind(kind, count)[: len(told)]
                    await asyncio.sleep(0.1)
    chart = await series(database, 1, "samples", began, began + 8 * DAY)
    told = {"sample": list(zip(chart.columns["participants"], chart.columns["at"], strict=True))}
    told |= await by_kind(database)
    assert {kind: [number for number, _ in of] for kind, of in told.items()} == {
        kind: of_kind(kind, count) for kind in ("sample", *spooling_room.KINDS)
    }
    # each at its own time, which is the same distance from the beginning for all kinds
    assert len({at - number * step for of in told.values() for number, at in of}) == 1


async def by_kind(database: Database) -> dict[str, list[tuple[int, int]]]:
    """Return what is stored, samples aside, as the console's pages would show it: by time."""
    found: dict[str, list[tuple[int, int]]] = {}
    for row in sorted(await stored(database), key=lambda row: row["at"]):
        found.setdefault(row["kind"], []).append((int(row["number"]), row["at"]))
    return found


def of_kind(kind: str, count: int) -> list[int]:
    """Return the numbers of a week's records of a kind."""
    return [n for n in range(count) if ("sample" if n % 3 else spooling_room.noted_as(n)) == kind]


async def start_of_week() -> Moment:
    now = int(spooling_room.now().timestamp() * 1000)
    return Moment(now - 7 * DAY, 0)
