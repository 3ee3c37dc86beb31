"""The tables of rooms, of what happened in one, and of the audit log: of whom, of when, of how many at most."""

import csv
import io
from datetime import UTC, datetime

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control import exports
from fleet.store import audit
from fleet.store.database import Row
from fleet.web.access.permissions import Role

DAY_MS = 86_400_000


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    await add_person(database, "admin")
    await add_person(database, "auditor", (Role.AUDITOR, None))
    await add_person(database, "lisbon", (Role.ADMIN, 2))
    return console_app(database, clock)


def rows(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def one(database, sql: str) -> Row:
    (row,) = await database.fetch(sql)
    return row


async def test_the_table_of_rooms_has_those_that_are_looked_for(app, database, monkeypatch):
    monkeypatch.setattr(exports, "_PAGE", 7)
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE rooms SET name = '=cmd()', worst = 'Überhitzt, Kühlung fehlt', sw = '0.1.0' WHERE key = 2"
        )
    async with client_of(app) as client:
        await sign_in(client, "admin")
        every = await client.get("/rooms.csv")
        assert len(rows(every)) == 40
        assert (await client.get("/api/v1/rooms.csv")).text == every.text
        assert every.headers["Content-Disposition"] == 'attachment; filename="rooms-20260921.csv"'
        for query in ("status=broken&status=warning", "site=lisbon&status=ready", "tag=board", "older_than=0.2.0"):
            listed = (await client.get(f"/api/v1/rooms?limit=1000&{query}")).json()
            assert [row["room"] for row in rows(await client.get(f"/rooms.csv?{query}"))] == [
                room["id"] for room in listed
            ]
        (found,) = rows(await client.get("/rooms.csv?search=überhitzt+LIS"))
        line = (await client.get("/api/v1/rooms?search=überhitzt+LIS")).json()[0]
        assert found == {
            "room": "room-00002",
            "name": "'=cmd()",
            "site": "lisbon",
            "floor": line["floor"],
            "tags": " ".join(line["tags"]),
            "status": line["status"],
            "since": datetime.fromtimestamp(line["status_at"] // 1000, UTC).isoformat(),
            "issue": "Überhitzt, Kühlung fehlt",
            "issues": str(line["issue_count"]),
            "version": "0.1.0",
        }
        assert rows(await client.get("/rooms.csv?search=überhitzt+Berlin")) == []


async def test_tables_of_rooms_are_of_the_sites_one_sees(app):
    async with client_of(app) as client:
        await sign_in(client, "lisbon")
        assert {row["site"] for row in rows(await client.get("/rooms.csv"))} == {"lisbon"}
        assert rows(await client.get("/api/v1/rooms.csv?site=berlin")) == []
        assert (await client.get("/rooms/room-00001/events.csv")).status_code == 404
        assert (await client.get("/audit.csv")).status_code == 403
        assert (await client.get("/api/v1/audit.csv")).status_code == 403


async def test_the_table_of_a_room_has_what_happened_in_its_time_and_no_formula(app, database):
    now = app.state.console.now()
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM events")
        await tx.many(
            "INSERT INTO events (room, boot, n, at, ts, heard_at, type, severity, issue, text) "
            "VALUES ($1, 0, $2, $3, $3, $3, $4, 'error', $5, $6)",
            [
                (2, 2, now - 1000, "camera.lost", "camera", "@SUM(A1)"),
                (2, 1, now - 2 * DAY_MS, "app.started", None, "Room's up, or so"),
                (1, 3, now - 1000, "other.room", None, ""),
            ],
        )
    moments = [datetime.fromtimestamp(at // 1000, UTC).isoformat() for at in (now - 2 * DAY_MS, now - 1000)]
    async with client_of(app) as client:
        await sign_in(client, "lisbon")
        found = await client.get("/rooms/room-00002/events.csv")
        assert [list(row.values()) for row in rows(found)] == [
            ["room-00002", moments[0], "error", "app.started", "", "Room's up, or so"],
            ["room-00002", moments[1], "error", "camera.lost", "camera", "'@SUM(A1)"],
        ]
        assert (await client.get("/api/v1/rooms/room-00002/events.csv")).text == found.text
        assert len(rows(await client.get("/rooms/room-00002/events.csv?days=1"))) == 1
        assert (await client.get("/rooms/room-00002/events.csv?from_at=5&until_at=4")).status_code == 409


async def test_the_table_of_the_audit_log_has_each_entry_as_it_is_kept(app, database):
    now = app.state.console.now()
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM audit")
        log = audit.AuditLog(database.dialect)
        await log.note(tx, now - 40 * DAY_MS, "ada", "old thing", "room:x")
        await log.note(tx, now - 1000, "=ada", "signed off", "room:x", why="so it was", when=5)
    async with client_of(app) as client:
        await sign_in(client, "auditor")
        found = await client.get("/audit.csv?search=OFF")
        kept = await one(database, "SELECT * FROM audit WHERE n = 2")
        (row,) = rows(found)
        moment = datetime.fromtimestamp((now - 1000) // 1000, UTC).isoformat()
        assert row == {
            "n": "2",
            "at": moment,
            "actor": "'=ada",
            "action": "signed off",
            "target": "room:x",
            "detail": '{"when": 5, "why": "so it was"}',
            "hash": kept["hash"],
        }
        assert (await client.get("/api/v1/audit.csv?search=OFF")).text == found.text
        every = rows(await client.get("/audit.csv?days=366"))
        # the sign-in is the third, and has not ended the time that is asked for
        assert [row["n"] for row in every[:2]] == ["1", "2"]
        page = (await client.get("/audit?search=a%26b")).text
        assert 'href="/audit.csv?days=366&amp;search=a%26b"' in page


async def test_a_table_that_is_too_long_says_how_to_ask_for_less(app, monkeypatch):
    monkeypatch.setattr(exports, "MOST_MEETINGS", 1)
    async with client_of(app) as client:
        await sign_in(client, "admin")
        for path, words in (
            ("rooms.csv", "more than 1 rooms; ask for those of one site"),
            ("rooms/room-00002/events.csv?days=366", "more than 1 lines; ask for a shorter time"),
        ):
            answer = await client.get(f"/api/v1/{path}")
            assert (answer.status_code, words in answer.json()["error"]) == (409, True), answer.text
            assert words in (await client.get(f"/{path}")).text
