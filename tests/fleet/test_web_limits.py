"""How much may be asked of the console: by one session or token, and by who guesses tokens; the others never notice."""

import pytest
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.store import people
from fleet.web.access.permissions import Role
from fleet.web.access.secrets import hashed, new_token

MOST = 30
DAY_MS = 86_400_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database, clock):
    return console_app(database, clock, requests_a_minute=MOST)


async def token_of(database, name: str, clock: Clock) -> dict[str, str]:
    """Return the headers of a new token of a new person."""
    user, secret = await add_person(database, name), new_token()
    token = people.Token(0, "t", user, Role.VIEWER, None, clock(), None, clock() + DAY_MS)
    async with database.transaction() as tx:
        await people.add_token(tx, hashed(secret), token)
    return {"Authorization": f"Bearer {secret}"}


async def test_a_token_that_asks_for_too_much_waits_and_its_neighbours_do_not(app, database, clock):
    wild, calm = await token_of(database, "ada", clock), await token_of(database, "grace", clock)
    async with client_of(app) as client:
        answers = [await client.get("/api/v1/me", headers=wild) for _ in range(MOST + 5)]
        assert [answer.status_code for answer in answers] == [200] * MOST + [429] * 5
        assert answers[-1].headers["Retry-After"] == "2"
        assert (
            answers[-1]
            .json()["error"]
            .startswith("This is more than 30 requests a minute from one session or token. Try again in 2 seconds;")
        )
        # whatever else it asks for
        assert (await client.get("/metrics", headers=wild)).status_code == 429
        assert (await client.get("/rooms", headers=wild)).status_code == 429
        assert (await client.get("/api/v1/me", headers=calm)).status_code == 200
        clock.pass_s(2)
        assert (await client.get("/api/v1/me", headers=wild)).status_code == 200
        assert (await client.get("/api/v1/me", headers=wild)).status_code == 429


async def test_a_session_that_asks_for_too_much_is_told_so_and_costs_no_look_at_the_database(
    app, database, clock, monkeypatch
):
    await add_person(database, "ada")
    async with client_of(app) as client, client_of(app) as other:
        await sign_in(client, "ada")
        await sign_in(other, "ada")
        while (await client.get("/api/v1/me")).status_code == 200:
            pass
        with monkeypatch.context() as patch:
            patch.setattr(people, "session", None)
            page = await client.get("/rooms")
            part = await client.get("/rooms", headers={"HX-Request": "true"})
            assert (await client.post("/views", data={"name": "x"})).status_code == 429
        assert (page.status_code, page.headers["Retry-After"]) == (429, "2")
        assert "<h1>Too often</h1>" in page.text
        assert "Try again in 2 seconds" in part.text
        assert "<html" not in part.text
        # what asks for nobody's right is there, and another session has its own budget
        assert (await client.get("/static/base.css")).status_code == 200
        assert (await other.get("/rooms")).status_code == 200
        clock.pass_s(60)
        assert (await client.get("/rooms")).status_code == 200


async def test_who_guesses_tokens_is_slowed_down_and_who_has_one_goes_on(app, database, clock):
    known = await token_of(database, "ada", clock)
    async with client_of(app) as client:
        assert (await client.get("/api/v1/me", headers=known)).status_code == 200
        paths = ("/api/v1/me", "/metrics", "/sign-in")
        for guess in range(100):
            wrong = {"Authorization": f"Bearer salon_{guess}"}
            answer = await client.get(paths[guess % 3], headers=wrong)
            assert answer.status_code in {200, 401}
        answer = await client.get("/api/v1/me", headers=wrong)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")
        assert "Too many wrong tokens came from this address. Try again in 5 minutes" in answer.json()["error"]
        assert (await client.get("/api/v1/me", headers=known)).status_code == 200
        # people sign in from there as ever
        assert (await sign_in(client, "ada")).status_code == 303
        clock.pass_s(301)
        assert (await client.get("/api/v1/me", headers=wrong)).status_code == 401


def test_the_api_says_that_it_may_be_too_often(app):
    for path, methods in app.openapi()["paths"].items():
        for method, what in methods.items():
            assert "Retry-After" in what["responses"]["429"]["headers"], (method, path)
