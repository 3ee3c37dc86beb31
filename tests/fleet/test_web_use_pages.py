"""Use from the page and by the API: charts, tables, and of whose sites."""

import csv
import io

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control import use
from fleet.web.access.permissions import Role


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    await add_person(database, "admin")
    await add_person(database, "lisbon", (Role.VIEWER, 2))
    return console_app(database, clock)


def rows(answer):
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_the_page_shows_shares_the_week_and_each_room(app):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        found = (await client.get("/api/v1/use?days=7")).json()
        text = (await client.get("/use?days=7")).text
        assert f"<b>{found['utilisation'] * 100:.0f} %</b> of the time in meetings" in text
        assert f"<b>{found['no_show_share'] * 100:.0f} %</b> of the bookings" in text
        assert text.count('<th scope="row">') == 7
        assert text.count('<td class="h') == 7 * 24
        assert 'class="h5"' in text
        assert text.count('href="/rooms/room-') == len(found["rooms"]) == 40
        assert sum(room["held"] for room in found["rooms"]) > 0


async def test_tables_hold_the_sites_one_sees_and_nobodys_name(app, database):
    async with database.transaction() as tx:
        await tx.execute("UPDATE meetings SET title = 'Secret with Ada'")
        await tx.execute("UPDATE rooms SET name = '=cmd()' WHERE id = 'room-00002'")
    async with client_of(app) as client:
        await sign_in(client, "lisbon")
        rooms = rows(await client.get("/use/rooms.csv"))
        assert {room["site"] for room in rooms} == {"Lisbon"}
        assert rooms[0]["name"] == "'=cmd()"
        meetings = await client.get("/use/meetings.csv?days=2")
        assert {row["site"] for row in rows(meetings)} == {"lisbon"}
        assert "Secret" not in meetings.text
        assert (await client.get("/api/v1/use/meetings.csv?days=2")).text == meetings.text
        assert len((await client.get("/api/v1/use")).json()["rooms"]) == 10


async def test_too_much_is_said_with_a_way_to_less(app, monkeypatch):
    monkeypatch.setattr(use, "MOST_MEETINGS", 5)
    async with client_of(app) as client:
        await sign_in(client, "admin")
        page = await client.get("/use")
        assert (page.status_code, "more than 5 meetings" in page.text, "/use?days=7" in page.text) == (200, True, True)
        assert (await client.get("/use/rooms.csv")).status_code == 409
        assert (await client.get("/api/v1/use?from_at=9&until_at=5")).status_code == 409
