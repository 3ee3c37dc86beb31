"""Use from the page and by the API: charts, tables, and of whose sites."""

import csv
import io
from datetime import UTC, datetime

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control import use
from fleet.control.use_sums import sum_up
from fleet.store.samples import DAY
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


async def test_a_report_by_whole_days_says_so_and_is_named_after_them(app, database, monkeypatch):
    now = app.state.console.now()
    async with database.transaction() as tx:
        # as whoever stores a meeting does
        await tx.execute(f"INSERT INTO use_marks (day, room) SELECT DISTINCT at / {DAY}, room FROM meetings")
    await sum_up(database, now)
    from_at, until_at = now - 6 * DAY - 1, now - DAY
    first, last = from_at // DAY * DAY, -(-until_at // DAY) * DAY
    asked = f"from_at={from_at}&until_at={until_at}"
    async with client_of(app) as client:
        await sign_in(client, "admin")
        as_asked = (await client.get(f"/api/v1/use?{asked}")).json()
        assert (as_asked["from_at"], as_asked["until_at"]) == (from_at, until_at)
        assert "whole-days" not in (await client.get(f"/use?{asked}")).text
        monkeypatch.setattr(use, "MOST_BESIDE", 0)
        wider = (await client.get(f"/api/v1/use?{asked}")).json()
        assert (wider["from_at"], wider["until_at"]) == (first, last)
        said = (await client.get(f"/use?{asked}")).text.partition('id="whole-days"')[2].partition("</p>")[0]
        assert "begins and ends at midnight, UTC" in said
        assert f'datetime="{datetime.fromtimestamp(first / 1000, UTC).isoformat()}"' in said
        # today is not over: only the beginning is another
        assert "a report begins at midnight, UTC" in (await client.get("/use?days=7")).text
        name = (await client.get(f"/use/rooms.csv?{asked}")).headers["Content-Disposition"]
        assert "-".join(datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%d") for at in (first, last)) in name


async def test_too_much_is_said_with_a_way_to_less(app, monkeypatch):
    monkeypatch.setattr(use, "MOST_MEETINGS", 5)
    async with client_of(app) as client:
        await sign_in(client, "admin")
        page = await client.get("/use")
        assert (page.status_code, "more than 5 meetings" in page.text, "/use?days=7" in page.text) == (200, True, True)
        assert (await client.get("/use/rooms.csv")).status_code == 409
        assert (await client.get("/api/v1/use?from_at=9&until_at=5")).status_code == 409
