"""Coming in: first admin, passwords, sessions, CSRF, tokens, invitations; on both databases."""

import asyncio

import pytest
from web_parts import PASSWORD, Clock, add_person, client_of, console_app, csrf_of, sign_in

from fleet.store import audit
from fleet.web.access.limits import SignInLimits
from fleet.web.access.permissions import Role
from fleet.web.console import Console

HOUR = 3600


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database, clock):
    return console_app(database, clock)


async def actions(database) -> list[str]:
    return [entry.action for entry in reversed(await audit.entries(database))]


async def test_the_first_admin_comes_in_by_a_link_that_works_once(app, database):
    console: Console = app.state.console
    link = await console.accounts.first_admin_link("http://127.0.0.1:8800", by="console")
    async with client_of(app) as client:
        assert "Become the admin" in (await client.get(link)).text
        words = {"name": "Ada@Example.org", "password": PASSWORD, "again": PASSWORD}
        assert (await client.post(link, data={**words, "again": "x"})).status_code == 409
        assert "at least 12" in (await client.post(link, data={**words, "password": "x", "again": "x"})).text
        answer = await client.post(link, data=words)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert (await client.get("/people")).status_code == 200
    async with client_of(app) as late:
        assert (await late.get(link)).status_code == 404
        assert (await late.post(link, data=words)).status_code == 404
        assert (await sign_in(late, "ada@example.org")).status_code == 303
    assert await actions(database) == [*("admin link made", "admin made", "password chosen", "signed in", "signed in")]


async def test_a_link_ends_after_a_day_and_a_newer_one_replaces_it(app, clock):
    accounts = app.state.console.accounts
    old = await accounts.first_admin_link("", by="console")
    new = await accounts.first_admin_link("", by="console")
    async with client_of(app) as client:
        assert (await client.get(old)).status_code == 404
        assert (await client.get(new)).status_code == 200
        clock.pass_s(24 * HOUR)
        assert (await client.get(new)).status_code == 404


async def test_two_who_use_a_link_at_once_do_not_both_become_admin(app, database):
    link = await app.state.console.accounts.first_admin_link("", by="console")
    async with client_of(app) as one, client_of(app) as two:
        answers = await asyncio.gather(
            one.post(link, data={"name": "ada", "password": PASSWORD, "again": PASSWORD}),
            two.post(link, data={"name": "eve", "password": PASSWORD, "again": PASSWORD}),
        )
    in_, out = sorted(answer.status_code for answer in answers)
    assert in_ == 303
    assert out in {404, 409}
    assert len(await database.fetch("SELECT key FROM users")) == 1


async def test_secrets_are_not_in_the_database(app, database):
    await add_person(database, "ada")
    link = await app.state.console.accounts.first_admin_link("", by="console")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        made = await client.post("/account/tokens", data={"role": "viewer", "name": "Grafana"})
        secrets = [link.rpartition("/")[2], client.cookies["salon"], "salon_" + made.text.split("salon_")[1][:43]]
    everything = ""
    for table in ("sessions", "one_time_links", "api_tokens", "users", "audit"):
        everything += str([dict(row) for row in await database.fetch(f"SELECT * FROM {table}")])
    assert not [secret for secret in [*secrets, PASSWORD] if secret in everything]


async def test_a_wrong_name_and_a_wrong_password_look_the_same(app, database):
    await add_person(database, "ada")
    async with client_of(app) as client:
        wrong = await sign_in(client, "ada", "wrong password")
        nobody = await sign_in(client, "nobody", "wrong password")
    assert (wrong.status_code, nobody.status_code) == (403, 403)
    assert wrong.text.replace('"ada"', "") == nobody.text.replace('"nobody"', "")
    assert await actions(database) == ["sign-in refused", "sign-in refused"]


async def test_guessing_is_slowed_down_also_with_the_right_password(app, database, clock):
    await add_person(database, "ada")
    async with client_of(app) as client:
        for _ in range(10):
            assert (await sign_in(client, "ada", "wrong password")).status_code == 403
        blocked = await sign_in(client, "ada")
        assert blocked.status_code == 429
        assert "5 minutes" in blocked.text
        clock.pass_s(301)
        assert (await sign_in(client, "ada")).status_code == 303


async def test_guesses_all_at_once_are_as_many_as_one_after_another(app, database):
    await add_person(database, "ada")
    async with client_of(app) as client:
        answers = await asyncio.gather(*(sign_in(client, "ada", f"wrong {guess}") for guess in range(40)))
        assert sorted(answer.status_code for answer in answers) == [403] * 10 + [429] * 30
    assert (await actions(database)).count("sign-in refused") == 10


async def test_who_gets_in_again_and_again_is_never_slowed_down(app, database):
    await add_person(database, "ada")
    async with client_of(app) as client:
        for _ in range(35):
            assert (await sign_in(client, "ada")).status_code == 303


@pytest.mark.parametrize(
    ("address", "other", "one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
async def test_who_has_a_network_of_addresses_has_no_more_tries(address, other, one):
    limits = SignInLimits()
    for guess in range(30):
        limits.tried(f"name {guess}", address, 0)
    assert bool(limits.wait_s("ada", other, 1)) is one


async def test_a_session_ends_when_idle_and_when_signed_out(app, database, clock):
    await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        for _ in range(3):
            clock.pass_s(11 * HOUR)
            assert (await client.get("/rooms")).status_code == 200
        clock.pass_s(12 * HOUR)
        assert (await client.get("/rooms")).headers["Location"] == "/sign-in?next=/rooms"
        await sign_in(client, "ada")
        stolen = client.cookies["salon"]
        assert (await client.post("/sign-out")).status_code == 303
        client.cookies.set("salon", stolen)
        assert (await client.get("/rooms")).status_code == 303


async def test_a_session_ends_after_a_week_however_busy(app, database, clock):
    await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        for _ in range(16):
            clock.pass_s(10 * HOUR)
            assert (await client.get("/rooms")).status_code == 200
        clock.pass_s(10 * HOUR)
        assert (await client.get("/rooms")).status_code == 303


async def test_whoever_is_shut_out_or_gets_a_new_password_has_no_session_left(app, database):
    await add_person(database, "ada")
    eve = await add_person(database, "eve", (Role.VIEWER, None))
    async with client_of(app) as admin, client_of(app) as client:
        await sign_in(admin, "ada")
        await sign_in(client, "eve")
        assert (await admin.post(f"/people/{eve}/disabled", data={"to": "true"})).status_code == 303
        assert (await client.get("/rooms")).status_code == 303
        assert (await sign_in(client, "eve")).status_code == 403
        await admin.post(f"/people/{eve}/disabled", data={"to": "false"})
        assert (await sign_in(client, "eve")).status_code == 303
        page = (await admin.post(f"/people/{eve}/link")).text
        link = page.split("/welcome/")[1][:43]
        assert (await client.get("/rooms")).status_code == 200
        words = {"password": "another good password", "again": "another good password"}
        async with client_of(app) as fresh:
            assert (await fresh.post(f"/welcome/{link}", data=words)).status_code == 303
        assert (await client.get("/rooms")).status_code == 303


@pytest.mark.parametrize("path", ["/sign-out", "/views", "/account/tokens", "/people", "/sites", "/enrol"])
async def test_a_change_without_the_pages_token_is_not_done(app, database, path):
    await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        token = client.headers.pop("X-CSRF-Token")
        before = len(await audit.entries(database))
        for data in ({}, {"csrf": "wrong"}):
            assert (await client.post(path, data={"name": "x", "role": "viewer", **data})).status_code == 403
        evil = {"Origin": "https://evil.example", "X-CSRF-Token": token}
        assert (await client.post(path, data={"name": "x", "role": "viewer"}, headers=evil)).status_code == 403
        assert len(await audit.entries(database)) == before


async def test_a_form_may_carry_the_token_itself(app, database):
    await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        del client.headers["X-CSRF-Token"]
        token = csrf_of((await client.get("/rooms")).text)
        saved = await client.post("/views", data={"csrf": token, "name": "Mine", "query": "status=broken"})
        assert saved.headers["Location"] == "/rooms?status=broken"
        assert "status=broken" in (await client.get("/rooms")).text


async def test_another_sites_page_cannot_sign_somebody_in(app, database):
    await add_person(database, "ada")
    async with client_of(app, headers={"Sec-Fetch-Site": "cross-site"}) as client:
        assert (await client.post("/sign-in", data={"name": "ada", "password": PASSWORD})).status_code == 403


async def test_a_token_does_what_it_says_and_no_more(app, database, clock):
    await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        made = await client.post("/account/tokens", data={"role": "viewer", "name": "Grafana", "days": 2})
        secret = "salon_" + made.text.split("salon_")[1][:43]
    async with client_of(app, headers={"Authorization": f"Bearer {secret}"}) as program:
        assert (await program.get("/api/v1/me")).json() == {
            "name": "ada",
            "token": "Grafana",
            "grants": [{"role": "viewer", "site": ""}],
        }
        assert (await program.get("/api/v1/rooms")).status_code == 200
        refused = await program.put("/api/v1/sites/berlin", json={"name": "Berlin"})
        assert (refused.status_code, refused.json()["error"][:24]) == (403, "Your role does not inclu")
        assert (await program.post("/account/tokens", data={"role": "admin", "name": "more"})).status_code == 403
        clock.pass_s(2 * 24 * HOUR)
        assert (await program.get("/api/v1/rooms")).status_code == 401


async def test_a_token_loses_what_its_user_loses(app, database):
    await add_person(database, "root")
    ada = await add_person(database, "ada")
    async with client_of(app) as client, client_of(app) as root:
        await sign_in(client, "ada")
        made = await client.post("/account/tokens", data={"role": "admin", "name": "deploy"})
        bearer = {"Authorization": "Bearer salon_" + made.text.split("salon_")[1][:43]}
        await sign_in(root, "root")
        async with client_of(app, headers=bearer) as program:
            assert (await program.put("/api/v1/sites/berlin", json={"name": "Berlin"})).status_code == 200
            await root.post(f"/people/{ada}/role", data={"role": "viewer"})
            assert (await program.put("/api/v1/sites/berlin", json={"name": "Other"})).status_code == 403
            await root.post(f"/people/{ada}/disabled", data={"to": "true"})
            assert (await program.get("/api/v1/rooms")).status_code == 401


async def test_the_last_admin_stays(app, database):
    ada = await add_person(database, "ada")
    async with client_of(app) as client:
        await sign_in(client, "ada")
        answer = await client.post(f"/people/{ada}/role", data={"role": "viewer"})
        assert (answer.status_code, "last admin" in answer.text) == (409, True)
        assert (await client.post(f"/people/{ada}/disabled", data={"to": "true"})).status_code == 409
        assert (await client.get("/people")).status_code == 200


async def test_cookies_of_an_https_console_are_for_https_alone(database):
    await add_person(database, "ada")
    app = console_app(database, public_url="https://rooms.example")
    async with client_of(app) as client:
        answer = await client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-salon=")
        assert "Secure" in cookie
        assert answer.headers["Strict-Transport-Security"]


async def test_an_endless_request_is_cut_off(app):
    async def endless():
        for _ in range(100):
            yield b"x" * 10_000

    async with client_of(app) as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await client.post("/sign-in", content=endless(), headers=form)).status_code == 413
        assert (await client.post("/sign-in", content=b"x" * 300_000, headers=form)).status_code == 413


async def test_while_nobody_can_sign_in_the_page_says_how_to_change_that(database):
    app = console_app(database)
    async with client_of(app) as client:
        assert "salon console admin-link" in (await client.get("/sign-in")).text
        await add_person(database, "ada")
        assert "admin-link" not in (await client.get("/sign-in")).text
