"""How rooms come in by the web and go out again: over HTTP, on both databases, with every role and wrong tries."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from every_page import pages_of
from fleet_builders import add_room
from markupsafe import escape
from test_hostile_rooms_in_browser import ATTACKS
from web_parts import Clock, add_person, client_of, console_app, serving, sign_in

from appliance.telemetry.protocol.enrolling import new_code, read_code
from fleet.certificates import CertificateTrouble, make_authority
from fleet.control import layers
from fleet.enrolment import LIFE, Fleet
from fleet.main import erase
from fleet.settings import parse
from fleet.store import audit
from fleet.web.access.permissions import Role
from provisioning import enrolment as room_end
from provisioning.enrolment import NotEnrolled

ROOM = "7f3c9a52-0000-4000-8000-000000000001"


class House:
    """A console's web part, and rooms that ask it."""

    def __init__(self, database, folder):
        self.database, self.folder, self.clock = database, folder, Clock()
        self.authority = make_authority(folder / "authority", "acme", self.now)
        fleet = Fleet("acme", "mqtts://broker.example.org:8883", self.authority)
        self.app = console_app(database, self.clock, fleet)
        self.loop = asyncio.get_running_loop()

    @property
    def now(self):
        return datetime.fromtimestamp(self.clock() / 1000, UTC)

    def post(self, url, data):
        """What a room's thread calls instead of the network."""

        async def asked():
            async with client_of(self.app) as client:
                answer = await client.post(url, content=data, headers={"Content-Type": "application/json"})
            return answer.status_code, answer.content

        return asyncio.run_coroutine_threadsafe(asked(), self.loop).result(30)

    def come_in(self, code, room=ROOM, **more):
        """Have a room ask; with `console` over the network, else directly."""
        told = {"room": room, "console": "http://127.0.0.1:8800", "name": "Blue", "sw": "1"}
        told |= more or {"post": self.post}
        return asyncio.to_thread(room_end.enrol, self.folder / "room", code=read_code(code), **told)

    def tls(self, name="127.0.0.1"):
        """Return a web server's certificate of this console's authority, as uvicorn wants it."""
        files = {"ssl_certfile": self.folder / "web.pem", "ssl_keyfile": self.folder / "web.key"}
        for file, text in zip(files.values(), self.authority.server([name], datetime.now(UTC)), strict=True):
            file.write_text(text)
        return files

    async def actions(self):
        assert (await audit.verify(self.database)).broken_at is None
        return [entry.action for entry in reversed(await audit.entries(self.database))]


@pytest.fixture
async def house(database, tmp_path):
    await add_person(database, "admin")
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO sites (id, name) VALUES ('berlin', 'Berlin')")
    return House(database, tmp_path)


async def code_of(house, **wish):
    async with client_of(house.app) as client:
        await sign_in(client, "admin")
        return (await client.post("/api/v1/codes", json=wish)).json()


async def test_a_room_comes_in_over_http_renews_and_is_taken_out_again(house, database):
    wanted = {"tv": {"idle_off_min": 7}}
    await layers.save(database, "site:berlin", wanted, "eve", house.clock())
    made = await code_of(house, name="Blue", site="berlin")
    assert made["expires_at"] == house.clock() + LIFE.total_seconds() * 1000
    found = await house.come_in(made["code"])
    assert (found.org, found.broker) == ("acme", "mqtts://broker.example.org:8883")
    (first,) = await database.fetch("SELECT certificate FROM rooms WHERE id = $1", ROOM)
    await asyncio.to_thread(room_end.renew, house.folder / "room", post=house.post)
    (row,) = await database.fetch("SELECT name, enrolled_at, certificate FROM rooms WHERE id = $1", ROOM)
    assert (row["name"], row["enrolled_at"]) == ("Blue", house.clock())
    async with client_of(house.app) as client:
        await sign_in(client, "admin")
        # what is wanted of a site's rooms is wanted of this one at once, and not any more elsewhere
        assert await told(database) == wanted
        assert (await client.put(f"/api/v1/rooms/{ROOM}/place", json={})).status_code == 200
        assert await told(database) == {}
        assert (await client.post(f"/api/v1/rooms/{ROOM}/retire")).status_code == 204
        assert (await client.post(f"/api/v1/rooms/{ROOM}/retire")).status_code == 409
        page = (await client.get(f"/rooms/{ROOM}")).text
        assert "salon-revoked.path" in page
    # also the one before the renewal, which somebody may have copied: it has not ended yet
    for certificate in (first["certificate"], row["certificate"]):
        with pytest.raises(CertificateTrouble, match="revoked"):
            house.authority.issued(certificate, house.now)
    with pytest.raises(NotEnrolled, match="revoked"):
        await asyncio.to_thread(room_end.renew, house.folder / "room", post=house.post)
    actions = [action for action in await house.actions() if "sign" not in action]
    assert actions == [
        *(
            "enrolment code made",
            "room enrolled",
            "certificate renewed",
            "room placed",
            "room retired",
            "enrolment refused",
        ),
    ]


async def test_a_room_comes_in_over_https_by_the_authority_it_is_told_and_by_no_other(house, tmp_path):
    made = await code_of(house)
    other = make_authority(tmp_path / "other", "acme", datetime.now(UTC)).pem
    async with serving(house.app, **house.tls()) as url:
        for ca in ("", other):
            with pytest.raises(NotEnrolled, match="Nobody this room trusts vouches for the console"):
                await house.come_in(made["code"], console=url, ca=ca)
        with pytest.raises(NotEnrolled, match="no certificate"):
            await house.come_in(made["code"], console=url, ca="nonsense")
        assert (await house.come_in(made["code"], console=url, ca=house.authority.pem)).console == url
        # months later its web server has a certificate of somebody else: the pinned key counts
        before = (house.folder / "room" / "console").glob("room-*.pem")
        held = next(before).read_bytes()
        await asyncio.to_thread(room_end.renew, house.folder / "room")
        assert next((house.folder / "room" / "console").glob("room-*.pem")).read_bytes() != held


async def test_a_certificate_in_another_name_does_not_do(house):
    made = await code_of(house)
    async with serving(house.app, **house.tls("rooms.example.org")) as url:
        with pytest.raises(NotEnrolled, match="Nobody this room trusts"):
            await house.come_in(made["code"], console=url, ca=house.authority.pem)


async def told(database):
    """Return what the room should be set to."""
    (row,) = await database.fetch(
        "SELECT d.doc FROM rooms r JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired WHERE r.id = $1", ROOM
    )
    return json.loads(row["doc"])


async def test_an_erased_room_is_shut_out_at_the_broker_too(house, database, database_url):
    made = await code_of(house)
    await house.come_in(made["code"])
    (row,) = await database.fetch("SELECT certificate FROM rooms WHERE id = $1", ROOM)
    settings = parse(f'[console]\nstate = "{house.folder}"\n', where="a test")
    settings = replace(settings, console=replace(settings.console, database=database_url))
    assert (await erase(settings, "room", ROOM, house.now)).found
    with pytest.raises(CertificateTrouble, match="revoked"):
        house.authority.issued(row["certificate"], house.now)


async def test_a_code_is_good_for_an_hour_as_the_page_says(house):
    async with client_of(house.app) as client:
        await sign_in(client, "admin")
        page = (await client.post("/enrol", data={"name": "Blue"})).text
    code = page.partition("--code ")[2].partition("<")[0]
    house.clock.pass_s(LIFE.total_seconds())
    with pytest.raises(NotEnrolled, match="expired"):
        await house.come_in(code)


async def test_codes_are_listed_without_their_secrets_and_withdrawn_while_they_wait(house):
    used, waits = await code_of(house, name="Blue"), await code_of(house, name="Red", site="berlin")
    await house.come_in(used["code"])
    async with client_of(house.app) as client:
        await sign_in(client, "admin")
        answer = await client.get("/api/v1/codes")
        listed = {line["name"]: line for line in answer.json()}
        assert (listed["Blue"]["used_at"], listed["Blue"]["room"]) == (house.clock(), ROOM)
        assert (listed["Red"]["used_at"], listed["Red"]["expires_at"]) == (None, waits["expires_at"])
        for made in (used, waits):
            secret = "".join(made["code"].split("-")[1:])
            assert secret not in answer.text.replace("-", "")
            assert hashlib.sha256(secret.encode()).hexdigest() not in answer.text
        assert len((await client.get("/api/v1/codes?limit=1")).json()) == 1
        red = f"/api/v1/codes/{listed['Red']['id']}"
        assert [(await client.delete(red)).status_code for _ in range(2)] == [204, 404]
        spent = await client.delete(f"/api/v1/codes/{listed['Blue']['id']}")
        assert (spent.status_code, "retire the room" in spent.text) == (409, True)
    with pytest.raises(NotEnrolled, match="is wrong"):
        await house.come_in(waits["code"], room="red")
    assert "enrolment code withdrawn" in await house.actions()


async def test_codes_of_other_sites_are_neither_told_nor_withdrawn(house, database):
    made = await code_of(house, site="berlin")
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO sites (id, name) VALUES ('lisbon', 'Lisbon')")
    (lisbon,) = await database.fetch("SELECT key FROM sites WHERE id = 'lisbon'")
    await add_person(database, "lisbon", (Role.ADMIN, lisbon["key"]))
    async with client_of(house.app) as client:
        await sign_in(client, "lisbon")
        assert (await client.get("/api/v1/codes")).json() == []
        assert (await client.delete(f"/api/v1/codes/{made['code'][:6]}")).status_code == 404
    assert (await house.come_in(made["code"])).room == ROOM


async def test_who_guesses_has_to_wait_and_rooms_that_succeed_do_not(house):
    for _ in range(30):
        with pytest.raises(NotEnrolled, match="is wrong"):
            await house.come_in(str(new_code()))
    made = await code_of(house)
    with pytest.raises(NotEnrolled, match="Try again in 5 minutes"):
        await house.come_in(made["code"])
    house.clock.pass_s(301)
    assert (await house.come_in(made["code"])).room == ROOM
    assert (await house.actions()).count("enrolment refused") == 30


@pytest.mark.parametrize("path", ["/api/v1/enrol", "/api/v1/enrol/renew"])
@pytest.mark.parametrize(
    "body", [{}, [], {"body": "x" * 100_000, "proof": "", "certificate": "", "sig": ""}, {"body": "ü", "proof": "ü"}]
)
async def test_what_no_room_would_ask_is_refused_in_words(house, path, body):
    status, answer = await asyncio.to_thread(house.post, path, json.dumps(body).encode())
    assert status in {400, 403, 422}
    assert json.loads(answer)["error"]


async def test_a_room_is_brought_in_again_only_by_who_may_where_it_is(house, database):
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO sites (id, name) VALUES ('lisbon', 'Lisbon')")
    sites = {row["id"]: row["key"] for row in await database.fetch("SELECT id, key FROM sites")}
    await add_room(database, "blue", site=sites["berlin"])
    await add_person(database, "lisbon", (Role.ADMIN, sites["lisbon"]))
    async with client_of(house.app) as client:
        await sign_in(client, "lisbon")
        assert (await client.post("/api/v1/codes", json={"site": "lisbon"})).status_code == 200
        for wish in ({"site": "lisbon", "room": "blue"}, {"site": "berlin"}, {}):
            assert (await client.post("/api/v1/codes", json=wish)).status_code == 403
        assert (await client.post("/api/v1/rooms/blue/retire")).status_code == 404


async def test_a_console_without_a_broker_for_rooms_says_so(database):
    await add_person(database, "admin")
    async with client_of(console_app(database)) as client:
        await sign_in(client, "admin")
        for path, body in (("/api/v1/enrol", {"body": "", "proof": ""}), ("/api/v1/codes", {})):
            answer = await client.post(path, json=body)
            assert answer.status_code == 409
            assert "salon console init" in answer.json()["error"]


@pytest.mark.parametrize("attack", [text for text in ATTACKS if "<" in text])
async def test_script_in_what_an_enrolling_room_calls_itself_is_text_on_every_page(house, attack):
    made = await code_of(house)
    await house.come_in(made["code"], name=attack, sw=attack, post=house.post)
    async with client_of(house.app) as client:
        await sign_in(client, "admin")
        for path in pages_of("none", room_id=ROOM):
            assert attack not in (await client.get(path)).text, path
        assert f"<h1>{escape(attack)}</h1>" in (await client.get(f"/rooms/{ROOM}")).text
