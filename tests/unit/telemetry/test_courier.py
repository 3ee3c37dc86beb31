import asyncio
import json
from contextlib import asynccontextmanager, suppress

from test_spool import Clock, event, numbers, on_disk, spool_at

from appliance.telemetry.courier import Courier
from appliance.telemetry.protocol.payloads import CallPhase, Stamp
from appliance.telemetry.protocol.records import BatchAck, Sample, decode_batch, encode_ack
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import SpoolSettings
from appliance.telemetry.spool_disk import DiskTrouble

TOPICS = Topics("home", "room-1")
QUICK = SendPace(
    resend_s=0.05, longest_resend_s=0.05, stranger_resend_s=0.05, backlog_within_s=0, a_second=10_000, silent_s=0.2
)


class Line:
    """A connection to a console that answers, or does not."""

    def __init__(self, *, answers=True, takes=True):
        self.answers, self.takes = answers, takes
        self.courier = None
        self.places, self.sizes = [], []

    def send(self, message):
        if not self.takes:
            return False
        assert message.topic == TOPICS.batch
        _, batch = decode_batch(message.payload)
        self.sizes.append(len(message.payload))
        self.places += [(batch.head.of, record.n) for record in batch.records]
        if self.answers:
            ack = BatchAck(batch.head.of, batch.head.first, batch.head.last)
            self.courier.hear_ack(encode_ack(ack))
        return True


@asynccontextmanager
async def carrying(spool, line, *, pace=QUICK, pinned=False, health=None):
    told = [] if health is None else health
    line.courier = courier = Courier(spool, on_health=told.append, pinned=pinned, pace=pace)
    task = asyncio.create_task(courier.run(line.send, TOPICS, lambda: Stamp(1, "boot-9", 1, 0)))
    try:
        yield courier
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_week_without_a_network_comes_back_in_order_and_whole(tmp_path):
    clock = Clock()
    expected = []
    for boot in ("monday", "thursday"):
        async with spool_at(tmp_path, boot, clock=clock) as spool:
            for n in range(1, 3 * 24 * 120):
                clock.ts += 30_000
                spool.note(event() if n % 100 == 0 else Sample(30, CallPhase.IDLE))
                expected.append((boot, n))
            await on_disk(spool)
    line = Line()
    async with spool_at(tmp_path, "sunday", clock=clock) as spool, carrying(spool, line):
        await until(lambda: spool.waiting == 0)
        assert await numbers(spool) == []
    assert line.places == expected
    assert max(line.sizes) < 64 * 1024


async def test_what_is_noted_while_the_connection_is_made_does_not_wait_its_turn_behind_the_past(tmp_path):
    slow = SendPace(a_second=1000, backlog_within_s=3600, jitter=lambda: 1.0)
    line = Line()
    async with spool_at(tmp_path, "today") as spool:
        spool.note(event())
        courier = Courier(spool, on_health=lambda _: None, pace=slow)
        line.courier = courier
        courier.connecting()
        # a job that waited at the broker, done as soon as it was heard
        spool.note(event())
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(courier.run(line.send, TOPICS, lambda: Stamp(1, "boot-9", 1, 0)))
            await until(lambda: line.places)
            run.cancel()
    assert line.places == [("today", 2)]


async def test_a_console_that_should_be_there_and_says_nothing_is_told_and_taken_back(tmp_path):
    health, line = [], Line(answers=False)
    async with spool_at(tmp_path) as spool, carrying(spool, line, pinned=True, health=health):
        spool.note(event())
        await until(lambda: health)
        assert (health[-1].name, health[-1].ok) == ("console", False)
        line.answers = True
        await until(lambda: health[-1].ok)
        assert spool.waiting == 0


async def test_a_room_that_no_console_has_ever_answered_does_not_complain_and_one_that_was_answered_does(tmp_path):
    health, line = [], Line(answers=False)
    async with spool_at(tmp_path) as spool, carrying(spool, line, health=health):
        spool.note(event())
        await until(lambda: len(line.places) > 8)
        assert health == []
        line.answers = True
        await until(lambda: spool.waiting == 0)
    line = Line(answers=False)
    async with spool_at(tmp_path, "boot-2") as spool, carrying(spool, line, health=health):
        spool.note(event())
        await until(lambda: health)
    assert not health[-1].ok


async def test_what_a_disk_does_not_give_for_a_while_is_not_spoken_for_and_sent_when_it_does(tmp_path):
    line = Line(answers=False)
    async with spool_at(tmp_path, settings=SpoolSettings(retry_s=0.05)) as spool:
        for _ in range(5):
            spool.note(event())
        await on_disk(spool)
        whole, spool._disk.use = spool._disk.use, failing
        spool.note(event())
        line.answers = True
        async with carrying(spool, line):
            await until(lambda: line.places == [("boot-1", 6)])
            await until(lambda: not spool._notes())
            spool._disk.use = whole
            await until(lambda: spool.waiting == 0)
    assert line.places[1:] == [("boot-1", n) for n in range(1, 6)]


def failing(_deed):
    raise DiskTrouble("The disk sleeps.")


async def test_acknowledgements_that_make_no_sense_change_nothing(tmp_path):
    line = Line(answers=False)
    async with spool_at(tmp_path) as spool, carrying(spool, line) as courier:
        spool.note(event())
        await until(lambda: line.places)
        for nonsense in (
            b"",
            b"{",
            b"[]",
            b'{"boot":7}',
            json.dumps({"boot": "boot-1", "first": 0, "last": 0}).encode(),
        ):
            courier.hear_ack(nonsense)
        courier.hear_ack(encode_ack(BatchAck("boot-1", 5, 9)))
        await until(lambda: not courier._acks)
        assert await numbers(spool) == [("boot-1", 1)]


async def test_a_connection_that_takes_nothing_now_is_asked_again(tmp_path):
    line = Line(takes=False)
    async with spool_at(tmp_path) as spool, carrying(spool, line):
        spool.note(event())
        await asyncio.sleep(0.05)
        assert spool.waiting == 1
        line.takes = True
        await until(lambda: spool.waiting == 0)
