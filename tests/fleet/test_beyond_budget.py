"""A room that sends without end: the rest of the fleet, its own jobs and its own spool go on, and people hear of it."""

from ingest_desk import Desk
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.payloads import CallPhase
from appliance.telemetry.protocol.records import BatchAck, Happening, JobReport, JobState, Meeting, Outcome
from fleet.control import rulebook
from fleet.control.alerts import AlertDesk
from fleet.control.lease import Lease
from fleet.ingest.known import BEYOND

MINUTE = 60_000
NOISE = Happening("noise")
HELD = Meeting("m1", Outcome.HELD, began_at=NOON - 60 * MINUTE, ended_at=NOON)


async def flood(desk, voice, batches=3):
    """Send batches of ten records with a budget of a hundred; return what was acknowledged."""
    return [await desk.hear(voice.batch(first, *[NOISE] * 10)) for first in range(1, 10 * batches, 10)]


async def test_beyond_its_budget_a_room_is_acknowledged_and_not_stored_and_the_others_are(database):
    desk = Desk(database, records_a_day=10)
    mad, sound = Voice(), Voice("room-2")
    assert await flood(desk, mad, 15) == [[BatchAck("boot-1", first, first + 9)] for first in range(1, 150, 10)]
    # the last one that begins within it is taken whole
    assert await desk.rows("count(*)", "events WHERE type = 'noise'", "1") == [(100,)]
    assert (desk.counts.records, desk.counts.beyond) == (100, 50)
    await desk.hear(sound.batch(1, IDLE, NOISE), mad.batch(151, NOISE))
    assert desk.counts.records == 102
    assert await desk.rows("type, severity, text", "events WHERE boot = 0", "n") == [
        ("records.beyond", "error", BEYOND)
    ]
    assert (await desk.room())["trouble"] == BEYOND
    assert (await desk.room("room-2"))["trouble"] == ""


async def test_it_is_said_once_also_of_a_room_that_seems_to_be_two(database, caplog):
    desk = Desk(database, records_a_day=1)
    one, other = Voice(), Voice(boot="boot-2")
    await flood(desk, one, 1)
    for number in range(1, 6):
        await desk.hear(one.state(), other.state(), one.batch(10 * number + 1, NOISE))
    assert (await desk.room())["trouble"] == BEYOND
    assert caplog.text.count(BEYOND) == 1
    assert await desk.rows("count(*)", "events WHERE type = 'records.beyond'", "1") == [(1,)]


async def test_what_is_refused_for_its_gaps_is_not_charged(database):
    desk = Desk(database, records_a_day=200)
    voice = Voice()
    await desk.hear(*(voice.batch(2 * n, NOISE) for n in range(1, 1001)))
    for _ in range(1200):
        assert await desk.hear(voice.batch(9999, NOISE)) == []
    assert desk.counts.beyond == 0


async def test_what_arrives_twice_and_messages_of_one_flush_count_as_they_are_stored(database):
    desk = Desk(database, records_a_day=10)
    voice = Voice()
    for _ in range(50):
        await desk.hear(voice.batch(1, *[NOISE] * 10))
    assert desk.counts.beyond == 0
    await desk.hear(*(voice.batch(first, *[NOISE] * 10) for first in range(11, 211, 10)))
    assert (desk.counts.records, desk.counts.beyond) == (100, 110)


async def test_meetings_and_how_jobs_ended_are_stored_once_when_measurements_and_events_are_left(database):
    desk = Desk(database, records_a_day=1)
    voice = Voice()
    await flood(desk, voice, 1)
    report = JobReport("j1", JobState.SUCCEEDED, detail="Restarted.")
    mixed = voice.batch(11, IDLE, HELD, NOISE, report)
    for _ in range(2):
        assert await desk.hear(mixed) == [BatchAck("boot-1", 11, 14)]
    # they came along with a batch that overlaps, too
    assert await desk.hear(voice.batch(12, HELD, NOISE, report, HELD)) == [BatchAck("boot-1", 12, 15)]
    assert await desk.rows("n, outcome, ended_at", "meetings") == [(12, "held", NOON), (15, "held", NOON)]
    assert await desk.rows("n, text", "events WHERE type = 'job.succeeded'") == [(14, "Restarted.")]
    assert await desk.rows("count(*)", "events WHERE type = 'noise'", "1") == [(10,)]
    assert await desk.samples() == []
    assert await desk.rows("got", "boots", "key") == [("1-15",)]


async def test_what_is_left_of_a_long_flood_leaves_no_gaps_that_would_hold_up_a_meeting(database):
    desk = Desk(database, records_a_day=1, kept_a_day=500)
    voice = Voice()
    await flood(desk, voice, 1)
    for first in range(11, 3011, 100):
        letters = [voice.batch(n, NOISE) if n % 2 else voice.batch(n, HELD) for n in range(first, first + 100)]
        assert len(await desk.hear(*letters)) == 100
    assert await desk.rows("count(*)", "meetings", "1") == [(1500,)]
    assert not desk.counts.refused


async def test_meetings_and_jobs_without_end_have_a_budget_too(database):
    desk = Desk(database, records_a_day=1, kept_a_day=1)
    mad, sound = Voice(), Voice("room-2")
    await flood(desk, mad, 1)
    for first in range(11, 61, 2):
        acks = await desk.hear(mad.batch(first, HELD, JobReport("j1", JobState.FAILED)))
        assert acks == [BatchAck("boot-1", first, first + 1)]
    await desk.hear(sound.batch(1, HELD))
    assert await desk.rows("room, count(*)", "meetings GROUP BY room", "room") == [(1, 5), (2, 1)]
    assert await desk.rows("count(*)", "events WHERE type = 'job.failed'", "1") == [(5,)]


async def test_boots_without_end_take_no_place_either(database):
    desk = Desk(database, records_a_day=1, kept_a_day=1)
    for boot in range(50):
        await desk.hear(Voice(boot=f"boot-{boot}", no=boot).batch(1, last=5))
    assert await desk.rows("count(*)", "boots", "1") == [(20,)]


async def test_how_a_job_ended_is_known_however_much_the_room_has_sent(database):
    desk = Desk(database, records_a_day=1, kept_a_day=1)
    voice = Voice()
    await flood(desk, voice, 1)
    await desk.hear(voice.batch(11, *[HELD] * 10))
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
            "VALUES ('j1', 'reboot', 'running', 1, 'eve', 2, $1, '{}')",
            True,
        )
        await tx.execute(
            "INSERT INTO executions (job, room, wave, state, changed_at) SELECT jobs.key, rooms.key, 0, 'queued', 0 "
            "FROM jobs, rooms"
        )
    await desk.hear(voice.batch(21, JobReport("j1", JobState.FAILED, detail="No power.")))
    assert await desk.rows("state, detail", "executions", "job") == [("failed", "No power.")]
    assert await desk.rows("count(*)", "events WHERE type = 'job.failed'", "1") == [(0,)]


async def test_people_are_told_and_that_it_is_over_once_the_room_is_quiet(database):
    desk = Desk(database, records_a_day=1)
    voice = Voice()
    # it need not tell its health for that
    await flood(desk, voice)
    lease = Lease("control", "me")
    await rulebook.seed(database)
    alerts = AlertDesk(database, lease)
    assert await lease.take(database, lambda: NOON)
    await alerts.look(NOON)
    assert await lease.take(database, lambda: NOON + 2 * MINUTE)
    await alerts.look(NOON + 2 * MINUTE)
    assert await desk.rows("rule, state, text", "alerts", "key") == [("trouble", "firing", BEYOND)]
    voice.at += 11 * MINUTE
    await desk.hear(voice.health(CallPhase.IDLE))
    assert ((await desk.room())["trouble"], (await desk.room())["status"]) == ("", "ready")
