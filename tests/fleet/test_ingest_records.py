"""Records of rooms, in the database: each once, the same on SQLite and PostgreSQL."""

import asyncio
import base64
from dataclasses import replace

import pytest
from ingest_desk import Desk
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.payloads import (
    CallPhase,
)
from appliance.telemetry.protocol.records import (
    BatchAck,
    Chunk,
    Happening,
    JobReport,
    JobState,
    Meeting,
    Outcome,
    Sample,
    Thinned,
)
from fleet.refusal import Refusal
from fleet.store.database import DatabaseTrouble
from fleet.store.opening import open_database
from fleet.store.samples import tables

MINUTE = 60_000


async def test_records_are_stored_once_and_acknowledged_each_time(desk):
    voice = Voice()
    batch = voice.batch(1, IDLE, Happening("room.started"), IDLE)
    assert await desk.hear(batch) == [BatchAck("boot-1", 1, 3)]
    assert await desk.hear(batch, voice.batch(2, Happening("room.started"), IDLE, IDLE)) == [
        BatchAck("boot-1", 1, 3),
        BatchAck("boot-1", 2, 4),
    ]
    assert [row[2] for row in await desk.samples()] == [1, 3, 4]
    assert await desk.rows("n, type", "events") == [(2, "room.started")]
    assert await desk.rows("boot, no, got", "boots", "key") == [("boot-1", voice.no, "1-4")]
    assert (desk.counts.records, desk.counts.repeated) == (4, 5)


async def test_a_batch_in_one_flush_twice_is_stored_once(desk):
    batch = Voice().batch(1, IDLE, IDLE)
    await desk.hear(batch, batch)
    assert len(await desk.samples()) == 2


async def test_numbers_of_two_boots_and_two_rooms_are_kept_apart(desk):
    old, new, other = Voice(boot="a", no=1), Voice(boot="b", no=2), Voice("room-2", boot="a", no=1)
    await desk.hear(new.batch(1, IDLE), new.batch(1, IDLE, of=old), other.batch(1, IDLE))
    assert len(await desk.samples()) == 3
    assert await desk.rows("boot, got", "boots", "room, no") == [("a", "1-1"), ("b", "1-1"), ("a", "1-1")]


async def test_a_batch_speaks_for_numbers_that_were_thinned_out(desk):
    voice = Voice()
    lost = Thinned(NOON - 60_000, NOON, 40, 300)
    assert await desk.hear(voice.batch(41, lost, last=80)) == [BatchAck("boot-1", 41, 80)]
    await desk.hear(voice.batch(60, IDLE))
    assert await desk.samples() == []
    ((type_, text),) = await desk.rows("type, text", "events")
    assert type_ == "samples.thinned"
    assert text == "40 measurements were given up to save disk in the room; one was kept of each 300 s."


async def test_batches_that_arrive_out_of_order_are_all_kept(desk):
    voice = Voice()
    await desk.hear(voice.batch(5, IDLE, IDLE))
    await desk.hear(voice.batch(1, IDLE))
    await desk.hear(voice.batch(2, IDLE, IDLE, IDLE))
    assert sorted(row[2] for row in await desk.samples()) == [1, 2, 3, 4, 5, 6]
    assert await desk.rows("got", "boots", "key") == [("1-6",)]


async def test_a_record_of_the_next_version_is_kept_as_unknown_and_holds_nothing_up(desk):
    voice = Voice()
    letter = voice.batch(1, IDLE, Happening("x"), IDLE)
    strange = letter.payload.replace(b'"event":{', b'"hologram":{')
    assert strange != letter.payload
    assert await desk.hear(letter._replace(payload=strange)) == [BatchAck("boot-1", 1, 3)]
    assert [row[2] for row in await desk.samples()] == [1, 3]
    assert await desk.rows("n, type", "events") == [(2, "unknown")]


async def test_what_a_meeting_was_like_is_stored(desk):
    voice = Voice()
    meeting = Meeting(
        "m1", Outcome.HELD, began_at=NOON - 1000, ended_at=NOON, participants=4, loss=0.01, title="Ünï\u202e"
    )
    await desk.hear(voice.batch(1, meeting))
    columns = "meeting, outcome, booked_from, began_at, ended_at, participants, loss, title"
    ((*row, loss, title),) = await desk.rows(columns, "meetings")
    assert row == ["m1", "held", None, NOON - 1000, NOON, 4]
    assert (loss, title) == (pytest.approx(0.01), "Ünï")


async def test_a_clock_that_was_not_set_is_corrected_while_the_same_boot_runs(desk):
    voice = Voice(ahead_ms=-10 * 365 * 24 * 3600 * 1000)
    early = voice.stamp().mono
    unset = voice.batch(1, Happening("then"), sync="no", ts=1000, mono=early - 90_000)
    await desk.hear(unset)
    assert await desk.rows("at, ts, heard_at", "events") == [(NOON - 90_000, 1000, NOON)]


@pytest.mark.parametrize("ts", [1000, NOON + 10 * 365 * 24 * 3600 * 1000, NOON - 31 * 24 * 3600 * 1000, 2**62])
async def test_a_time_that_cannot_be_gives_way_to_the_time_of_arrival(desk, ts):
    await desk.hear(Voice().batch(1, Happening("then"), ts=ts))
    assert await desk.rows("at, ts", "events") == [(NOON, ts)]


async def test_a_job_goes_on_to_its_end_and_stays_there(desk):
    voice = Voice()
    await desk.hear(voice.state())
    async with desk.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
            "VALUES ('j1', 'logs', 'running', 1, 'eve', 2, $1, '{}')",
            True,
        )
        await tx.execute(
            "INSERT INTO executions (job, room, wave, state, changed_at) SELECT jobs.key, rooms.key, 0, 'queued', 0 "
            "FROM jobs, rooms"
        )
    await desk.hear(voice.batch(1, JobReport("j1", JobState.ACCEPTED), JobReport("j1", JobState.RUNNING, step="going")))
    assert await desk.rows("state, step", "executions", "job") == [("running", "going")]
    ending = (JobReport("j1", JobState.FAILED, detail="No power."), JobReport("j1", JobState.RUNNING))
    await desk.hear(voice.batch(3, *ending, ts=NOON - 10 * MINUTE))
    # told late, by a room that was away: the next wave's wait begins now
    assert await desk.rows("state, detail, changed_at", "executions", "job") == [("failed", "No power.", NOON)]
    assert [row[0] for row in await desk.rows("type", "events")] == [
        "job.accepted",
        "job.running",
        "job.failed",
        "job.running",
    ]
    data = base64.b64encode(b"part two").decode()
    asked = Chunk("f1", "j1", "log.txt", "text/plain", 16, 1, 2, data)
    await desk.hear(voice.batch(5, asked, replace(asked, index=0), replace(asked, file="f2", job="j2")))
    assert await desk.rows("file, size, chunks", "files", "key") == [("f1", 16, 2)]
    assert [(row[0], bytes(row[1])) for row in await desk.rows("place, data", "file_chunks", "place")] == [
        (0, b"part two"),
        (1, b"part two"),
    ]


async def test_a_room_sends_the_files_it_was_asked_for_and_does_not_fill_the_disk_with_more(desk):
    voice = Voice()
    await desk.hear(voice.state())
    async with desk.database.transaction() as tx:
        for job, kind in (("logs-1", "logs"), ("restart-1", "restart")):
            await tx.execute(
                "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
                "VALUES ($1, $2, 'running', 0, 'ada', 1, TRUE, '{}')",
                *(job, kind),
            )
        await tx.execute(
            "INSERT INTO executions (job, room, wave, state, changed_at) SELECT jobs.key, rooms.key, 0, 'queued', 0 "
            "FROM jobs, rooms"
        )
    data = base64.b64encode(b"x").decode()
    chunk = Chunk("", "logs-1", "log.txt", "text/plain", 2, 0, 2, data)
    files = [replace(chunk, file=f"f{number}") for number in range(9)]
    await desk.hear(voice.batch(1, *files, replace(files[0], index=1), replace(chunk, file="r", job="restart-1")))
    assert await desk.rows("file", "files", "key") == [("f0",), ("f1",), ("f2",), ("f3",)]
    assert len(await desk.rows("place", "file_chunks", "file")) == 5


async def test_values_beyond_all_bounds_are_stored_as_nothing_or_the_most(desk):
    voice = Voice()
    wild = Sample(10**9, CallPhase.LIVE, participants=10**12, freezes=-5, cpu=1e300, loss=0.5)
    await desk.hear(voice.batch(1, wild, Meeting("m", Outcome.HELD, participants=2**60)), voice.health(every_s=2**50))
    ((table),) = await tables(desk.database, desk.database.dialect, "samples")
    assert await desk.rows("span_s, participants, freezes, cpu, loss", table) == [(3600, 2**31 - 1, 0, None, 0.5)]
    assert await desk.rows("participants", "meetings") == [(2**31 - 1,)]


async def test_a_batch_of_scattered_numbers_is_not_taken(desk):
    voice = Voice()
    await desk.hear(*(voice.batch(2 * n + 1, last=2 * n + 1) for n in range(1005)))
    assert desk.counts.refused[Refusal.SCATTERED] == 5
    assert await desk.hear(voice.batch(1, last=3)) == [BatchAck("boot-1", 1, 3)]


async def test_two_ingests_on_one_database_store_nothing_twice(database, database_url):
    second = await open_database(database_url)
    desks = [Desk(database), Desk(second)]
    voices = [Voice(f"room-{number}") for number in range(5)]
    letters = [letter for voice in voices for letter in (voice.state(), voice.health(), voice.batch(1, *[IDLE] * 20))]
    letters += [voice.batch(11, *[Happening("x")] * 20) for voice in voices]
    answers = await asyncio.gather(*(desk.hear(*letters) for desk in desks))
    assert [len(acks) for acks in answers] == [10, 10]
    assert len(await desks[0].samples()) == 100
    assert (await desks[0].rows("count(*)", "events", "1")) == [(50,)]
    assert sum(desk.counts.records for desk in desks) == 150
    await second.close()


async def test_a_database_that_fails_in_the_middle_stores_nothing_of_it_and_everything_later(desk, monkeypatch):
    voice = Voice()
    await desk.hear(voice.state())

    async def fail(*_args, **_more):
        raise DatabaseTrouble("The disk is full.")

    letters = [voice.health(), voice.batch(1, IDLE)]
    with monkeypatch.context() as patched:
        patched.setattr("fleet.ingest.writer.write_changes", fail)
        with pytest.raises(DatabaseTrouble):
            await desk.hear(*letters)
    assert (await desk.samples(), (await desk.room())["status"]) == ([], "new")
    assert await desk.hear(*letters) == [BatchAck("boot-1", 1, 1)]
    assert (len(await desk.samples()), (await desk.room())["status"]) == (1, "ready")


async def test_one_message_that_cannot_be_stored_takes_no_other_with_it(desk):
    good, bad = Voice(), Voice("room-2")
    poison = bad.batch(1, Happening("x"))
    # beyond 64 bits in a column, past the checks
    letter = poison._replace(at=2**64)
    assert await desk.hear(good.health(), letter, good.batch(1, IDLE)) == [BatchAck("boot-1", 1, 1)]
    assert desk.counts.refused[Refusal.UNFIT] == 1
    assert (await desk.room())["status"] == "ready"
