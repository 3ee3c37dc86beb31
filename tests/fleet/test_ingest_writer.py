"""What rooms say, in the database: the same on SQLite and PostgreSQL."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.codec import dump, encode
from appliance.telemetry.protocol.payloads import (
    Answer,
    CallAck,
    CallPhase,
    Ending,
    Event,
    Issue,
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
    Sample,
    Thinned,
)
from fleet.ingest.known import DUPLICATE
from fleet.ingest.reading import Refusal
from fleet.ingest.writer import Counts, Writer
from fleet.store.database import DatabaseTrouble, open_database
from fleet.store.samples import tables

MINUTE = 60_000


class Desk:
    """A writer, and questions to its database."""

    def __init__(self, database, most_unenrolled=100):
        self.database = database
        self.counts = Counts()
        self.writer = Writer(database, "home", most_unenrolled=most_unenrolled, now=lambda: NOON, counts=self.counts)

    async def hear(self, *letters) -> list[BatchAck]:
        return [answer.ack for answer in await self.writer.write(letters)]

    async def room(self, name="room-1"):
        rows = await self.database.fetch("SELECT * FROM rooms WHERE id = $1", name)
        return rows[0] if rows else None

    async def rows(self, columns, table, order="n"):
        return [tuple(row) for row in await self.database.fetch(f"SELECT {columns} FROM {table} ORDER BY {order}")]

    async def samples(self):
        names = await tables(self.database, self.database.dialect, "samples")
        return [row for name in names for row in await self.rows("room, boot, n, at", name, "at, n")]


@pytest.fixture
def desk(database):
    return Desk(database)


async def test_a_room_that_is_heard_is_listed_with_its_name_and_status(desk):
    voice = Voice()
    disk = Issue("disk", Severity.WARNING, "The disk is nearly full.")
    await desk.hear(voice.state(bd=7), voice.info("Blue room"), voice.health(issues=(disk,)))
    room = await desk.room()
    assert (room["name"], room["status"], room["presence"], room["bd"]) == ("Blue room", "warning", "online", 7)
    assert (room["worst"], room["issue_count"], room["health_at"]) == ("The disk is nearly full.", 1, NOON)
    assert room["due_at"] == NOON + 75_000
    assert json.loads(room["health"])["issues"][0]["id"] == "disk"
    assert json.loads(room["state"])["online"] is True


async def test_each_change_raises_the_version_that_viewers_ask_by(desk):
    voice, other = Voice(), Voice("room-2")
    await desk.hear(voice.state(), other.state())
    first = (await desk.room())["version"]
    await desk.hear(voice.health())
    assert (await desk.room())["version"] == first + 1
    assert (await desk.room("room-2"))["version"] == first
    assert (await desk.rows("value", "counters WHERE name = 'rooms'", "name")) == [(first + 1,)]


async def test_a_status_remembers_since_when(desk):
    voice = Voice()
    await desk.hear(voice.state(), voice.health())
    began = (await desk.room())["status_at"]
    voice.at += MINUTE
    await desk.hear(voice.health())
    assert (await desk.room())["status_at"] == began == NOON


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


async def test_a_clock_ten_years_off_is_a_warning_and_loses_nothing(desk):
    voice = Voice(ahead_ms=10 * 365 * 24 * 3600 * 1000)
    await desk.hear(voice.state(), voice.health(), voice.batch(1, IDLE))
    room = await desk.room()
    assert (room["status"], room["skew_ms"]) == ("warning", -voice.ahead_ms)
    assert "clock is 315360000 s ahead" in room["worst"]
    assert [row[3] for row in await desk.samples()] == [NOON]


async def test_the_last_will_of_an_older_session_means_nothing(desk):
    old, new = Voice(boot="a"), Voice(boot="b")
    await desk.hear(old.state(bd=1), new.state(bd=2), old.state(online=False, bd=1, ended=Ending.LOST))
    assert (await desk.room())["presence"] == "online"
    await desk.hear(new.state(online=False, bd=2, ended=Ending.LOST))
    room = await desk.room()
    assert (room["presence"], room["status"]) == ("lost", "offline")


async def test_a_goodbye_is_no_loss(desk):
    voice = Voice()
    await desk.hear(voice.state(bd=1), voice.state(online=False, bd=1, ended=Ending.STOPPED))
    assert (await desk.room())["presence"] == "offline"


async def test_an_ingest_that_has_just_started_believes_the_will_it_missed(database):
    voice = Voice()
    await Desk(database).hear(voice.state(bd=3))
    again = Desk(database)
    await again.hear(voice.state(online=False, bd=3, ended=Ending.LOST, retained=True))
    assert (await again.room())["presence"] == "lost"


async def test_health_that_somebody_had_kept_is_not_how_the_room_is(desk):
    voice = Voice()
    kept = voice.health()._replace(retained=True)
    await desk.hear(voice.state(retained=True), kept)
    room = await desk.room()
    assert (room["health"], room["seen_at"], room["status"]) == (None, 0, "new")


async def test_a_room_without_its_birth_is_there_when_it_says_how_it_is(desk):
    await desk.hear(Voice().health(CallPhase.LIVE))
    room = await desk.room()
    assert (room["presence"], room["status"]) == ("online", "meeting")


async def test_two_machines_with_one_identity_are_told_and_both_are_stored(desk):
    one, two = Voice(boot="a", no=1), Voice(boot="b", no=2)
    await desk.hear(one.state(bd=1), one.batch(1, IDLE), two.state(bd=50), two.batch(1, IDLE), one.state(bd=2))
    await desk.hear(one.health(), one.batch(2, IDLE))
    room = await desk.room()
    assert (room["status"], room["worst"]) == ("warning", DUPLICATE)
    assert len(await desk.samples()) == 3
    assert await desk.rows("type, severity", "events") == [("identity.duplicate", "error")]
    one.at += 11 * MINUTE
    await desk.hear(one.health())
    assert (await desk.room())["trouble"] == ""


async def test_a_restarted_room_is_no_second_machine(desk):
    for number, boot in enumerate("abcdef"):
        await desk.hear(Voice(boot=boot).state(bd=number))
    assert (await desk.room())["trouble"] == ""


async def test_a_retired_room_is_not_listened_to(desk):
    voice = Voice()
    await desk.hear(voice.state())
    async with desk.database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "UPDATE rooms SET retired_at = $1, version = (SELECT value FROM counters WHERE name = 'rooms')", NOON
        )
    assert await desk.hear(voice.health(), voice.batch(1, IDLE)) == []
    assert desk.counts.refused[Refusal.RETIRED] == 2
    assert (await desk.room())["health"] is None


async def test_strangers_are_listed_up_to_a_bound(database):
    desk = Desk(database, most_unenrolled=2)
    await desk.hear(*(Voice(f"room-{number}").state() for number in range(4)))
    assert await desk.rows("id, status, enrolled_at", "rooms", "id") == [
        ("room-0", "new", None),
        ("room-1", "new", None),
    ]
    assert desk.counts.refused[Refusal.TOO_MANY_ROOMS] == 2
    async with database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "INSERT INTO rooms (id, enrolled_at, version) SELECT $1, $2, value FROM counters WHERE name = 'rooms'",
            *("room-3", NOON),
        )
    await desk.hear(Voice("room-3").health())
    assert (await desk.room("room-3"))["status"] == "ready"


async def test_what_another_process_has_changed_is_respected(desk):
    voice = Voice()
    await desk.hear(voice.state(), voice.health())
    async with desk.database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "UPDATE rooms SET presence = 'silent', status = 'offline', "
            "version = (SELECT value FROM counters WHERE name = 'rooms')"
        )
    await desk.hear(voice.info("Renamed"))
    assert (await desk.room())["status"] == "offline"
    await desk.hear(voice.health())
    assert (await desk.room())["status"] == "ready"


async def test_a_job_goes_on_to_its_end_and_stays_there(desk):
    voice = Voice()
    await desk.hear(voice.state())
    async with desk.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
            "VALUES ('j1', 'reboot', 'running', 1, 'eve', 2, $1, '{}')",
            True,
        )
        await tx.execute(
            "INSERT INTO executions (job, room, wave, state, changed_at) SELECT jobs.key, rooms.key, 0, 'queued', 0 "
            "FROM jobs, rooms"
        )
    await desk.hear(voice.batch(1, JobReport("j1", JobState.ACCEPTED), JobReport("j1", JobState.RUNNING, step="going")))
    assert await desk.rows("state, step", "executions", "job") == [("running", "going")]
    await desk.hear(
        voice.batch(3, JobReport("j1", JobState.FAILED, detail="No power."), JobReport("j1", JobState.RUNNING))
    )
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


async def test_an_answer_to_a_call_is_an_event_once(desk):
    voice = Voice()
    body = Event("call.ack", data=CallAck("c1", "mute", Answer.REFUSED, "Only a touch can."))
    letter = voice.letter(voice.topics.event, encode(voice.stamp(), body))
    await desk.hear(letter, letter)
    ((type_, text, data),) = await desk.rows("type, text, data", "events")
    assert (type_, text, json.loads(data)["id"]) == ("call.refused", "Only a touch can.", "c1")


async def test_what_is_in_force_is_known_by_its_revision(desk):
    voice = Voice()
    body = Reported(rev=12, seen=13, doc={"room": {"name": "Blue"}})
    await desk.hear(voice.letter(voice.topics.reported, encode(voice.stamp(), body), retained=True))
    room = await desk.room()
    assert (room["rev_applied"], json.loads(room["reported"])["doc"]) == (12, {"room": {"name": "Blue"}})


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


async def test_hostile_messages_are_counted_by_reason(desk):
    voice = Voice()
    topic = voice.topics.health
    letters = {
        Refusal.NO_ROOM: voice.letter("rooms/v1/other/room-1/up/health", b"{}"),
        Refusal.TOO_LARGE: voice.letter(topic, b" " * 70_000),
        Refusal.MALFORMED: voice.letter(topic, b'{"phase":'),
        Refusal.WRONG_SHAPE: voice.letter(topic, dump({"phase": 5})),
        Refusal.NEXT_VERSION: voice.letter("rooms/v1/home/room-1/up/mood", b"{}"),
    }
    assert await desk.hear(*letters.values(), voice.health()) == []
    assert dict(desk.counts.refused) == dict.fromkeys(letters, 1)
    assert (await desk.room())["status"] == "ready"
