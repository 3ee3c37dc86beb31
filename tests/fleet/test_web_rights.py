"""Every route there is: nobody in without a session, nothing changed without the page's token, nothing of another site.

The routes are asked for from the program itself, so that a new one is tried, too; one that changes something and stands
in no table here fails.
"""

import asyncio
import shutil
from typing import Any

import httpx
import pytest
from fleet_builders import add_room, add_site
from web_parts import Clock, add_person, client_of, console_app, serving, sign_in

from appliance.telemetry.protocol.enrolling import PATH, RENEW_PATH
from fleet.certificates import make_authority
from fleet.enrolment import Fleet
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from fleet.web.access.permissions import Role
from fleet.web.api import routers as api_routers
from fleet.web.app import API
from fleet.web.pages import routers as page_routers
from fleet.web.rooms_in import moment

KEY = 77
"""Of everything that is Bravo's and has a number."""
VALUES = {
    "room_id": "bravo-room",
    "key": KEY,
    "scope": "site:bravo",
    "job": "job-bravo",
    "rule_id": "bravo-rule",
    "channel": "everybodys",
    "code_id": "BRAVO2",
    "site_id": "bravo",
    "secret": "bravo",
}
OPEN = {
    *(("GET", path) for path in ("/", "/sign-in", "/sign-in/elsewhere", "/sign-in/back", "/welcome/{secret}")),
    ("POST", "/sign-in"),
    ("POST", "/welcome/{secret}"),
    ("POST", PATH),
    ("POST", RENEW_PATH),
}
"""What strangers may ask: to come in."""
OWN = {("POST", "/sign-out"), ("POST", "/views"), ("POST", f"{API}/views"), ("POST", "/account/tokens")}
"""What everybody may change: their own."""
OF_SOMEBODY = {"/views/{key}/remove", f"{API}/views/{{key}}", "/account/tokens/{key}/remove"}
"""What is one person's alone, whatever somebody else may do."""
QUERIES: dict[str, dict[str, Any]] = {
    "/rooms/{room_id}/more-events": {"before": 2**50},
    "/settings/history": {"scope": "site:bravo"},
    f"{API}/settings/{{scope}}/differences": {"before": 1, "after": 2},
}
_RULE = {"name": "x", "condition": {"kind": "offline"}, "scope": "site:bravo"}
_DOC = {"doc": {"tv": {"idle_off_min": 5}}, "based_on": 2}
_PAGE_DOC = {"scope": "site:bravo", "doc": '{"tv": {"idle_off_min": 5}}', "based_on": 2}
_HOUR_MS = 3_600_000
NOW = Clock().now
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/views/{key}/remove"): {},
    ("POST", "/rooms/{room_id}/place"): {"data": {"site": "bravo"}},
    ("POST", "/rooms/{room_id}/retire"): {},
    ("POST", "/rooms/{room_id}/name"): {"data": {"name": "x"}},
    ("POST", "/alerts/rules"): {"data": {"id": "bravo-rule", "name": "x", "kind": "offline", "scope": "site:bravo"}},
    ("POST", "/alerts/rules/{rule_id}/delete"): {},
    ("POST", "/alerts/channels"): {"data": {"id": "everybodys", "name": "x"}},
    ("POST", "/alerts/channels/{channel}/test"): {},
    ("POST", "/alerts/channels/{channel}/delete"): {},
    ("POST", "/alerts/maintenance"): {"data": {"scope": "site:bravo"}},
    ("POST", "/alerts/maintenance/{key}/end"): {},
    ("POST", "/alerts/{key}/acknowledge"): {},
    ("POST", "/alerts/{key}/snooze"): {},
    ("POST", "/jobs"): {"data": {"kind": "restart", "scopes": "bravo-room"}},
    ("POST", "/jobs/{job}/cancel"): {},
    ("POST", "/jobs/{job}/approve"): {},
    ("POST", "/jobs/{job}/pause"): {},
    ("POST", "/jobs/{job}/resume"): {},
    ("POST", "/settings"): {"data": _PAGE_DOC},
    ("POST", "/settings/keys"): {"data": _PAGE_DOC},
    ("POST", "/settings/preview"): {"data": _PAGE_DOC},
    ("POST", "/settings/roll-back"): {"data": {"scope": "site:bravo", "rev": 1, "based_on": 2}},
    ("POST", "/enrol"): {"data": {"site": "bravo", "room": "bravo-room"}},
    ("POST", "/enrol/{code_id}/withdraw"): {},
    ("POST", "/people"): {"data": {"name": "x", "role": "viewer", "site": "bravo"}},
    ("POST", "/people/{key}/link"): {},
    ("POST", "/people/{key}/role"): {"data": {"role": "viewer"}},
    ("POST", "/people/{key}/disabled"): {"data": {"to": "true"}},
    ("POST", "/sites"): {"data": {"id": "bravo", "name": "x"}},
    ("POST", "/account/tokens/{key}/remove"): {},
    ("PUT", f"{API}/sites/{{site_id}}"): {"json": {"name": "x"}},
    ("PUT", f"{API}/rooms/{{room_id}}/place"): {"json": {"site": "bravo"}},
    ("PUT", f"{API}/rooms/{{room_id}}/name"): {"json": {"name": "x"}},
    ("DELETE", f"{API}/views/{{key}}"): {},
    ("PUT", f"{API}/alerts/rules/{{rule_id}}"): {"json": _RULE},
    ("DELETE", f"{API}/alerts/rules/{{rule_id}}"): {},
    ("PUT", f"{API}/alerts/channels/{{channel}}"): {"json": {"name": "x"}},
    ("POST", f"{API}/alerts/channels/{{channel}}/test"): {},
    ("DELETE", f"{API}/alerts/channels/{{channel}}"): {},
    ("POST", f"{API}/alerts/maintenance"): {"json": {"scope": "site:bravo", "until_at": NOW + _HOUR_MS}},
    ("DELETE", f"{API}/alerts/maintenance/{{key}}"): {},
    ("POST", f"{API}/alerts/{{key}}/acknowledge"): {},
    ("POST", f"{API}/alerts/{{key}}/snooze"): {"json": {}},
    ("POST", f"{API}/jobs"): {"json": {"kind": "restart", "scopes": ["room:bravo-room"]}},
    ("POST", f"{API}/jobs/{{job}}/cancel"): {},
    ("POST", f"{API}/jobs/{{job}}/approve"): {},
    ("POST", f"{API}/jobs/{{job}}/pause"): {},
    ("POST", f"{API}/jobs/{{job}}/resume"): {},
    ("PUT", f"{API}/settings/{{scope}}"): {"json": _DOC},
    ("POST", f"{API}/settings/{{scope}}/preview"): {"json": _DOC},
    ("POST", f"{API}/settings/{{scope}}/roll-back"): {"json": {"rev": 1, "based_on": 2}},
    ("POST", f"{API}/users"): {"json": {"name": "x", "grants": [{"role": "viewer", "site": "bravo"}]}},
    ("PATCH", f"{API}/users/{{key}}"): {"json": {"disabled": True}},
    ("POST", f"{API}/users/{{key}}/link"): {},
    ("POST", f"{API}/codes"): {"json": {"site": "bravo", "room": "bravo-room"}},
    ("DELETE", f"{API}/codes/{{code_id}}"): {},
    ("POST", f"{API}/rooms/{{room_id}}/retire"): {},
}
JOB_STATE = {"resume": "paused", "approve": "waiting"}
PEOPLE = {role: f"{role}-of-alpha" for role in Role}


def routes() -> list[tuple[str, str]]:
    """Return the method and path of every route of the program."""
    both = (*(("", one) for one in page_routers()), *((API, one) for one in api_routers()))
    return [(method, prefix + one.path) for prefix, router in both for one in router.routes for method in one.methods]


ALL = routes()
SAFE = [path for method, path in ALL if method == "GET"]
UNSAFE = [route for route in ALL if route[0] != "GET"]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    return tmp_path_factory.mktemp("bravo") / "fleet.db"


@pytest.fixture
async def bravo(seeded, tmp_path):
    """A database of its own with two sites, and much at Bravo."""
    if not seeded.exists():
        database = await open_database(f"sqlite:{seeded}")
        await bring_up_to_date(database)
        await fill(database)
        await database.close()
    shutil.copy(seeded, tmp_path / "fleet.db")
    opened = await open_database(f"sqlite:{tmp_path / 'fleet.db'}")
    yield opened
    await opened.close()


async def fill(database):
    alpha, bravo = await add_site(database, "alpha"), await add_site(database, "bravo")
    await add_room(database, "alpha-room", site=alpha)
    room = await add_room(database, "bravo-room", site=bravo, floor="bravo floor", tags=("bravotag",), worst="bravo!")
    for role, name in PEOPLE.items():
        await add_person(database, name, (role, alpha))
    await add_person(database, "root")
    rows = {
        "users": {"key": KEY, "name": "bravo-user", "made_at": 1},
        "events": {"room": room, "boot": 0, "n": 1, "at": NOW, "ts": NOW, "heard_at": NOW, "type": "bravo.event"}
        | {"severity": "error", "text": "bravo event"},
        "meetings": {"room": room, "boot": 0, "n": 1, "at": NOW, "meeting": "bravo-m", "outcome": "held"}
        | {"server": "bravo.example", "title": "bravo meeting", "booked_from": NOW - 1000, "booked_until": NOW},
        "files": {"key": KEY, "room": room, "file": "f", "job": "job-bravo", "name": "bravo.txt"}
        | {"media_type": "text/plain", "size": 5, "chunks": 1, "at": NOW},
        "file_chunks": {"file": KEY, "place": 0, "data": b"bravo"},
        "jobs": {"key": KEY, "id": "job-bravo", "kind": "restart", "state": "running", "made_at": NOW}
        | {"made_by": "bravo-user", "expires_at": NOW + _HOUR_MS, "if_idle": True, "note": "bravo note"}
        | {"policy": '{"waves": [100.0], "soak_s": 0, "stop_percent": 100.0, "stop_lost": 0, "lost_after_s": 60}'}
        | {"target": '{"scopes": ["room:bravo-room"], "dynamic": false}'},
        "executions": {"job": KEY, "room": room, "wave": 0, "state": "queued", "detail": "bravo!", "changed_at": NOW},
        "alert_rules": {"id": "bravo-rule", "name": "Bravo's", "condition": '{"kind": "offline"}'}
        | {"severity": "warning", "scope": "site:bravo"},
        "alerts": {"key": KEY, "rule": "bravo-rule", "room": room, "site": bravo, "severity": "error"}
        | {"text": "bravo is down", "state": "firing", "began_at": NOW, "fired_at": NOW},
        "maintenance": {"key": KEY, "scope": "site:bravo", "from_at": NOW, "until_at": NOW + _HOUR_MS}
        | {"reason": "bravo paint", "made_by": "bravo-user"},
        "channels": {"id": "everybodys", "name": "Everybody's", "url": "json://bravo.example"},
        "enrolment_codes": {"id": "BRAVO2", "secret": "x", "site": bravo, "name": "bravo new", "made_at": NOW}
        | {"made_by": "bravo-user", "expires_at": NOW + _HOUR_MS},
        "saved_views": {"key": KEY, "user_key": KEY, "name": "bravo view", "query": "bravo"},
        "api_tokens": {"key": KEY, "hash": "x", "name": "bravo", "user_key": KEY, "role": "viewer", "made_at": 1}
        | {"expires_at": NOW * 2},
    }
    layers = [
        {"scope": scope, "rev": rev, "doc": doc, "made_at": NOW, "made_by": "bravo-user", "note": "bravo note"}
        for scope in ("site:bravo", "room:bravo-room")
        for rev, doc in ((1, '{"tv": {"idle_off_min": 7}}'), (2, '{"room": {"how_to_join": "bravo"}}'))
    ]
    async with database.transaction() as tx:
        for table, row in (*rows.items(), *(("layers", row) for row in layers)):
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await tx.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


def app_of(database, tmp_path):
    app = console_app(database, Clock())
    console = app.state.console
    fleet = Fleet("acme", "mqtts://b.example:8883", make_authority(tmp_path / "authority", "acme", moment(console)))
    app = console_app(database, Clock(), fleet)
    # streams end after their first word
    app.state.console.live.close()
    return app


def filled(path):
    return path.format(**VALUES)


async def everything(database):
    """Return all that is stored, but who came in and when."""
    found = {}
    for row in await database.fetch("SELECT name FROM sqlite_master WHERE type = 'table'"):
        if row["name"] not in {"sessions", "audit", "sqlite_sequence"}:
            lines = [dict(line) for line in await database.fetch(f"SELECT * FROM {row['name']}")]
            found[row["name"]] = [{**line, "seen_at": 0} if row["name"] == "users" else line for line in lines]
    return found


def test_every_route_that_changes_something_is_tried_here():
    assert set(UNSAFE) == set(CHANGES) | OWN | {route for route in OPEN if route[0] != "GET"}
    assert {path for _, path in OPEN | OWN} | OF_SOMEBODY | set(QUERIES) <= {path for _, path in ALL}


async def test_a_stranger_gets_nowhere_but_to_the_doors(bravo, tmp_path):
    before = await everything(bravo)
    async with client_of(app_of(bravo, tmp_path), headers={"X-Forwarded-For": "192.0.2.1"}) as client:
        for method, path in ALL:
            if (method, path) in OPEN:
                continue
            more = CHANGES.get((method, path), {})
            answer = await client.request(method, filled(path), params=QUERIES.get(path), **more)
            to_sign_in = answer.headers.get("Location", "").startswith("/sign-in")
            assert answer.status_code == 401 or (answer.status_code == 303 and to_sign_in), (method, path)
    assert await everything(bravo) == before


@pytest.mark.parametrize("way", ["without the token", "from another site", "from a page of another name"])
async def test_no_change_is_made_that_the_console_s_own_page_did_not_send(bravo, tmp_path, way):
    before = await everything(bravo)
    async with client_of(app_of(bravo, tmp_path)) as client:
        await sign_in(client, "root")
        if way == "without the token":
            del client.headers["X-CSRF-Token"]
        elif way == "from another site":
            client.headers["Sec-Fetch-Site"] = "cross-site"
        else:
            client.headers["Origin"] = "https://evil.example"
        for method, path in UNSAFE:
            # nobody is signed in there yet: rooms prove who they are, people know a secret
            if (method, path) in OPEN and (way == "without the token" or path in {PATH, RENEW_PATH}):
                continue
            answer = await client.request(method, filled(path), **CHANGES.get((method, path), {}))
            assert answer.status_code == 403, (method, path, answer.text)
    assert await everything(bravo) == before


@pytest.mark.parametrize("role", list(Role))
async def test_nobody_of_one_site_reaches_anything_of_another(bravo, tmp_path, role):
    before = await everything(bravo)
    async with client_of(app_of(bravo, tmp_path)) as client:
        await sign_in(client, PEOPLE[role])
        for route, more in CHANGES.items():
            method, path = route
            answer = await client.request(method, filled(path), **more)
            assert answer.status_code in {403, 404, 409}, (route, answer.status_code, answer.text)
        for path in SAFE:
            answer = await client.get(filled(path), params=QUERIES.get(path))
            # what was asked for may be said back
            told = answer.text.lower().replace(filled(path), "").replace("site bravo", "")
            assert "bravo" not in told, (path, told[max(0, told.find("bravo") - 300) :][:600])
    assert await everything(bravo) == before


@pytest.mark.parametrize("route", [pytest.param(one, id=" ".join(one)) for one in CHANGES])
async def test_who_may_can_do_just_that(bravo, tmp_path, route):
    """So it was for want of the right that the others could not."""
    method, path = route
    if state := JOB_STATE.get(path.rpartition("/")[2]):
        async with bravo.transaction() as tx:
            await tx.execute("UPDATE jobs SET state = $1, needs_approval = $2", state, state == "waiting")
    if path in OF_SOMEBODY:
        async with bravo.transaction() as tx:
            (root,) = await tx.fetch("SELECT key FROM users WHERE name = 'root'")
            await tx.execute("UPDATE saved_views SET user_key = $1", root["key"])
            await tx.execute("UPDATE api_tokens SET user_key = $1", root["key"])
    async with client_of(app_of(bravo, tmp_path)) as client:
        await sign_in(client, "root")
        answer = await client.request(method, filled(path), **CHANGES[route])
        assert answer.status_code < 400, answer.text


async def test_who_may_see_all_sees_it_all(bravo, tmp_path):
    async with client_of(app_of(bravo, tmp_path)) as client:
        await sign_in(client, "root")
        for path in SAFE:
            if ("GET", path) not in OPEN:
                answer = await client.get(filled(path), params=QUERIES.get(path))
                assert answer.status_code == 200, (path, answer.text)


@pytest.mark.parametrize(
    "end", ["signed out", "another role", "shut out", "a new password", "idle", "no token any more"]
)
@pytest.mark.parametrize("path", ["/live/rooms", "/rooms/alpha-room/live"])
async def test_a_stream_ends_with_the_right_to_see_it(bravo, monkeypatch, end, path):
    monkeypatch.setattr("fleet.web.pages.rooms.PING_S", 0.05)
    monkeypatch.setattr("fleet.web.pages.room.PING_S", 0.05)
    clock = Clock()
    app = console_app(bravo, clock)
    viewer = PEOPLE[Role.VIEWER]
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client, client_of(app) as root:
        await sign_in(client, viewer)
        await sign_in(root, "root")
        (person,) = [one for one in (await root.get("/api/v1/users")).json() if one["name"] == viewer]
        where = f"/people/{person['key']}"
        asking = client
        if end == "no token any more":
            made = await client.post("/account/tokens", data={"role": "viewer", "name": "wall"})
            bearer = {"Authorization": "Bearer salon_" + made.text.split("salon_")[1][:43]}
            asking = httpx.AsyncClient(base_url=url, headers=bearer)
        async with asking.stream("GET", path) as answer:
            words = answer.aiter_lines()
            assert await anext(words)
            if end == "signed out":
                await client.post("/sign-out")
            elif end == "another role":
                await root.post(f"{where}/role", data={"role": "viewer", "site": "bravo"})
            elif end == "shut out":
                await root.post(f"{where}/disabled", data={"to": "true"})
            elif end == "a new password":
                link = (await root.post(f"{where}/link")).text.split("/welcome/")[1][:43]
                async with client_of(app) as fresh:
                    await fresh.post(f"/welcome/{link}", data={"password": "a new password", "again": "a new password"})
            elif end == "idle":
                clock.pass_s(12 * 3600)
            else:
                await client.post("/account/tokens/78/remove")
            clock.pass_s(1)
            async with asyncio.timeout(20):
                last = [line async for line in words if line.startswith("event")]
            assert last == ["event: over"]
        await asking.aclose()
