"""Jobs from the pages and by the API: waves shown, paused, resumed, approved by a second admin."""

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control.drive import Driver
from fleet.store import audit
from fleet.web.access.permissions import Role

HOUR = 3_600_000


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("second", Role.ADMIN, None), ("operator", Role.OPERATOR, None)),
        *(("berlin", Role.ADMIN, 1), ("lisbon", Role.OPERATOR, 2)),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def drive(app, database):
    async with database.transaction() as tx:
        await Driver(database).drive(tx, app.state.console.now())


async def made(client, **more):
    answer = await client.post("/api/v1/jobs", json={"kind": "selftest", "scopes": ["org"], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def state(client, job):
    return next(one for one in (await client.get("/api/v1/jobs")).json() if one["id"] == job)


async def test_a_careful_job_shows_its_waves_and_thresholds(app, database):
    async with client_of(app) as client:
        await sign_in(client, "operator")
        job = await made(client, careful=True)
        await drive(app, database)
        waves = (await client.get(f"/api/v1/jobs/{job}/waves")).json()
        assert [(wave["rooms"], wave["open"], wave["held"]) for wave in waves] == [
            (1, 1, 0),
            (1, 0, 1),
            (8, 0, 8),
            (30, 0, 30),
        ]
        text = (await client.get(f"/jobs/{job}")).text
        for words in ("more than 5 % of the rooms", "or 2 are gone for 10 min", "not told yet", "watched for 10 min"):
            assert words in text
        own = await made(client, policy={"waves": [50, 100], "stop_percent": 1, "stop_lost": 0})
        waves = (await client.get(f"/api/v1/jobs/{own}/waves")).json()
        assert [wave["rooms"] for wave in waves] == [20, 20]
        wrong = {"kind": "selftest", "scopes": ["org"], "policy": {"waves": [50]}}
        assert (await client.post("/api/v1/jobs", json=wrong)).status_code == 409


async def test_a_job_is_paused_and_resumed_by_who_may_in_all_its_rooms(app, database):
    async with client_of(app) as client, client_of(app) as lisbon:
        await sign_in(client, "operator")
        await sign_in(lisbon, "lisbon")
        job = await made(client)
        assert (await client.post(f"/jobs/{job}/pause")).status_code == 409
        await drive(app, database)
        assert "Pause" in (await client.get(f"/jobs/{job}")).text
        assert (await lisbon.post(f"/jobs/{job}/pause")).status_code == 403
        assert (await client.post(f"/jobs/{job}/pause")).status_code == 303
        assert (await state(client, job))["state"] == "paused"
        assert "Resume" in (await client.get(f"/jobs/{job}")).text
        assert (await client.post(f"/api/v1/jobs/{job}/resume")).status_code == 204
        assert (await state(client, job))["state"] == "running"
        assert (await client.post("/api/v1/jobs/nothing/resume")).status_code == 404
    noted = [entry.action for entry in await audit.entries(database, search="job ")]
    assert noted == ["job resumed", "job paused", "job made"]


async def test_a_second_admin_approves_what_the_first_one_made(app, database):
    people = {name: client_of(app) for name in ("admin", "second", "operator", "berlin")}
    for name, client in people.items():
        await sign_in(client, name)
    form = {"kind": "reboot", "scopes": "org", "approval": "yes"}
    path = (await people["admin"].post("/jobs", data=form)).headers["Location"]
    await drive(app, database)
    job = path.removeprefix("/jobs/")
    assert (await state(people["admin"], job))["state"] == "waiting"
    assert "Approve" not in (await people["admin"].get(path)).text
    assert "Approve" in (await people["second"].get(path)).text
    for name, status in (("operator", 403), ("berlin", 403), ("admin", 409), ("second", 303), ("second", 409)):
        assert (await people[name].post(f"{path}/approve")).status_code == status, name
    await drive(app, database)
    found = await state(people["admin"], job)
    assert (found["state"], found["approved_by"]) == ("running", "second")
    for client in people.values():
        await client.aclose()


async def test_a_job_keeps_its_earliest_time_its_end_and_what_it_is_for(app, database):
    now = app.state.console.now()
    async with client_of(app) as client, client_of(app) as berlin:
        await sign_in(client, "admin")
        await sign_in(berlin, "berlin")
        form = {"kind": "screenshot", "scopes": "tag:board site:berlin room-00002", "what": "picture", "hours": "2"}
        form |= {"begins_ms": str(now + HOUR), "now": "yes", "dynamic": "yes"}
        job = (await client.post("/jobs", data=form)).headers["Location"].removeprefix("/jobs/")
        found = await state(client, job)
        assert (found["not_before"], found["expires_at"]) == (now + HOUR, now + 3 * HOUR)
        assert (found["if_idle"], found["args"]) == (False, {"what": "picture"})
        assert found["target"] == {"scopes": ["tag:board", "site:berlin", "room:room-00002"], "dynamic": True}
        # what others' rooms are called is not for who may not see them
        assert (await state(berlin, job))["target"]["scopes"] == ["tag:board", "site:berlin"]


async def test_a_job_that_waits_for_rooms_to_come_is_listed_and_can_be_taken_back(app):
    async with client_of(app) as client, client_of(app) as berlin:
        await sign_in(client, "admin")
        await sign_in(berlin, "berlin")
        job = await made(client, scopes=["tag:nobody-yet"], dynamic=True)
        assert (await state(client, job))["rooms"] == 0
        assert job not in (await berlin.get("/jobs")).text
        assert (await berlin.post(f"/jobs/{job}/cancel")).status_code == 404
        assert (await client.get(f"/jobs/{job}")).status_code == 200
        assert (await client.post(f"/jobs/{job}/cancel")).status_code == 303
