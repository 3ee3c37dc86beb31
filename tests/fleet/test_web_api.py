"""The API: all routes described, odd input answered in words, the same rights as the pages."""

import json

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.store import audit, people
from fleet.web.access.permissions import Role
from fleet.web.app import create_app
from fleet.web.settings import WebSettings

NASTY = ("\x00", "%00", "'", "..%2F..", "ü" * 300, "-1", "9" * 30, "", "[]", "null", "{{7*7}}")


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    await add_person(database, "admin")
    await add_person(database, "viewer", (Role.VIEWER, None))
    return console_app(database, clock)


def test_every_route_says_what_it_is_for():
    document = create_app(_Nothing(), WebSettings()).openapi()
    assert len(document["paths"]) > 20
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, route in methods.items():
            assert route.get("description"), f"{method} {path} has no words"
            assert {"401", "403", "422"} <= route["responses"].keys()


class _Nothing:
    dialect = "sqlite"


async def test_rooms_are_found_a_page_at_a_time(app):
    async with client_of(app) as client:
        await sign_in(client, "viewer")
        first = (await client.get("/api/v1/rooms?limit=25")).json()
        rest = (await client.get(f"/api/v1/rooms?limit=25&after={first[-1]['id']}")).json()
        assert (len(first), len(rest)) == (25, 15)
        broken = (await client.get("/api/v1/rooms?status=broken&status=warning")).json()
        assert {room["status"] for room in broken} == {"broken", "warning"}
        assert (await client.get("/api/v1/rooms?status='")).json() == []
        found = (await client.get("/api/v1/rooms?search=TURING")).json()
        assert [room["name"] for room in found] == ["Turing"]
        assert (await client.get("/api/v1/rooms?search=%25%25")).json() == []
        assert len((await client.get("/api/v1/rooms?site=lisbon")).json()) == 10
        assert {"board"} == {
            tag for room in (await client.get("/api/v1/rooms?tag=board")).json() for tag in room["tags"]
        }


async def test_rooms_are_found_by_what_they_run_and_by_all_that_the_page_searches(app, database):
    async with database.transaction() as tx:
        for version, key in (("0.9.0", 1), ("0.10.0", 2), ("0.11.0", 3), ("mine", 4), ("", 5)):
            await tx.execute("UPDATE rooms SET sw = $1 WHERE key = $2", version, key)
        await tx.execute("UPDATE rooms SET sw = '0.11.0' WHERE key > 5")
        await tx.execute("UPDATE rooms SET floor = 'Attic', worst = 'The %fan% is loud' WHERE key = 7")
    ids = {row["key"]: row["id"] for row in await database.fetch("SELECT key, id FROM rooms")}
    async with client_of(app) as client:
        await sign_in(client, "viewer")

        async def found(**query):
            answer = await client.get("/api/v1/rooms", params={"limit": 1000, **query})
            return {room["id"] for room in answer.json()}

        assert await found(version="0.10.0") == {ids[2]}
        assert await found(older_than="0.11.0") == {ids[1], ids[2]}
        assert await found(older_than="0.11.0", version="0.9.0") == {ids[1]}
        assert await found(older_than="0.9") == await found(version="none") == set()
        wrong = await client.get("/api/v1/rooms?older_than=new")
        assert (wrong.status_code, wrong.json()) == (409, {"error": "A version is like 0.3.0."})
        for words in ("ATTIC", "%fan%", "fan% is"):
            assert await found(search=words) == {ids[7]}
        assert await found(search="0.9.") == {ids[1]}
        assert await found(search="lisbon") == await found(site="lisbon")
        assert await found(tag="board") <= await found(search="boar")


async def test_what_one_page_shows_has_an_address_of_its_own(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        made = await client.post("/api/v1/jobs", json={"kind": "selftest", "scopes": ["room:room-00001"]})
        job = (await client.get(f"/api/v1/jobs/{made.json()['id']}")).json()
        assert (job["kind"], job["rooms"]) == ("selftest", 1)
        assert (await client.get("/api/v1/jobs/none")).status_code == 404
        rule = {"name": "Hot", "condition": {"kind": "offline"}, "scope": "site:berlin"}
        assert (await client.put("/api/v1/alerts/rules/hot-one", json=rule)).status_code == 204
        assert (await client.get("/api/v1/alerts/rules/hot-one")).json()["scope"] == "site:berlin"
        assert (await client.get("/api/v1/alerts/rules/none")).status_code == 404
        keys = {line["key"]: line for line in (await client.get("/api/v1/settings/keys")).json()}
        assert keys["calendar.poll_s"] == {
            "key": "calendar.poll_s",
            "kind": "number",
            "means": "How often the calendar is read.",
        }
        room = {"doc": {"tv": {"idle_off_min": 5}}, "based_on": 0}
        assert (await client.put("/api/v1/settings/room:room-00001", json=room)).status_code == 204
        org = {"doc": {"tv": {"idle_off_min": 20}}, "locks": ["tv.idle_off_min"], "based_on": 2}
        assert (await client.put("/api/v1/settings/org", json=org)).status_code == 204
        told = (await client.get("/api/v1/rooms/room-00001/settings")).json()["tv.idle_off_min"]
        assert told == {"value": 20, "scope": "org", "locked": True, "ignored": ["room:room-00001"]}


async def test_what_was_dropped_is_counted_for_who_reads_the_log(app, database):
    clock = app.state.console.now()
    detail = json.dumps({"refused": {"too large": 3}})
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM pulses WHERE name LIKE 'ingest-%'")
        await tx.execute(
            "INSERT INTO pulses (name, at, since_at, detail) VALUES ('ingest-1', $1, $1, $2)", clock, detail
        )
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "admin")
        await sign_in(viewer, "viewer")
        assert (await client.get("/api/v1/audit/dropped")).json() == {"too large": 3}
        assert (await viewer.get("/api/v1/audit/dropped")).status_code == 403


async def test_users_are_managed_as_on_the_page(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        body = {"name": "eve", "grants": [{"role": "operator", "site": "berlin"}]}
        made = await client.post("/api/v1/users", json=body)
        assert made.status_code == 201
        assert "/welcome/" in made.json()["link"]
        key = made.json()["key"]
        assert (await client.post("/api/v1/users", json=body)).status_code == 409
        assert (await client.patch(f"/api/v1/users/{key}", json={"grants": [{"role": "viewer"}]})).status_code == 204
        eve = next(user for user in (await client.get("/api/v1/users")).json() if user["name"] == "eve")
        assert eve["grants"] == [{"role": "viewer", "site": ""}]
        assert "password" not in json.dumps(eve)
        assert (await client.get("/api/v1/audit/verdict")).json()["broken_at"] is None
    actions = [entry.action for entry in await audit.entries(database)]
    assert actions[:3] == ["roles changed", "invite link made", "user added"]


async def test_a_token_makes_nobody_a_way_in(app, database):
    viewer = (await people.user_called(database, "viewer")).key
    async with client_of(app) as client:
        await sign_in(client, "admin")
        made = await client.post("/account/tokens", data={"name": "ci", "role": "admin", "days": "7"})
        bearer = {"Authorization": "Bearer salon_" + made.text.split("salon_")[1][:43]}
    async with client_of(app, headers=bearer) as program:
        assert (await program.get("/api/v1/users")).status_code == 200
        body = {"name": "mallory", "grants": [{"role": "admin"}]}
        for answer in (
            await program.post("/api/v1/users", json=body),
            await program.post(f"/api/v1/users/{viewer}/link"),
        ):
            assert (answer.status_code, "token" in answer.json()["error"]) == (403, True)
    assert await people.user_called(database, "mallory") is None


async def test_somebody_gets_a_new_sign_in_link_unless_they_come_from_elsewhere(app, database):
    viewer = (await people.user_called(database, "viewer")).key
    async with database.transaction() as tx:
        elsewhere = await people.add_user(tx, "grace", "", 1, subject="https://id.example.org|7")
    async with client_of(app) as client, client_of(app) as fresh:
        await sign_in(client, "admin")
        answer = await client.post(f"/api/v1/users/{viewer}/link")
        assert answer.status_code == 201
        chosen = {"password": "another good password", "again": "another good password"}
        path = "/welcome/" + answer.json()["link"].split("/welcome/")[1]
        assert (await fresh.post(path, data=chosen)).status_code == 303
        assert (await sign_in(fresh, "viewer", "another good password")).status_code == 303
        # by API and page alike: a password would let them in when the service does not any more
        for path in (f"/api/v1/users/{elsewhere}/link", f"/people/{elsewhere}/link"):
            refused = await client.post(path)
            assert (refused.status_code, "sign-in service" in refused.text) == (409, True)
        assert (await fresh.post(f"/api/v1/users/{viewer}/link")).status_code in {401, 403}
    made = [entry.target for entry in await audit.entries(database) if entry.action == "invite link made"]
    assert made == [f"user:{viewer}"]


async def test_series_are_columns_of_one_length(app):
    async with client_of(app) as client:
        await sign_in(client, "viewer")
        for span, least in (("24h", 280), ("30d", 700)):
            series = (await client.get(f"/api/v1/rooms/room-00002/series?span={span}")).json()
            assert len(series["at"]) >= least
            assert {len(column) for column in series["columns"].values()} == {len(series["at"])}
            assert series["at"] == sorted(series["at"])


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
async def test_odd_input_is_answered_in_words_and_never_breaks_anything(app, nasty):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        for path, route in app.openapi()["paths"].items():
            for method in route:
                filled = path
                for parameter in route[method].get("parameters", []):
                    if parameter["in"] == "path":
                        filled = filled.replace(f"{{{parameter['name']}}}", nasty.replace("\x00", "%00") or "x")
                query = {p["name"]: nasty for p in route[method].get("parameters", []) if p["in"] == "query"}
                body = {"name": nasty, "timezone": nasty, "site": nasty, "floor": nasty, "tags": [nasty], "grants": []}
                answer = await client.request(method, filled, params=query, json=None if method == "get" else body)
                assert answer.status_code < 500, (method, path, answer.text)
                if answer.status_code >= 400:
                    assert answer.json().keys() == {"error"}
