"""Settings that go through the rooms in waves, on both databases: kept back, stopped, rolled back, gone on with."""

import asyncio
import json

import pytest
from fleet_builders import NOW, add_room, add_site, change_room

from appliance.telemetry.configuration import WRONG
from fleet.control import jobs, layers
from fleet.control.drive import Driver
from fleet.control.places import bump, lock
from fleet.control.publisher import _OPEN_JOBS
from fleet.control.rollouts import CAREFUL, BadPolicy, Policy
from fleet.control.stages import last_for_all
from fleet.store.opening import open_database

OLD, NEW = {"joining": {"lead_s": 60}}, {"joining": {"lead_s": 90}}
DAY = 24 * 3600 * 1000
SOAK = CAREFUL.soak_s * 1000


@pytest.fixture
async def rooms(database):
    """Twenty rooms that have their settings in force, by their ids."""
    keys = {f"r{n:02}": await add_room(database, f"r{n:02}", presence="online", presence_at=NOW) for n in range(20)}
    await layers.save(database, "org", OLD, "eve", NOW)
    await report(database, keys)
    return keys


async def rolled_out(database, doc=NEW, *, scope="org", policy=CAREFUL, now=NOW):
    return (await layers.save(database, scope, doc, "eve", now, careful=policy)).job


async def drive(database, now=NOW):
    async with database.transaction() as tx:
        return await Driver(database).drive(tx, now)


async def report(database, keys):
    """Have rooms say that they have what is wanted of them."""
    for key in keys.values():
        rev = (await database.fetch("SELECT rev_desired FROM rooms WHERE key = $1", key))[0]["rev_desired"]
        await change_room(database, key, rev_applied=rev, reported=json.dumps({"rev": rev, "seen": rev}))


async def refuse(database, key):
    rev = (await database.fetch("SELECT rev_desired FROM rooms WHERE key = $1", key))[0]["rev_desired"]
    trouble = {"key": "joining.lead_s", "reason": "too long"}
    said = {"rev": 0, "seen": rev, "waits": WRONG, "troubles": [trouble]}
    await change_room(database, key, reported=json.dumps(said))


async def told(database, lead_s=90):
    """Return the rooms of which that is wanted now."""
    rows = await database.fetch(
        "SELECT r.id AS id, d.doc AS doc FROM rooms r JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired"
    )
    return {row["id"] for row in rows if json.loads(row["doc"]).get("joining") == {"lead_s": lead_s}}


async def job_row(database, job):
    return (await database.fetch("SELECT * FROM jobs WHERE id = $1", job))[0]


async def answers(database, job):
    rows = await database.fetch(
        "SELECT r.id AS id, e.state AS state, e.detail AS detail FROM executions e JOIN rooms r ON r.key = e.room "
        "JOIN jobs j ON j.key = e.job WHERE j.id = $1",
        job,
    )
    return {row["id"]: (row["state"], row["detail"]) for row in rows}


async def test_all_is_well_and_the_waves_reach_all_rooms_each_when_the_one_before_was_watched(database, rooms):
    job = await rolled_out(database)
    assert await told(database) == set()
    assert await told(database, 60) == set(rooms)
    seen = []
    for now in (NOW, NOW + SOAK, NOW + 2 * SOAK):
        await drive(database, now)
        seen.append(len(await told(database)))
        await drive(database, now)
        # nothing goes on before the rooms have said that it is in force with them
        assert len(await told(database)) == seen[-1]
        await report(database, rooms)
        await drive(database, now)
    assert seen == [1, 5, 20]
    assert (await job_row(database, job))["state"] == "done"
    assert {state for state, _ in (await answers(database, job)).values()} == {"succeeded"}


async def test_the_first_room_refuses_it_and_the_others_keep_what_they_had(database, rooms):
    job = await rolled_out(database)
    await drive(database)
    (first,) = await told(database)
    await refuse(database, rooms[first])
    await drive(database)
    row = await job_row(database, job)
    assert (row["state"], row["why"]) == ("stopped", "it failed in 1 of 1 rooms")
    assert (await answers(database, job))[first] == ("rejected", f"{WRONG}; joining.lead_s: too long")
    # nor does it come to them later, by the tidying or as something else is saved
    await tidied(database, NOW + DAY)
    await layers.save(database, f"room:{first}", {"room": {"name": "Blue"}}, "eve", NOW + DAY)
    assert await told(database) == {first}
    assert len(await told(database, 60)) == 19


async def tidied(database, now):
    async with database.transaction() as tx:
        await layers.refresh(tx, database, now)


async def test_a_console_that_is_killed_in_the_middle_goes_on_as_another_one(database, database_url, rooms):
    job = await rolled_out(database)
    await drive(database)
    first = await told(database)
    other = await open_database(database_url)
    try:
        await tidied(other, NOW)
        assert await told(other) == first
        await report(other, rooms)
        await drive(other, NOW)
        await drive(other, NOW + SOAK)
        assert len(await told(other)) == 5
        await report(other, rooms)
        await drive(other, NOW + SOAK)
        await drive(other, NOW + 2 * SOAK)
        await report(other, rooms)
        await drive(other, NOW + 2 * SOAK)
    finally:
        await other.close()
    assert (await job_row(database, job))["state"] == "done"
    assert await told(database) == set(rooms)


async def test_rolled_back_in_the_middle_all_rooms_have_the_old_ones_again(database, rooms):
    job = await rolled_out(database)
    await drive(database)
    saved = await layers.roll_back(database, "org", 1, "ada", NOW)
    assert saved == layers.Saved(3, 1)
    assert await told(database, 60) == set(rooms)
    row = await job_row(database, job)
    assert (row["state"], row["why"]) == ("cancelled", "revision 3 was saved in its place")
    assert not await told(database)


async def test_stopped_ones_go_on_by_the_same_revision_again(database, rooms):
    await rolled_out(database)
    await drive(database)
    (first,) = await told(database)
    await refuse(database, rooms[first])
    await drive(database)
    assert await last_for_all(database, "org") == 1
    again = await layers.roll_back(database, "org", 2, "eve", NOW, careful=CAREFUL)
    assert (again.rev, again.rooms) == (3, 19)
    assert await told(database) == {first}
    assert await last_for_all(database, "org") == 1
    await drive(database)
    assert len(await told(database)) == 2
    assert (await layers.roll_back(database, "org", 3, "eve", NOW)).rooms == 18
    assert await told(database) == set(rooms)
    assert await last_for_all(database, "org") == 4
    assert [one.note for one in await layers.history(database, "org")][:2] == [
        "On with revision 3",
        "On with revision 2",
    ]


async def test_a_room_that_falls_back_while_its_wave_is_watched_stops_it(database, rooms):
    job = await rolled_out(database)
    await drive(database)
    (first,) = await told(database)
    await report(database, rooms)
    await drive(database)
    assert (await answers(database, job))[first] == ("succeeded", "")
    await change_room(database, rooms[first], rev_applied=1)
    await refuse(database, rooms[first])
    await drive(database, NOW + SOAK)
    assert (await job_row(database, job))["state"] == "stopped"
    assert len(await told(database)) == 1


async def test_a_room_that_is_there_and_does_not_answer_stops_it_in_time(database, rooms):
    job = await rolled_out(database)
    await drive(database)
    await drive(database, NOW + CAREFUL.lost_after_s * 1000 - 1)
    assert (await job_row(database, job))["state"] == "running"
    await drive(database, NOW + CAREFUL.lost_after_s * 1000)
    row = await job_row(database, job)
    assert (row["state"], row["why"]) == ("stopped", "it failed in 1 of 1 rooms")


async def test_rooms_that_go_offline_after_it_stop_it(database, rooms):
    policy = Policy(waves=(10, 100), soak_s=3600, stop_percent=50, stop_lost=2, lost_after_s=600)
    job = await rolled_out(database, policy=policy)
    await drive(database)
    gone = {room: rooms[room] for room in await told(database)}
    for key in gone.values():
        await change_room(
            database, key, status="offline", status_at=NOW + 1000, presence="lost", presence_at=NOW + 1000
        )
    await drive(database, NOW + 700_000)
    assert (await job_row(database, job))["why"] == "2 rooms went offline after it and did not come back"
    # what they say when they are back is noted all the same, and counts for these rooms alone
    await report(database, gone)
    assert await Driver(database).is_due(NOW + 800_000)
    await drive(database, NOW + 800_000)
    assert {(await answers(database, job))[room][0] for room in gone} == {"succeeded"}
    assert not await Driver(database).is_due(NOW + 800_000)
    assert len(await told(database)) == 2


async def test_who_comes_in_the_middle_waits_until_it_is_done(database, rooms):
    policy = Policy(waves=(0, 100))
    await rolled_out(database, policy=policy)
    await drive(database)
    await add_room(database, "late", presence="online", presence_at=NOW)
    await tidied(database, NOW)
    assert "late" in await told(database, 60)
    for _ in range(3):
        await report(database, rooms)
        await drive(database)
    assert await told(database) == {*rooms, "late"}


async def test_other_settings_reach_rooms_whose_wave_has_not_come(database, rooms):
    await rolled_out(database)
    await drive(database)
    (first,) = await told(database)
    other = next(room for room in rooms if room != first)
    assert (await layers.save(database, f"room:{other}", {"room": {"name": "Blue"}}, "eve", NOW)).rooms == 1
    value = await layers.effective(database, database.dialect, rooms[other])
    assert {key: one.value for key, one in value.items()} == {"joining.lead_s": 60, "room.name": "Blue"}


async def test_a_paused_one_tells_no_further_wave_and_a_cancelled_one_leaves_the_others_as_they_are(database, rooms):
    job = await rolled_out(database, policy=Policy(waves=(0, 100)))
    await drive(database)
    await jobs.pause(database, job, NOW)
    await report(database, rooms)
    await drive(database)
    await drive(database)
    assert len(await told(database)) == 1
    await jobs.cancel(database, job, "ada", NOW)
    await drive(database)
    await tidied(database, NOW)
    assert len(await told(database)) == 1


async def test_time_that_is_over_before_all_are_told_tells_nobody_more(database, rooms):
    job = await rolled_out(database)
    await drive(database)
    await report(database, rooms)
    await drive(database, NOW + SOAK // 2)
    await drive(database, NOW + 8 * DAY)
    row = await job_row(database, job)
    assert (row["state"], row["why"]) == ("stopped", "its time was over before all rooms were told")
    await tidied(database, NOW + 8 * DAY)
    assert len(await told(database)) == 1


async def test_rooms_get_no_order_and_nobody_else_is_in_it(database, rooms):
    berlin = await add_site(database, "berlin")
    await change_room(database, rooms["r03"], site=berlin)
    job = await rolled_out(database, scope="site:berlin")
    assert set(await answers(database, job)) == {"r03"}
    await drive(database)
    assert await database.fetch(_OPEN_JOBS) == []
    assert await told(database) == {"r03"}


async def test_what_changes_no_room_is_saved_without_a_job(database, rooms):
    assert await layers.save(database, "org", OLD, "eve", NOW, careful=CAREFUL) == layers.Saved(2, 0)
    with pytest.raises(BadPolicy):
        await rolled_out(database, policy=Policy(waves=(5,)))
    assert len(await layers.history(database, "org")) == 2
    assert len(rooms) == 20


async def test_who_saves_moves_and_drives_at_once_waits_for_the_others(database, rooms):
    async def saves(number):
        doc = {"joining": {"lead_s": 100 + number}}
        await layers.save(database, "org", doc, "eve", NOW, careful=CAREFUL if number % 2 else None)

    async def placed(key):
        async with database.transaction() as tx:
            await lock(tx, "layers")
            await bump(tx, "rooms")
            await layers.refresh(tx, database, NOW, [key])

    work = [*(saves(n) for n in range(8)), *(drive(database) for _ in range(8)), *map(placed, list(rooms.values())[:8])]
    await asyncio.gather(*work)
    newest = (await layers.history(database, "org"))[0]
    under_way = await database.fetch("SELECT id FROM jobs WHERE state IN ('waiting', 'running')")
    # each took the place of the one before
    assert newest.rev == 9
    assert [row["id"] for row in under_way] == ([newest.job] if newest.job else [])
