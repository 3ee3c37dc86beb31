"""Rooms moved, renamed, retired; saved views by the API; and the numbers for Prometheus."""

import httpx
import pytest
from seed import fill
from web_parts import BASE, Clock, add_person, client_of, console_app, sign_in

from fleet.control import layers
from fleet.store import audit
from fleet.web.access.permissions import Role


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("viewer", Role.VIEWER, None), ("berlin", Role.ADMIN, 1)),
        ("lisbon", Role.VIEWER, 2),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def told(database, room):
    sql = "SELECT d.doc AS doc FROM rooms r JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired WHERE r.id = $1"
    return (await database.fetch(sql, room))[0]["doc"]


async def test_a_room_that_moves_is_told_its_new_sites_settings_at_once(app, database):
    await layers.save(database, "site:lisbon", {"joining": {"lead_s": 77}}, "ada", 1)
    await layers.save(database, "tag:quiet", {"tv": {"idle_off_min": 3}}, "ada", 1)
    assert "77" not in await told(database, "room-00001")
    async with client_of(app) as client:
        await sign_in(client, "admin")
        place = {"site": "lisbon", "floor": "1", "capacity": None, "tags": ["quiet"]}
        assert (await client.put("/api/v1/rooms/room-00001/place", json=place)).status_code == 200
    assert '"lead_s": 77' in await told(database, "room-00001")
    assert '"idle_off_min": 3' in await told(database, "room-00001")


async def test_a_room_is_renamed_by_a_setting_of_its_own(app, database):
    await layers.save(database, "room:room-00001", {"tv": {"idle_off_min": 3}}, "ada", 1)
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "berlin")
        await sign_in(viewer, "viewer")
        assert (await viewer.put("/api/v1/rooms/room-00001/name", json={"name": "x"})).status_code == 403
        assert (await client.post("/rooms/room-00001/name", data={"name": " The  Blue Room "})).status_code == 303
        assert (await client.post("/rooms/room-00002/name", data={"name": "x"})).status_code == 404
    doc = (await layers.history(database, "room:room-00001"))[0].doc
    assert doc == {"tv": {"idle_off_min": 3}, "room": {"name": "The Blue Room"}}
    assert "The Blue Room" in await told(database, "room-00001")


async def test_a_retired_room_is_on_no_page_and_no_job_reaches_it(app, database):
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "berlin")
        await sign_in(viewer, "viewer")
        assert "Retire this room" in (await client.get("/rooms/room-00001")).text
        assert "Retire this room" not in (await viewer.get("/rooms/room-00001")).text
        assert (await viewer.post("/api/v1/rooms/room-00001/retire")).status_code == 403
        assert (await client.post("/rooms/room-00001/retire")).status_code == 303
        assert (await client.post("/api/v1/rooms/room-00001/retire")).status_code == 409
        assert "room-00001" not in (await client.get("/api/v1/rooms")).text
        job = await client.post("/api/v1/jobs", json={"kind": "selftest", "scopes": ["room:room-00001"]})
        assert job.status_code == 409
    assert [entry.actor for entry in await audit.entries(database, search="room retired")] == ["berlin"]


async def test_views_are_saved_listed_and_removed_by_the_api(app):
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "admin")
        await sign_in(viewer, "viewer")
        view = {"name": "Broken", "query": "?status=broken", "shared": True}
        assert (await client.post("/api/v1/views", json=view)).status_code == 204
        assert (await viewer.post("/api/v1/views", json=view)).status_code == 409
        (seen,) = (await viewer.get("/api/v1/views")).json()
        assert (seen["name"], seen["query"], seen["own"]) == ("Broken", "status=broken", False)
        assert (await viewer.delete(f"/api/v1/views/{seen['key']}")).status_code == 404
        assert (await client.delete(f"/api/v1/views/{seen['key']}")).status_code == 204
        assert (await viewer.get("/api/v1/views")).json() == []


async def test_a_site_keeps_what_its_rooms_tell_as_long_as_it_says(app, database):
    async with client_of(app) as client, client_of(app) as berlin:
        await sign_in(client, "admin")
        await sign_in(berlin, "berlin")
        form = {"id": "berlin", "name": "Berlin", "timezone": "Europe/Berlin", "keep_raw_days": 3}
        assert (await berlin.post("/sites", data=form)).status_code == 403
        assert (await client.post("/sites", data=form)).status_code == 303
        body = {
            "name": "Berlin",
            "timezone": "Europe/Berlin",
            "keep_events_days": 30,
            "open_days": "1234",
            "open_until": 900,
        }
        saved = (await client.put("/api/v1/sites/berlin", json=body)).json()
        kept = [saved[name] for name in ("keep_raw_days", "keep_5min_days", "keep_hours_days", "keep_events_days")]
        assert kept == [3, 90, 730, 30]
        assert (saved["open_days"], saved["open_from"], saved["open_until"]) == ("1234", 480, 900)
        for wrong in ({"keep_raw_days": 0}, {"open_days": "18"}, {"open_from": 1000}, {"timezone": "Nowhere"}):
            assert (await client.put("/api/v1/sites/berlin", json={**body, **wrong})).status_code == 409, wrong
        listed = next(one for one in (await client.get("/api/v1/sites")).json() if one["id"] == "berlin")
        assert listed == saved


async def test_a_sites_bookable_hours_are_set_on_its_form(app):
    hours = {"hours": "yes", "days": ["5", "1", "3"], "open_from": "07:30", "open_until": "00:00"}
    form = {"id": "berlin", "name": "Berlin", "timezone": "Europe/Berlin"}
    async with client_of(app) as client:
        await sign_in(client, "admin")
        assert "Mon to Fri, 08:00 to 18:00" in (await client.get("/people")).text
        assert (await client.post("/sites", data={**form, **hours})).status_code == 303
        site = next(one for one in (await client.get("/api/v1/sites")).json() if one["id"] == "berlin")
        assert (site["open_days"], site["open_from"], site["open_until"]) == ("135", 450, 1440)
        assert "Mon Wed Fri, 07:30 to 00:00" in (await client.get("/people")).text
        # a form without them leaves them
        assert (await client.post("/sites", data=form)).status_code == 303
        assert "Mon Wed Fri, 07:30 to 00:00" in (await client.get("/people")).text
        for wrong in ({"open_from": "25:00"}, {"open_from": "19:00", "open_until": "18:00"}, {"days": "9"}):
            assert (await client.post("/sites", data={**form, **hours, **wrong})).status_code == 409, wrong


def from_address(app, address):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 5)), base_url=BASE)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {"Host": "[::1]:8800"}, 200),
        ("10.0.0.7", {}, 401),
        ("127.0.0.1", {"Host": "rooms.example.org"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 401),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, 401),
        ("127.0.0.1", {"Authorization": "Bearer salon_wrong"}, 401),
        ("", {}, 401),
    ],
)
async def test_numbers_are_for_a_program_on_this_machine(app, address, headers, status):
    async with from_address(app, address) as client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("salon_rooms{" in answer.text) == (status == 200)


async def test_numbers_are_for_a_token_that_sees_all_rooms(app):
    async with client_of(app) as person, from_address(app, "10.0.0.7") as program:
        for name, status in (("viewer", 200), ("lisbon", 403)):
            await sign_in(person, name)
            made = await person.post("/account/tokens", data={"role": "viewer", "name": "prometheus"})
            secret = made.text.partition("salon_")[2].partition("<")[0]
            answer = await program.get("/metrics", headers={"Authorization": f"Bearer salon_{secret}"})
            assert answer.status_code == status
            person.cookies.clear()
            person.headers.pop("X-CSRF-Token", None)
