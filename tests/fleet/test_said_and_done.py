"""From what a room says to what comes of it: reports end jobs, answers are noted, issues become alerts."""

import asyncio

from fleet_builders import add_room
from ingest_desk import Desk
from room_voice import NOON, Voice

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.orders import JobKind
from appliance.telemetry.protocol.payloads import CALL_ACK, Answer, CallAck, Event, Issue, Severity
from appliance.telemetry.protocol.records import JobReport, JobState
from fleet.control import alerts, calls, jobs, layers, rulebook
from fleet.control.alerts import AlertDesk
from fleet.control.drive import Driver
from fleet.control.jobs import Wanted
from fleet.control.lease import Lease
from fleet.store.opening import open_database

ME = Lease("control", "me")
CAMERA = Issue("device.camera-1.missing", Severity.ERROR, "Camera is not there.", "Plug it in.")


async def drive(database, now=NOON):
    async with database.transaction() as tx:
        return await Driver(database).drive(tx, now)


async def test_a_rooms_reports_end_a_job(database):
    desk, voice = Desk(database), Voice()
    await desk.hear(voice.state(), voice.health())
    job = await jobs.create(database, Wanted(JobKind.SELFTEST, ("org",), NOON + 60_000), "eve", NOON)
    await drive(database)
    before = await desk.rows("value", "counters WHERE name = 'jobs'", "name")
    await desk.hear(
        voice.batch(1, JobReport(job, JobState.RUNNING), JobReport(job, JobState.SUCCEEDED, detail="Fine."))
    )
    assert await desk.rows("state, detail, told", "executions", "job") == [("succeeded", "Fine.", True)]
    # whoever tells rooms of their jobs sees that there is news
    assert await desk.rows("value", "counters WHERE name = 'jobs'", "name") > before
    await drive(database)
    assert await desk.rows("state", "jobs", "key") == [("done",)]


async def test_a_rooms_answer_to_a_request_is_noted(database):
    desk, voice = Desk(database), Voice()
    await desk.hear(voice.state())
    room = (await desk.room())["key"]
    call = await calls.ask(database, room, "identify", {}, "eve", NOON)
    ack = Event(CALL_ACK, data=CallAck(call, "identify", Answer.REFUSED, "Nobody is there."))
    other = Voice("room-2")
    await desk.hear(other.state(), other.letter(other.topics.event, encode(other.stamp(), ack)))
    assert await desk.rows("answer", "calls", "key") == [(None,)], "another room answered"
    await desk.hear(voice.letter(voice.topics.event, encode(voice.stamp(), ack)))
    assert await desk.rows("answer, reason", "calls", "key") == [("refused", "Nobody is there.")]


async def test_an_issue_a_room_tells_of_becomes_an_alert_and_ends_with_it(database):
    desk, voice = Desk(database), Voice()
    await rulebook.seed(database)
    await ME.take(database, lambda: NOON)
    watch = AlertDesk(database, ME)
    await desk.hear(voice.state(), voice.health(issues=(CAMERA,)))
    await watch.look(NOON)
    await ME.take(database, lambda: NOON + 60_000)
    await watch.look(NOON + 60_000)
    assert await desk.rows("rule, state, text, remedy", "alerts", "key") == [
        ("device", "firing", "Camera is not there.", "Plug it in.")
    ]
    await desk.hear(voice.health())
    await watch.look(NOON + 61_000)
    await ME.take(database, lambda: NOON + 121_000)
    await watch.look(NOON + 121_000)
    assert await desk.rows("state", "alerts", "key") == [("resolved",)]


async def test_all_who_write_at_once_come_to_an_end(database_url, database):
    rooms = [await add_room(database, f"room-{n}") for n in range(6)]
    await rulebook.seed(database)
    others = [await open_database(database_url) for _ in range(4)]
    ingest, control, web, more = others
    desk, watch, voices = Desk(ingest), AlertDesk(control, ME), [Voice(f"room-{n}") for n in range(6)]
    made: list[str] = []

    async def hear(turn):
        issues = (CAMERA,) if turn % 2 else ()
        reports = [JobReport(job, JobState.RUNNING, turn) for job in made[-3:]]
        letters = [letter for v in voices for letter in (v.batch(turn * 10 + 1, *reports), v.health(issues=issues))]
        await desk.hear(*(letters if reports else letters[1::2]))

    async def look(turn):
        now = NOON + turn * 30_000
        await ME.take(control, lambda: now)
        await watch.look(now)
        await drive(control)

    async def act(turn):
        made.append(await jobs.create(web, Wanted(JobKind.SELFTEST, ("org",), NOON + 10**8), "eve", NOON))
        for row in await web.fetch("SELECT key FROM alerts"):
            await alerts.acknowledge(web, row["key"], "eve", NOON)
        if turn % 3 == 0:
            await jobs.cancel(web, made[-1], "eve", NOON)

    async def change(turn):
        await layers.save(more, "org", {"joining": {"lead_s": turn}}, "eve", NOON)

    async def often(work):
        for turn in range(1, 13):
            await work(turn)

    async with asyncio.timeout(50):
        await asyncio.gather(*map(often, (hear, look, act, change)))
    told = await database.fetch("SELECT count(*) AS n FROM executions")
    assert told[0]["n"] == 12 * len(rooms)
    for other in others:
        await other.close()
