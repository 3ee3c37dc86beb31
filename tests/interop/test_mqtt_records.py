"""Records on real brokers: everything arrives once and in order, whatever is killed meanwhile."""

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import mqtt_parts as parts
import pytest
from dropping_broker import dropping
from mqtt_parts import ROOM, Broker, MqttSettings, hearing, running

from appliance.state.room import Boot
from appliance.telemetry.connection import Access, BrokerAway, Connection
from appliance.telemetry.courier import CONSOLE, Courier
from appliance.telemetry.moments import machine_clock
from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.records import BatchAck, Happening, decode_batch, encode_ack
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.reporter import Outgoing
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import Spool, SpoolSettings
from appliance.telemetry.spool_file import SpoolFile

pytestmark = pytest.mark.interop

TOPICS = Topics("home", "room-1")
QUICK = SendPace(resend_s=0.5, longest_resend_s=0.5, stranger_resend_s=0.5, backlog_within_s=0, a_second=50)


@asynccontextmanager
async def spool_at(folder, boot="boot-1"):
    folder.mkdir(exist_ok=True)
    async with Spool(
        folder / "spool.db",
        boot=boot,
        clock=machine_clock(parts.now),
        on_health=lambda _: None,
        settings=SpoolSettings(),
    ) as spool:
        yield spool


@asynccontextmanager
async def a_room_that_records(settings, folder, boot="boot-1", pace=QUICK, *, pinned=False):
    room = parts.Room(parts.Watch(replace(parts.a_room(), boot=Boot(boot))))
    async with spool_at(folder, boot) as spool:
        courier = Courier(spool, on_health=room.hear_health, pinned=pinned, pace=pace)
        task = asyncio.create_task(room.agent(settings, folder, courier=courier).run())
        try:
            yield room, spool
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Console:
    """Keeps what arrives, and acknowledges it unless it is told to be silent."""

    def __init__(self, broker, name="console"):
        self.access = Access(broker_address(broker.url), name)
        self.stored, self.heard, self.order = set(), Counter(), []
        self.batches = asyncio.Queue()
        self.answers = True

    @asynccontextmanager
    async def connected(self):
        async with Connection(
            self.access,
            will=Outgoing("gone", b""),
            subscribe=(TOPICS.batch,),
            hear=self._hear,
        ) as line:
            task = asyncio.create_task(self._store(line))
            try:
                yield line
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _hear(self, message):
        # amqtt hands each client that connects what is retained on any topic that anybody has subscribed to
        if message.topic == TOPICS.batch:
            self.batches.put_nowait(message.payload)

    async def stay(self):
        """Come back whenever the broker does."""
        while True:
            with suppress(BrokerAway):
                async with self.connected() as line:
                    await asyncio.wait({line.over})
            await asyncio.sleep(0.1)

    async def _store(self, line):
        while True:
            _, batch = decode_batch(await self.batches.get())
            for record in batch.records:
                place = batch.head.of, record.n
                self.heard[place] += 1
                if place not in self.stored:
                    self.stored.add(place)
                    self.order.append(place)
            if self.answers:
                ack = BatchAck(batch.head.of, batch.head.first, batch.head.last)
                line.send(Outgoing(TOPICS.ack, encode_ack(ack)))


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture(params=["mosquitto", "amqtt", "nats"])
async def broker(request, tmp_path):
    async with running(Broker(request.param, tmp_path)) as broker:
        yield broker


async def test_records_arrive_in_order_and_are_forgotten_once_they_are_acknowledged(broker, tmp_path):
    async with spool_at(tmp_path / "state", "boot-0") as spool:
        for n in range(300):
            spool.note(Happening("test", text=f"{n} " + "x" * 400))
    console = Console(broker)
    async with console.connected(), a_room_that_records(MqttSettings(broker.url), tmp_path / "state") as (_, spool):
        spool.note(Happening("test", text="new"))
        await until(lambda: spool.waiting == 0)
        spool.note(Happening("test", text="newer"))
        await until(lambda: spool.waiting == 0)
    old = [("boot-0", n) for n in range(1, 301)]
    assert [place for place in console.order if place in set(old)] == old
    assert set(console.order) == {*old, ("boot-1", 1), ("boot-1", 2)}


async def test_a_console_that_is_silent_is_told_everything_again_until_it_answers(broker, tmp_path):
    console = Console(broker)
    console.answers = False
    async with console.connected(), a_room_that_records(MqttSettings(broker.url), tmp_path / "state") as (_, spool):
        spool.note(Happening("test"))
        await until(lambda: console.heard["boot-1", 1] > 1)
        assert spool.waiting == 1
        console.answers = True
        await until(lambda: spool.waiting == 0)
    assert console.stored == {("boot-1", 1)}


async def test_health_says_how_much_waits(broker, tmp_path):
    async with (
        hearing(broker) as ear,
        a_room_that_records(MqttSettings(broker.url), tmp_path / "state") as (room, spool),
    ):
        await ear.next("up/info")
        for _ in range(3):
            spool.note(Happening("test"))
        room.watch.set(replace(room.watch.room, notice="x", name="Green room"))
        assert (await ear.next("up/health", spooled=3))["every_s"] == 300


async def test_nothing_is_lost_when_broker_room_and_console_are_killed_in_turn(broker, tmp_path):
    state = tmp_path / "state"
    console = Console(broker)
    staying = asyncio.create_task(console.stay())
    command = (sys.executable, __file__, broker.url, str(state))
    first = await parts.start(*command, stdout=asyncio.subprocess.PIPE)
    await until(lambda: len(console.stored) > 50)
    await broker.kill()
    await parts.until_line(first.stdout, "400")
    await broker.start()
    await until(lambda: len(console.stored) > 450)
    first.send_signal(signal.SIGKILL)
    said = int((await first.stdout.read()).split()[-1])
    await first.wait()
    staying.cancel()
    second = await parts.start(*command, stdout=asyncio.subprocess.PIPE)
    await parts.until_line(second.stdout, "200")
    again = Console(broker, "console-2")
    again.stored = console.stored
    staying = asyncio.create_task(again.stay())
    await until(lambda: len(again.order) > 100)
    second.send_signal(signal.SIGINT)
    await second.wait()
    async with a_room_that_records(MqttSettings(broker.url), state, "last") as (_, spool):
        await until(lambda: spool.waiting == 0)
    staying.cancel()
    boots = {boot: sorted(n for name, n in again.stored if name == boot) for boot, _ in again.stored}
    assert len(boots) == 2
    for numbers in boots.values():
        assert numbers == list(range(1, len(numbers) + 1))
    assert len(boots[f"boot-{first.pid}"]) >= said
    file = SpoolFile(state / "spool.db")
    assert file.count() == 0
    file.close()


async def test_a_broker_that_refuses_a_topic_is_named_with_the_remedy_where_it_tells(tmp_path):
    acl = tmp_path / "acl"
    acl.write_text(f"topic write {ROOM}/up/state\ntopic write {ROOM}/up/health\ntopic read {ROOM}/#\n")
    async with (
        running(Broker("mosquitto", tmp_path, f"allow_anonymous true\nacl_file {acl}")) as broker,
        a_room_that_records(MqttSettings(broker.url), tmp_path / "state") as (room, _),
    ):
        await room.troubled.wait()
        assert "does not take what this room says: info (Not authorized)" in room.health[-1].detail
        assert f"Let it write to {ROOM}/up/#." in room.health[-1].detail


async def test_a_connection_that_is_lost_for_a_moment_is_no_lost_room(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as broker, hearing(broker, "told") as ear:
        access = Access(broker_address(broker.url), "room", five=True, will_delay_s=1)
        for _ in range(2):
            async with Connection(access, will=Outgoing("told", b'{"lost":1}'), subscribe=("x",), hear=print) as line:
                line._client.socket().shutdown(socket.SHUT_RDWR)
                await line.over
        async with Connection(access, will=Outgoing("told", b'{"lost":1}'), subscribe=("x",), hear=print) as line:
            await asyncio.sleep(1.5)
            line.send(Outgoing("told", b'{"lost":0}'))
            assert (await ear.next("told"))["lost"] == 0
            line._client.socket().shutdown(socket.SHUT_RDWR)
            await line.over
        assert (await ear.next("told"))["lost"] == 1


async def test_a_second_room_with_the_same_identity_is_told(tmp_path):
    async with (
        running(Broker("mosquitto", tmp_path)) as broker,
        a_room_that_records(MqttSettings(broker.url), tmp_path / "one", "boot-1") as (room, _),
        a_room_that_records(MqttSettings(broker.url), tmp_path / "two", "boot-2"),
    ):
        await until(lambda: any(health.name == "identity" and not health.ok for health in room.health))
    told = next(health for health in room.health if health.name == "identity")
    assert "room-id" in told.detail


async def test_what_a_broker_only_promises_to_hand_on_is_kept_told_and_delivered_later(tmp_path, unused_tcp_port):
    pace = replace(QUICK, silent_s=1.5)
    settings = MqttSettings(f"mqtt://127.0.0.1:{unused_tcp_port}")
    async with a_room_that_records(settings, tmp_path / "state", pace=pace, pinned=True) as (room, spool):
        async with dropping(unused_tcp_port) as liar:
            for n in range(1, 6):
                spool.note(Happening("test", text=str(n)))
            # acknowledged by the broker, and again
            await until(lambda: liar.acknowledged[TOPICS.batch] > 3)
            await until(lambda: any(health.name == CONSOLE and not health.ok for health in room.health))
            assert spool.waiting == 5
            assert not any(health.name == "identity" and not health.ok for health in room.health)
        broker = Broker("mosquitto", tmp_path, port=unused_tcp_port)
        console = Console(broker)
        async with running(broker), console.connected():
            await until(lambda: spool.waiting == 0)
        assert console.order == [("boot-1", n) for n in range(1, 6)]
        (told,) = (health for health in room.health if health.name == CONSOLE and not health.ok)
        assert "keeps its records" in told.detail
        await until(lambda: any(health.name == CONSOLE and health.ok for health in room.health))


async def test_a_room_asks_again_to_hear_what_a_broker_in_trouble_refused(tmp_path, unused_tcp_port):
    settings = MqttSettings(f"mqtt://127.0.0.1:{unused_tcp_port}")
    async with (
        dropping(unused_tcp_port, refusals=3) as broker,
        a_room_that_records(settings, tmp_path / "state") as (room, _),
    ):
        await until(lambda: broker.granted == {TOPICS.call, TOPICS.state, TOPICS.ack})
    # on the connection it has
    assert all(health.ok for health in room.health)


async def _write(url, folder):
    boot = f"boot-{os.getpid()}"
    async with a_room_that_records(MqttSettings(url), Path(folder), boot) as (_, spool):
        for n in range(1, 100_000):
            spool.note(Happening("test", text=str(n)))
            if n % 20 == 0:
                while spool._pending:
                    await asyncio.sleep(0.001)
                sys.stdout.write(f"{n}\n")
                sys.stdout.flush()
            await asyncio.sleep(0.002)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_write(sys.argv[1], sys.argv[2]))
