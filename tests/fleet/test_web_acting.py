"""Acting from the pages and by the API: alerts, jobs, settings; who may, for which rooms, and what the log says."""

import json

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.store import audit
from fleet.web.access.permissions import Role
from fleet.web.acting import scopes_in


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("viewer", Role.VIEWER, None), ("auditor", Role.AUDITOR, None)),
        *(("lisbon", Role.OPERATOR, 2), ("berlin", Role.ADMIN, 1)),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def noted(database, action: str) -> list[tuple[str, str]]:
    return [(entry.actor, entry.target) for entry in await audit.entries(database, search=action)]


async def test_an_alert_is_acknowledged_and_snoozed_by_who_may(app, database):
    async with client_of(app) as viewer, client_of(app) as lisbon:
        await sign_in(viewer, "viewer")
        await sign_in(lisbon, "lisbon")
        assert "I look after it" not in (await viewer.get("/alerts")).text
        assert (await viewer.post("/alerts/1/acknowledge")).status_code == 403
        assert (await lisbon.get("/alerts")).text.count("I look after it") == 1
        assert (await lisbon.post("/alerts/1/acknowledge")).status_code == 303
        assert (await lisbon.post("/alerts/1/acknowledge")).status_code == 409
        assert (await lisbon.post("/api/v1/alerts/1/snooze", json={"hours": 2})).status_code == 204
        assert (await lisbon.post("/alerts/2/acknowledge")).status_code == 404
        assert "<b>lisbon</b> looks after it" in (await lisbon.get("/alerts")).text
    assert await noted(database, "alert ") == [("lisbon", "alert:1"), ("lisbon", "alert:1")]


async def test_a_job_runs_on_three_rooms_and_is_cancelled(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        assert "room-00003" in (await client.get("/jobs/new?scopes=room-00001+room-00002+room-00003")).text
        wanted = {"kind": "restart", "scopes": "room-00001, room-00002 room:room-00003", "careful": "yes", "note": "hi"}
        made = await client.post("/jobs", data=wanted)
        assert made.status_code == 303
        page = await client.get(made.headers["Location"])
        assert page.text.count('<a href="/rooms/room-0') == 3
        rows = (await client.get(f"/api/v1{made.headers['Location']}/rooms")).json()
        assert sorted(row["wave"] for row in rows) == [0, 1, 1]
        assert (await client.post(f"{made.headers['Location']}/cancel")).status_code == 303
        again = await client.post(f"{made.headers['Location']}/cancel")
        assert (again.status_code, "over already" in again.text) == (409, True)
    assert [actor for actor, _ in await noted(database, "job ")] == ["admin", "admin"]


@pytest.mark.parametrize(
    ("name", "scopes", "status"),
    [
        ("lisbon", ["room:room-00002"], 201),
        ("lisbon", ["site:lisbon"], 201),
        ("lisbon", ["room:room-00002", "room:room-00001"], 404),
        ("lisbon", ["site:berlin"], 404),
        ("lisbon", ["org"], 403),
        ("lisbon", ["tag:board"], 403),
        ("viewer", ["room:room-00002"], 403),
        ("auditor", ["room:room-00002"], 403),
        ("admin", ["org"], 201),
        ("admin", ["room:nothing"], 404),
        ("admin", ["nonsense:x"], 409),
        ("admin", [], 409),
    ],
)
async def test_a_job_needs_the_right_in_every_room_it_is_for(app, database, name, scopes, status):
    async with client_of(app) as client:
        await sign_in(client, name)
        before = len(await database.fetch("SELECT key FROM jobs"))
        answer = await client.post("/api/v1/jobs", json={"kind": "screenshot", "scopes": scopes})
        assert answer.status_code == status, answer.text
        made = len(await database.fetch("SELECT key FROM jobs")) - before
        assert made == (status == 201)
        assert len(await noted(database, "job made")) == made


async def test_a_job_of_rooms_out_of_reach_is_not_cancelled(app):
    async with client_of(app) as lisbon, client_of(app) as viewer:
        await sign_in(lisbon, "lisbon")
        await sign_in(viewer, "viewer")
        assert (await lisbon.post("/jobs/j-update/cancel")).status_code == 403
        assert (await viewer.post("/jobs/j-update/cancel")).status_code == 403
        assert (await lisbon.post("/jobs/nothing/cancel")).status_code == 404


@pytest.mark.parametrize(
    ("name", "scope", "status"),
    [
        ("admin", "org", 204),
        ("admin", "room:room-00001", 204),
        ("berlin", "site:berlin", 204),
        ("berlin", "room:room-00001", 204),
        ("berlin", "org", 403),
        ("berlin", "tag:board", 403),
        ("berlin", "site:lisbon", 404),
        ("lisbon", "site:lisbon", 403),
        ("viewer", "org", 403),
    ],
)
async def test_settings_are_saved_by_who_may_for_that_scope(app, database, name, scope, status):
    async with client_of(app) as client:
        await sign_in(client, name)
        newest = {"org": 2, "site:berlin": 3}.get(scope, 0)
        body = {"doc": {}, "based_on": newest, "note": "tidy"}
        answer = await client.put(f"/api/v1/settings/{scope}", json=body)
        assert answer.status_code == status, answer.text
    assert await noted(database, "settings saved") == ([(name, scope)] if status == 204 else [])


async def test_two_admins_do_not_overwrite_each_other_and_wrong_settings_are_said(app):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        form = {"scope": "org", "doc": "{}", "based_on": "2"}
        assert (await client.post("/settings", data=form)).status_code == 303
        late = await client.post("/settings", data=form)
        assert (late.status_code, "revision 3 meanwhile" in late.text) == (409, True)
        for doc in ("not json", "[]", json.dumps({"nonsense": {"key": 1}}), "[" * 5000):
            wrong = await client.post("/settings", data={**form, "doc": doc, "based_on": "3"})
            assert (wrong.status_code, 'role="alert"' in wrong.text) == (409, True)


def test_a_bare_word_is_a_room():
    assert scopes_in("room-1, site:a room-1\norg") == ("room:room-1", "site:a", "org")
