"""Jobs on both databases: made, told in waves, answered, stopped, expired."""

import pytest
from fleet_builders import NOW, add_room, add_site, change_room

from appliance.telemetry.protocol.orders import JobKind
from appliance.telemetry.protocol.records import JobReport, JobState
from fleet.control import jobs
from fleet.control.drive import SILENT_MS, Driver
from fleet.control.jobs import BadJob, Wanted
from fleet.control.rollouts import CAREFUL, Policy
from fleet.control.scope import BadScope

HOUR = 3600 * 1000


def wanted(*scopes, kind=JobKind.SELFTEST, **more):
    return Wanted(kind, scopes, NOW + HOUR, **more)


async def drive(database, now=NOW):
    async with database.transaction() as tx:
        return await Driver(database).drive(tx, now)


async def report(database, room, job, state, *, attempt=1, now=NOW, detail=""):
    async with database.transaction() as tx:
        return await jobs.take_report(tx, room, JobReport(job, state, attempt, detail=detail), now)


async def states(database):
    rows = await database.fetch("SELECT r.id AS id, e.state AS state FROM executions e JOIN rooms r ON r.key = e.room")
    return {row["id"]: row["state"] for row in rows}


async def job_row(database):
    return (await database.fetch("SELECT * FROM jobs"))[0]


async def test_a_job_for_a_site_goes_to_its_rooms_alone(database):
    berlin = await add_site(database, "berlin")
    await add_room(database, "b1", site=berlin)
    await add_room(database, "b2", site=berlin, retired_at=NOW)
    await add_room(database, "p1")
    await jobs.create(database, wanted("site:berlin"), "eve", NOW)
    assert await states(database) == {"b1": "held"}
    assert await drive(database)
    assert await states(database) == {"b1": "queued"}
    assert not await drive(database)


async def test_who_may_act_in_some_sites_makes_jobs_for_these_alone(database):
    berlin, paris = await add_site(database, "berlin"), await add_site(database, "paris")
    await add_room(database, "b1", site=berlin)
    await add_room(database, "p1", site=paris)
    await add_room(database, "x1")
    await jobs.create(database, wanted("org"), "eve", NOW, sites=frozenset({berlin}))
    assert await states(database) == {"b1": "held"}
    with pytest.raises(BadJob, match="No room"):
        await jobs.create(database, wanted("room:p1"), "eve", NOW, sites=frozenset({berlin}))
    with pytest.raises(BadJob, match="all sites"):
        await jobs.create(database, wanted("org", dynamic=True), "eve", NOW, sites=frozenset({berlin}))


async def test_what_a_room_says_counts_once_and_never_backwards(database):
    room = await add_room(database, "b1")
    job = await jobs.create(database, wanted("room:b1"), "eve", NOW)
    assert not await report(database, room, job, JobState.RUNNING)  # it has not been told yet
    await drive(database)
    assert await report(database, room, job, JobState.RUNNING)
    assert not await report(database, room, job, JobState.ACCEPTED)
    assert not await report(database, room, job, JobState.UNKNOWN)
    assert await report(database, room, job, JobState.SUCCEEDED, detail="done")
    assert not await report(database, room, job, JobState.FAILED)
    assert not await report(database, room, job, JobState.RUNNING, attempt=2)
    assert not await report(database, room, "job-unknown", JobState.FAILED)
    assert await states(database) == {"b1": "succeeded"}
    await drive(database)
    assert (await job_row(database))["state"] == "done"


async def test_a_second_attempt_begins_again(database):
    room = await add_room(database, "b1")
    job = await jobs.create(database, wanted("room:b1"), "eve", NOW)
    await drive(database)
    await report(database, room, job, JobState.RUNNING)
    assert await report(database, room, job, JobState.ACCEPTED, attempt=2)
    assert await states(database) == {"b1": "accepted"}


async def test_silence_is_closed_by_the_console_and_the_rooms_own_word_corrects_it(database):
    room = await add_room(database, "b1")
    late = await add_room(database, "b2")
    job = await jobs.create(database, wanted("room:b1", "room:b2"), "eve", NOW)
    await drive(database)
    await report(database, late, job, JobState.RUNNING)
    await drive(database, NOW + HOUR)
    assert await states(database) == {"b1": "expired", "b2": "running"}
    await drive(database, NOW + HOUR + SILENT_MS)
    assert await states(database) == {"b1": "expired", "b2": "expired"}
    assert not await report(database, room, job, JobState.RUNNING)
    assert await report(database, room, job, JobState.SUCCEEDED)
    assert not await report(database, room, job, JobState.FAILED)
    assert await states(database) == {"b1": "succeeded", "b2": "expired"}


async def test_waves_begin_with_a_room_that_can_answer_and_stop_when_it_fails(database):
    keys = {f"r{n:02}": await add_room(database, f"r{n:02}", status="offline") for n in range(20)}
    await change_room(database, keys["r13"], status="ready")
    job = await jobs.create(database, wanted("org", policy=CAREFUL), "eve", NOW)
    await drive(database)
    assert [room for room, state in (await states(database)).items() if state == "queued"] == ["r13"]
    await report(database, keys["r13"], job, JobState.FAILED)
    await drive(database)
    row = await job_row(database)
    assert (row["state"], row["why"]) == ("stopped", "it failed in 1 of 1 rooms")
    assert sorted((await states(database)).values()) == ["cancelled"] * 19 + ["failed"]


async def test_waves_go_on_and_stop_when_rooms_stay_away_after_it(database):
    keys = {f"r{n}": await add_room(database, f"r{n}") for n in range(8)}
    policy = Policy(waves=(0, 50, 100), soak_s=60, stop_percent=50, stop_lost=2, lost_after_s=600)
    job = await jobs.create(database, wanted("org", policy=policy), "eve", NOW)
    told = []
    for now in (NOW, NOW + 61_000):
        await drive(database, now)
        for room, state in (await states(database)).items():
            if state == "queued":
                told.append(room)
                await report(database, keys[room], job, JobState.SUCCEEDED, now=now)
    assert len(told) == 4
    for room in told[:2]:
        await change_room(database, keys[room], status="offline", status_at=NOW + 70_000)
    await drive(database, NOW + 80_000)
    assert (await job_row(database))["state"] == "running"
    await drive(database, NOW + 671_000)
    row = await job_row(database)
    assert (row["state"], row["why"]) == ("stopped", "2 rooms went offline after it and did not come back")


async def test_a_job_waits_for_its_time_and_for_a_second_admin(database):
    await add_room(database, "b1")
    job = await jobs.create(database, wanted("org", not_before=NOW + 1000, needs_approval=True), "eve", NOW)
    assert not await drive(database, NOW + 2000)
    with pytest.raises(BadJob, match="second admin"):
        await jobs.approve(database, job, "eve", NOW)
    await jobs.approve(database, job, "ada", NOW)
    with pytest.raises(BadJob, match="nobody's approval"):
        await jobs.approve(database, job, "ada", NOW)
    assert not await drive(database, NOW)
    assert await drive(database, NOW + 1000)
    assert await states(database) == {"b1": "queued"}


async def test_a_job_nobody_approves_is_cancelled_when_it_expires(database):
    await add_room(database, "b1")
    await jobs.create(database, wanted("org", needs_approval=True), "eve", NOW)
    await drive(database, NOW + HOUR)
    assert (await job_row(database))["state"] == "cancelled"


async def test_cancel_takes_back_what_has_not_begun_and_leaves_the_rest_to_the_room(database):
    one, two = await add_room(database, "b1"), await add_room(database, "b2")
    job = await jobs.create(database, wanted("room:b1", "room:b2"), "eve", NOW)
    await drive(database)
    await report(database, one, job, JobState.RUNNING)
    await jobs.cancel(database, job, "ada", NOW)
    assert await states(database) == {"b1": "running", "b2": "cancelled"}
    assert await report(database, one, job, JobState.SUCCEEDED)
    assert await report(database, two, job, JobState.FAILED, detail="it had begun")
    assert await states(database) == {"b1": "succeeded", "b2": "failed"}
    with pytest.raises(BadJob, match="over already"):
        await jobs.cancel(database, job, "ada", NOW)


async def test_a_paused_job_tells_no_further_wave(database):
    keys = {f"r{n}": await add_room(database, f"r{n}") for n in range(4)}
    job = await jobs.create(database, wanted("org", policy=Policy(waves=(0, 100))), "eve", NOW)
    await drive(database)
    first = next(room for room, state in (await states(database)).items() if state == "queued")
    await report(database, keys[first], job, JobState.SUCCEEDED)
    await jobs.pause(database, job, NOW)
    assert not await drive(database)
    await jobs.resume(database, job, NOW)
    assert await drive(database)
    assert sorted((await states(database)).values()) == ["queued"] * 3 + ["succeeded"]


async def test_a_dynamic_job_takes_rooms_in_that_come_later_and_a_frozen_one_does_not(database):
    await jobs.create(database, wanted("tag:demo", dynamic=True), "eve", NOW)
    with pytest.raises(BadJob, match="No room"):
        await jobs.create(database, wanted("tag:demo"), "eve", NOW)
    await drive(database)
    await drive(database)
    assert (await job_row(database))["state"] == "running"
    await add_room(database, "late", tags=("demo",))
    await drive(database)
    assert await states(database) == {"late": "queued"}
    await drive(database, NOW + HOUR)
    assert (await job_row(database))["state"] == "done"


async def test_rooms_that_join_a_job_without_any_are_told_in_waves_too(database):
    await jobs.create(database, wanted("tag:new", dynamic=True, policy=CAREFUL), "eve", NOW)
    await drive(database)
    for n in range(40):
        await add_room(database, f"r{n:02}", tags=("new",))
    await drive(database)
    assert sorted((await states(database)).values()) == ["held"] * 39 + ["queued"]


async def test_a_room_that_retires_holds_no_job_up(database):
    keys = {f"r{n}": await add_room(database, f"r{n}") for n in range(7)}
    policy = Policy(waves=(0, 20, 100))
    job = await jobs.create(database, wanted("org", policy=policy), "eve", NOW)
    for _ in range(4):
        await drive(database)
        told = [room for room, state in (await states(database)).items() if state == "queued"]
        for n, room in enumerate(told):
            # one of each wave but the first retires before it answers
            if n == 0 and len(told) < 7 and "succeeded" in (await states(database)).values():
                await change_room(database, keys[room], retired_at=NOW)
            else:
                await report(database, keys[room], job, JobState.SUCCEEDED)
    assert (await job_row(database))["state"] == "done"
    assert sorted((await states(database)).values()) == ["cancelled"] * 2 + ["succeeded"] * 5


async def test_a_job_whose_first_room_retires_stops_rather_than_try_many_at_once(database):
    keys = {f"r{n}": await add_room(database, f"r{n}") for n in range(20)}
    await jobs.create(database, wanted("org", policy=CAREFUL), "eve", NOW)
    await drive(database)
    first = next(room for room, state in (await states(database)).items() if state == "queued")
    await change_room(database, keys[first], retired_at=NOW)
    await drive(database)
    assert (await job_row(database))["why"] == "no room of wave 1 is left"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Wanted(JobKind.REBOOT, (), NOW + HOUR), "Name the rooms"),
        (Wanted(JobKind.REBOOT, ("org",), NOW), "expires"),
        (Wanted(JobKind.UPDATE, ("org",), NOW + HOUR, {"version": "2"}), "update takes version, url; missing: url"),
        (Wanted(JobKind.REBOOT, ("org",), NOW + HOUR, {"x": "y"}), "unknown: x"),
        (Wanted(JobKind.SCREENSHOT, ("org",), NOW + HOUR, {"what": "faces"}), "interface"),
        (Wanted(JobKind.UNKNOWN, ("org",), NOW + HOUR), "one of reboot"),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused_in_words(database, asked, why):
    await add_room(database, "b1")
    with pytest.raises(BadJob, match=why):
        await jobs.create(database, asked, "eve", NOW)
    assert await database.fetch("SELECT * FROM jobs") == []


async def test_a_scope_that_is_none_is_refused(database):
    with pytest.raises(BadScope, match="site:ID"):
        await jobs.create(database, wanted("building:7"), "eve", NOW)
