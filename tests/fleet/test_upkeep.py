"""What is forgotten when: by age, by site, on demand. And who is called silent."""

import json

import pytest
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.records import Happening, Meeting, Outcome
from fleet.settings import parse
from fleet.store import audit
from fleet.store.erase import erase_person, erase_room
from fleet.store.retention import Keeping, forget_old
from fleet.store.rollup import roll_up
from fleet.store.samples import DAY, HOUR, tables
from fleet.upkeep import call_silent, hearing_since, keep_house

RETENTION = parse("", where="the defaults").retention


async def add_site(desk, room, **keeps):
    columns = "".join(f", {name}" for name in keeps)
    values = "".join(f", {int(days)}" for days in keeps.values())
    async with desk.database.transaction() as tx:
        await tx.execute(f"INSERT INTO sites (id, name{columns}) VALUES ('berlin', 'Berlin'{values})")
        await tx.execute("UPDATE rooms SET site = (SELECT key FROM sites) WHERE id = $1", room)


async def count(desk, table):
    return (await desk.rows("count(*)", table, "1"))[0][0]


async def test_tables_are_dropped_whole_when_nobody_keeps_them(desk):
    voice = Voice()
    for day in range(10):
        voice.at = NOON + day * DAY
        await desk.hear(voice.batch(day + 1, IDLE))
    now = NOON + 9 * DAY
    await keep_house(desk.database, RETENTION, now)
    kept = await tables(desk.database, desk.database.dialect, "samples")
    assert (kept[0], len(kept)) == ("samples_20261125", 8)
    # their sums stay
    assert len(await tables(desk.database, desk.database.dialect, "samples5")) == 10
    assert await tables(desk.database, desk.database.dialect, "samples60") == ["samples60_202611", "samples60_202612"]


async def test_a_site_that_keeps_less_loses_its_rooms_rows_alone(desk):
    here, there = Voice(), Voice("room-2")
    for day in range(5):
        here.at = there.at = NOON + day * DAY
        await desk.hear(*(who.batch(2 * day + 1, IDLE, Happening("x")) for who in (here, there)))
    await add_site(desk, "room-2", keep_raw_days=2, keep_events_days=1)
    await forget_old(desk.database, Keeping(), NOON + 4 * DAY)
    assert [row[0] for row in await desk.samples()] == [1, 1, 1, 2, 1, 2, 1, 2]
    assert [row[0] for row in await desk.rows("room", "events", "at, room")] == [1, 1, 1, 1, 2, 1, 2]


async def test_a_site_that_keeps_more_keeps_its_rooms_rows_alone(desk):
    here, there = Voice(), Voice("room-2")
    await desk.hear(here.batch(1, Happening("x"), IDLE), there.batch(1, Happening("x"), IDLE))
    await add_site(desk, "room-2", keep_raw_days=400, keep_events_days=1000)
    await forget_old(desk.database, Keeping(events_days=100), NOON + 200 * DAY)
    assert await desk.rows("room", "events", "room") == [(2,)]
    assert [row[0] for row in await desk.samples()] == [2]


async def test_what_is_over_of_alerts_and_jobs_is_forgotten_with_events_and_what_stands_is_not(desk):
    await desk.hear(Voice().state())
    async with desk.database.transaction() as tx:
        await tx.execute("INSERT INTO channels (id, name, url) VALUES ('hook', 'Hook', 'json://x')")
        for at in (NOON - 3 * DAY, NOON):
            await tx.execute(
                "INSERT INTO alerts (rule, room, severity, text, state, began_at, ended_at) "
                "VALUES ('x', 1, 'error', '', 'resolved', 1, $1), ('x', 1, 'error', '', 'firing', 1, NULL)",
                at,
            )
            await tx.execute(
                "INSERT INTO outbox (channel, title, body, made_at, next_at, sent_at) "
                "VALUES (1, 'x', 'x', 1, 1, $1), (1, 'x', 'x', 1, 1, NULL)",
                at,
            )
            await tx.execute(
                "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
                f"VALUES ('a{at}', 'x', 'done', 1, 'eve', $1, TRUE, '{{}}'), "
                f"('b{at}', 'x', 'running', 1, 'eve', $1, TRUE, '{{}}')",
                at,
            )
    await forget_old(desk.database, Keeping(events_days=2), NOON)
    for table in ("alerts", "outbox", "jobs"):
        assert await count(desk, table) == 3, table


async def test_a_clock_that_jumps_ten_years_ahead_has_nothing_forgotten_for_a_day(desk):
    decade = NOON + 3650 * DAY
    await desk.hear(Voice().batch(1, Happening("x"), IDLE))
    await keep_house(desk.database, RETENTION, NOON + HOUR)
    for now in (decade, decade + 23 * HOUR, NOON + 2 * HOUR, decade + 25 * HOUR):
        await keep_house(desk.database, RETENTION, now)
        assert await count(desk, "events") == 1
    # nobody sets it right: it may have been away for so long
    await keep_house(desk.database, RETENTION, decade + 50 * HOUR)
    assert await count(desk, "events") == 0


async def test_a_room_that_comes_back_after_months_is_not_stored_twice(desk):
    voice = Voice()
    await desk.hear(voice.state(), voice.batch(1, Happening("x")))
    await forget_old(desk.database, Keeping(), NOON + 100 * DAY)
    # its acknowledgement was lost on the way
    await desk.hear(voice.batch(1, Happening("x"), Happening("y")))
    assert await desk.rows("type", "events", "n") == [("x",), ("y",)]


async def test_a_silent_room_is_called_so_while_the_broker_is_heard(desk):
    voice, other = Voice(), Voice("room-2")
    await desk.hear(voice.state(), voice.health(), other.state(), other.health(every_s=300))
    late = NOON + 76_000
    assert await call_silent(desk.database, late) == 0
    async with desk.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO pulses (name, at, since_at) VALUES ('ingest-a', $1, $2), ('ingest-b', $3, 5)",
            *(late, NOON - HOUR, late - HOUR),
        )
    assert await hearing_since(desk.database, late) == NOON - HOUR
    assert await call_silent(desk.database, NOON + 74_000) == 0
    assert await call_silent(desk.database, late) == 1
    assert await call_silent(desk.database, late) == 0
    room = await desk.room()
    assert (room["presence"], room["status"], room["presence_at"]) == ("silent", "offline", late)
    assert (await desk.room("room-2"))["status"] == "ready"
    await desk.hear(voice.health())
    assert (await desk.room())["status"] == "ready"


async def test_a_room_is_erased_whole_and_what_it_still_says_is_not_taken(desk):
    voice, other = Voice(), Voice("room-2")
    letters = [who.batch(1, IDLE, Happening("x"), Meeting("m", Outcome.HELD)) for who in (voice, other)]
    await desk.hear(voice.state(), voice.health(), *letters)
    await roll_up(desk.database, NOON + 2 * HOUR)
    assert await erase_room(desk.database, "room-1", NOON)
    assert not await erase_room(desk.database, "nobody", NOON)
    for table in ("events", "meetings", "boots", "samples_20261123", "samples5_20261123", "samples60_202611"):
        assert await count(desk, table) == 1, table
    assert await desk.hear(voice.health(), voice.batch(9, IDLE)) == []
    room = await desk.room()
    assert (room["retired_at"], room["health"], room["name"]) == (NOON, None, "")


async def test_a_person_is_erased_and_the_audit_log_still_holds_together(desk):
    voice = Voice()
    await desk.hear(
        voice.batch(1, Meeting("m", Outcome.HELD, title="1:1 with Ada_L"), Meeting("n", Outcome.HELD, title="Sync"))
    )
    async with desk.database.transaction() as tx:
        await tx.execute("INSERT INTO users (name, made_at) VALUES ('ada_l', 1), ('bob', 1)")
        await tx.execute("INSERT INTO layers (scope, rev, doc, made_at, made_by) VALUES ('org', 1, '{}', 1, 'ada_l')")
    for actor, target in (("bob", "x"), ("ada_l", "room-1"), ("bob", "ada_l")):
        await audit.note(desk.database, NOON, actor, "job.made", target)
    await audit.note(desk.database, NOON, "ada_l by token ci", "x", name="ada_l", note=["for ada_l, not ada_la"], n=1.5)
    await audit.note(desk.database, NOON, "bob", "cut", a="ada_l", b="x" * 3000)
    assert (await erase_person(desk.database, "ada_l", NOON)).found
    assert await desk.rows("name", "users", "name") == [("bob",)]
    assert await desk.rows("title", "meetings") == [(None,), ("Sync",)]
    ((made_by,),) = await desk.rows("made_by", "layers", "rev")
    assert made_by.startswith("erased-")
    entries = await desk.rows("actor, target, action", "audit")
    assert entries[:3] == [("bob", "x", "job.made"), (made_by, "room-1", "job.made"), ("bob", made_by, "job.made")]
    assert entries[3] == (f"{made_by} by token ci", "", "x")
    assert entries[5][2] == "audit.pseudonymised"
    told, cut = [row[0] for row in await desk.rows("detail", "audit", "n")][3:5]
    assert json.loads(told) == {"name": made_by, "note": [f"for {made_by}, not ada_la"], "n": 1.5}
    assert cut.startswith(f'{{"a": "{made_by}", "b": "xx')
    verdict = await audit.verify(desk.database)
    assert (verdict.entries, verdict.broken_at) == (6, None)
    assert not (await erase_person(desk.database, "ada_l", NOON)).found


@pytest.mark.parametrize("name", ["a%", "_d"])
async def test_a_name_is_no_pattern(desk, name):
    await desk.hear(Voice().batch(1, Meeting("m", Outcome.HELD, title="With Ada")))
    assert not (await erase_person(desk.database, name, NOON)).found
