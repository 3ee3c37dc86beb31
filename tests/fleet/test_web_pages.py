"""Every page: who may open it, for which sites, and what becomes of hostile text in it."""

import json
import re

import httpx
import pytest
from seed import fill
from web_parts import BASE, Clock, add_person, client_of, console_app, sign_in

from fleet.control import rulebook
from fleet.control.watch import Window
from fleet.store import audit, views
from fleet.web.access.permissions import Role
from fleet.web.armour import POLICY

XSS = "</script><img src=x onerror=alert(1)>\"'`{{7*7}}"
PAGES = (
    "/rooms",
    "/rooms.csv",
    "/rooms/room-00002",
    "/rooms/room-00002/events.csv",
    "/alerts",
    "/alerts?state=resolved",
    "/alerts/rules",
    "/alerts.csv",
    "/jobs",
    "/jobs/j-update",
    "/settings",
    "/use",
    "/use/rooms.csv",
    "/use/meetings.csv",
    "/settings/history?scope=org",
)
INSIDE = ("/alerts/rules/new", "/jobs/new", "/enrol", "/people", "/audit", "/audit.csv", "/account")
PARTS = (
    *("/rooms/room-00002/now", "/rooms/room-00002/more-events?before=99999999999999", "/rooms/room-00002/series.json"),
    *("/live/rooms.json", "/audit/verdict", "/rooms/room-00002/files/1"),
)


@pytest.fixture
async def fleet(database):
    """A seeded fleet; Lisbon is site 2, and room-00002 is there."""
    clock = Clock()
    await fill(database, now=clock())
    await rulebook.seed(database)
    await rulebook.save_channel(database, "ops", "Ops", "json://127.0.0.1:9/")
    await rulebook.begin_maintenance(database, Window("org", clock(), clock() + 1000), "why", "ada", clock())
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("viewer", Role.VIEWER, None), ("auditor", Role.AUDITOR, None)),
        *(("lisbon", Role.OPERATOR, 2), ("berlin", Role.ADMIN, 1), ("operator", Role.OPERATOR, None)),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def statuses(app, name: str, paths) -> dict[str, int]:
    async with client_of(app) as client:
        await sign_in(client, name)
        return {path: (await client.get(path)).status_code for path in paths}


async def test_strangers_see_nothing(fleet):
    async with client_of(fleet) as client:
        for path in (*PAGES, *INSIDE, *PARTS, "/live/rooms", "/rooms/room-00002/live"):
            answer = await client.get(path)
            assert answer.status_code in {303, 401}, path
            assert "room-0" not in answer.text


async def test_an_admin_sees_every_page(fleet):
    assert set((await statuses(fleet, "admin", (*PAGES, *INSIDE, *PARTS))).values()) == {200}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        (
            "viewer",
            {
                "/alerts/rules/new",
                "/jobs/new",
                "/enrol",
                "/people",
                "/audit",
                "/audit.csv",
                "/audit/verdict",
                "/rooms/room-00002/files/1",
            },
        ),
        ("operator", {"/alerts/rules/new", "/enrol", "/people", "/audit", "/audit.csv", "/audit/verdict"}),
        ("auditor", {"/alerts/rules/new", "/jobs/new", "/enrol", "/people", "/rooms/room-00002/files/1"}),
        ("lisbon", {"/alerts/rules/new", "/enrol", "/people", "/audit", "/audit.csv", "/audit/verdict"}),
    ],
)
async def test_each_role_is_refused_what_it_may_not_see(fleet, name, refused):
    found = await statuses(fleet, name, (*PAGES, *INSIDE, *PARTS))
    assert {path for path, status in found.items() if status == 403} == refused
    assert {status for path, status in found.items() if path not in refused} == {200}


async def test_a_role_for_a_site_sees_that_sites_rooms_only(fleet):
    async with client_of(fleet) as client:
        await sign_in(client, "berlin")
        for path in ("/rooms/room-00002", "/rooms/room-00002/now", "/rooms/room-00002/files/1", "/rooms/nothing"):
            assert (await client.get(path)).status_code == 404
        rooms = (await client.get("/live/rooms.json")).json()
        assert {room[3] for room in rooms["rooms"]} == {1}
        assert rooms["count"] == len(rooms["rooms"]) == 10
        assert [site[2] for site in rooms["sites"]] == ["Berlin"]
        assert {room["site"] for room in (await client.get("/api/v1/rooms")).json()} == {1}
        text = "".join([(await client.get(path)).text for path in ("/alerts", "/jobs/j-update", "/use", "/settings")])
        assert "room-00002" not in text
        assert "Lisbon" not in text


async def test_a_site_admin_moves_rooms_within_their_sites_only(fleet, database):
    async with client_of(fleet) as client:
        await sign_in(client, "berlin")
        there = {"site": "berlin", "floor": "Roof", "tags": "vip, Board", "capacity": "7"}
        assert (await client.post("/rooms/room-00001/place", data=there)).status_code == 303
        assert (await client.post("/rooms/room-00001/place", data={**there, "site": "lisbon"})).status_code == 403
        assert (await client.post("/rooms/room-00001/place", data={**there, "site": ""})).status_code == 403
        assert (await client.post("/rooms/room-00002/place", data=there)).status_code == 404
        assert (await client.post("/enrol", data={"site": "lisbon"})).status_code == 403
        # they may, but this console has no broker for rooms
        assert (await client.post("/enrol", data={"site": "berlin"})).status_code == 409
        room = (await client.get("/api/v1/rooms/room-00001")).json()
        assert (room["line"]["floor"], room["line"]["tags"], room["capacity"]) == ("Roof", ["board", "vip"], 7)
        assert room["line"]["version"] > 40
    placed = await audit.entries(database, search="room placed")
    assert [entry.target for entry in placed] == ["room:room-00001"]


async def test_who_looks_at_a_screenshot_is_noted(fleet, database):
    async with client_of(fleet) as client:
        await sign_in(client, "lisbon")
        answer = await client.get("/rooms/room-00002/files/1")
        assert answer.headers["Content-Type"] == "image/png"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert [entry.actor for entry in await audit.entries(database, search="looked")] == ["lisbon"]


async def test_a_file_that_is_no_picture_is_never_shown_as_a_page(fleet, database):
    async with database.transaction() as tx:
        await tx.execute("UPDATE files SET media_type = 'text/html', name = $1 WHERE key = 1", 'a"\r\nX: y.html')
    async with client_of(fleet) as client:
        await sign_in(client, "lisbon")
        answer = await client.get("/rooms/room-00002/files/1")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="aXy.html"'


HOSTILE = {
    "phase": "idle",
    "issues": [{"id": XSS, "severity": "error", "text": XSS, "remedy": XSS}],
    "devices": [{"kind": XSS, "id": XSS, "open": True, "healthy": False}],
    "streams": [{"kind": XSS, "direction": XSS, "count": 1, "kbps": 1, "lost": 0, "dropped": 0}],
}
EVERY_TEXT = {
    "rooms": {"name": XSS, "floor": XSS, "worst": XSS, "health": json.dumps(HOSTILE)}
    | {"info": json.dumps({"name": XSS, "sw": XSS, "model": XSS, "devices": []})}
    | {"reported": json.dumps({"waits": XSS, "doc": {XSS: {XSS: XSS}}, "troubles": [{"key": XSS, "reason": XSS}]})},
    "sites": {"name": XSS},
    "room_tags": {"tag": XSS},
    "events": {"type": XSS, "severity": XSS, "text": XSS, "issue": XSS},
    "meetings": {"outcome": XSS, "title": XSS, "server": XSS, "began": XSS},
    "alerts": {"severity": XSS, "text": XSS, "remedy": XSS, "acknowledged_by": XSS},
    "jobs": {"kind": XSS, "why": XSS, "note": XSS, "made_by": XSS, "state": XSS, "args": json.dumps({XSS: XSS})},
    "executions": {"step": XSS, "detail": XSS, "state": XSS},
    "layers": {"doc": json.dumps({XSS: {XSS: XSS}}), "note": XSS, "made_by": XSS},
    "desired": {"doc": json.dumps({XSS: {XSS: XSS}})},
    "files": {"name": XSS, "media_type": XSS},
    "enrolment_codes": {"name": XSS, "made_by": XSS},
    "users": {"full_name": XSS},
    "alert_rules": {"name": XSS, "scope": XSS, "channels": json.dumps([XSS])},
    "maintenance": {"scope": XSS, "reason": XSS, "made_by": XSS},
    "channels": {"name": XSS, "url": f"json://{XSS}"},
}


async def test_hostile_text_in_every_field_stays_text_on_every_page(fleet, database):
    async with database.transaction() as tx:
        for table, columns in EVERY_TEXT.items():
            for column, text in columns.items():
                await tx.execute(f"UPDATE {table} SET {column} = $1", text)
        await audit.AuditLog(database.dialect).note(tx, 1, XSS, XSS, XSS, more=XSS)
    shown = 0
    async with client_of(fleet) as client:
        await sign_in(client, "admin")
        for path in (*PAGES, *INSIDE, *PARTS[:2], "/audit?search=" + XSS):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            if answer.headers["Content-Type"].startswith("text/csv"):
                # a file to keep, which no browser shows
                assert answer.headers["Content-Disposition"].startswith("attachment")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                continue
            assert "<img" not in answer.text, path
            assert "49" not in re.findall(r"alert\(1\).{0,40}?(\d\d)", answer.text), path
            assert not re.search(r"<script(?! src=)", answer.text), path
            assert not re.search(r"\son\w+=(?!alert)|javascript:", answer.text), path
            assert answer.headers["Content-Security-Policy"] == POLICY
            shown += answer.text.count("&lt;img src=x onerror=alert(1)&gt;")
    assert shown > 60


async def test_pages_have_no_inline_script_or_style(fleet):
    async with client_of(fleet) as client:
        await sign_in(client, "admin")
        for path in (*PAGES, *INSIDE):
            text = (await client.get(path)).text
            assert not re.search(r"<style|\sstyle=|<script(?! src=)|\son[a-z]+=|hx-on|https?://(?!127)", text), path


async def test_errors_are_plain_words_for_people_and_programs(fleet):
    async with client_of(fleet) as client:
        await sign_in(client, "viewer")
        page = await client.get("/nothing")
        assert (page.status_code, "There is no such page." in page.text) == (404, True)
        # the way on stays, for who is known
        assert '<a href="/alerts"' in page.text
        assert (await client.get("/api/v1/rooms/nothing")).json() == {
            "error": "There is no such room, or it is at a site that you may not see."
        }
        wrong = await client.get("/api/v1/rooms?limit=many")
        assert (wrong.status_code, "limit" in wrong.json()["error"]) == (422, True)
        part = await client.get("/people", headers={"HX-Request": "true"})
        assert (part.status_code, part.text.startswith("<p class=")) == (403, True)


async def test_a_failure_is_told_in_words_and_keeps_its_armour(fleet, monkeypatch):
    async def fails(*_):
        raise RuntimeError("the secret of the database")

    monkeypatch.setattr(views, "views_of", fails)
    transport = httpx.ASGITransport(fleet, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        await sign_in(client, "viewer")
        page, program = await client.get("/rooms"), await client.get("/api/v1/views")
    for answer in (page, program):
        assert answer.status_code == 500
        assert "Try again" in answer.text
        assert "secret" not in answer.text
        assert answer.headers["Content-Security-Policy"] == POLICY
    assert 'href="/"' in page.text
    assert set(program.json()) == {"error"}


async def test_the_room_says_what_is_wrong_and_the_remedy_first(fleet):
    async with client_of(fleet) as client:
        await sign_in(client, "viewer")
        text = (await client.get("/rooms/room-00002")).text
    places = [text.index(words) for words in ("The camera is unplugged", "USB cable in again", "Devices", "Timeline")]
    assert places == sorted(places)
    assert "must be from 0 to 900, not 1200" in text


async def test_saved_views_are_ones_own_unless_shared(fleet):
    async with client_of(fleet) as one, client_of(fleet) as other:
        await sign_in(one, "operator")
        await sign_in(other, "viewer")
        await one.post("/views", data={"name": "Secret", "query": "search=a"})
        await one.post("/views", data={"name": "Wall", "query": "status=broken", "shared": "yes"})
        text = (await other.get("/rooms")).text
        assert ("Wall" in text, "Secret" in text) == (True, False)
        assert (await other.post("/views", data={"name": "x", "query": "", "shared": "yes"})).status_code == 409
        assert (await other.post("/views/1/remove")).status_code == 404
        assert (await one.post("/views/1/remove")).status_code == 303
