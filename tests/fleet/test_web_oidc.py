"""Signing in elsewhere, against a provider that checks what it is sent."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from oidc_provider import Provider
from web_parts import QUICK, client_of, serving

from fleet.store import audit
from fleet.web.access.permissions import Role
from fleet.web.app import create_app, now_ms
from fleet.web.settings import GroupRole, OidcSettings, WebSettings

ROLES = (GroupRole("staff", Role.VIEWER), GroupRole("it", Role.ADMIN), GroupRole("berlin-it", Role.OPERATOR, "berlin"))


class Live:
    def close(self) -> None:
        """A provider has no streams."""


@pytest.fixture
async def provider():
    made = Provider("console", "s3cret", now_ms)
    made.app.state.console = type("Console", (), {"live": Live()})
    async with serving(made.app) as url:
        made.issuer = url
        yield made


@pytest.fixture
async def app(database, provider):
    oidc = OidcSettings(provider.issuer, "console", name="Example", groups=ROLES)
    made = create_app(database, WebSettings(oidc=oidc), passwords=QUICK, client_secret="s3cret")
    async with made.router.lifespan_context(made):
        yield made


async def come_back(client: httpx.AsyncClient) -> str:
    """Go to the provider and return the address it sends the browser back to."""
    away = await client.get("/sign-in/elsewhere")
    assert away.status_code == 303
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(away.headers["Location"])
    return answer.headers["Location"]


async def test_somebody_comes_in_with_the_roles_of_their_groups(app, database, provider):
    async with client_of(app) as client:
        assert "Sign in with Example" in (await client.get("/sign-in")).text
        answer = await client.get(await come_back(client))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert "Ada L." in (await client.get("/rooms")).text
        assert (await client.get("/people")).status_code == 403
        provider.person["groups"] = ["staff", "it"]
        await client.get(await come_back(client))
        page = await client.get("/people")
        assert (page.status_code, "sign-in service" in page.text) == (200, True)
    assert len(await database.fetch("SELECT key FROM users")) == 1
    assert [entry.action for entry in await audit.entries(database, search="by groups")] == ["roles by groups"] * 2


async def test_who_left_all_groups_is_out_also_where_they_are_signed_in(app, provider):
    async with client_of(app) as client, client_of(app) as other:
        await client.get(await come_back(client))
        provider.person["groups"] = ["canteen"]
        refused = await other.get(await come_back(other))
        assert (refused.status_code, "no group" in refused.text) == (403, True)
        assert (await client.get("/rooms")).status_code == 303


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ("console", "console#"),
        ("room:7f3c", "room_7f3c"),
        ("root by token ci", "root_by_token_ci"),
        ("<b>x</b>\u202e\n", "_b_x__b_"),
        ("Zoë.O@example.org", "zoë.o@example.org"),
    ],
)
async def test_a_name_chosen_elsewhere_reads_as_nobody_else_in_the_log(app, database, provider, chosen, name):
    provider.person["preferred_username"] = chosen
    async with client_of(app) as client:
        assert (await client.get(await come_back(client))).status_code == 303
    (actor,) = {entry.actor for entry in await audit.entries(database)}
    assert actor == name or (name.endswith("#") and actor == f"{name}{(provider.issuer + '|7')[-12:]}")


async def test_a_group_for_a_site_that_is_not_there_gives_nothing(app, database, provider):
    provider.person["groups"] = ["berlin-it"]
    async with client_of(app) as client:
        assert (await client.get(await come_back(client))).status_code == 403
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO sites (id, name) VALUES ('berlin', 'Berlin')")
        assert (await client.get(await come_back(client))).status_code == 303
    grants = await database.fetch("SELECT role, site FROM grants")
    assert [tuple(row.values()) if hasattr(row, "values") else tuple(row) for row in grants] == [("operator", 1)]


async def test_a_code_from_another_browser_is_worth_nothing(app):
    async with client_of(app) as eve, client_of(app) as ada:
        link = await come_back(eve)
        refused = await ada.get(link)
        assert (refused.status_code, "another browser" in refused.text) == (403, True)
        await come_back(ada)
        assert (await ada.get(link)).status_code == 403
        assert (await ada.get("/rooms")).status_code == 303


async def test_a_code_works_once(app):
    async with client_of(app) as client:
        link = await come_back(client)
        flow = client.cookies["salon-flow"]
        assert (await client.get(link)).status_code == 303
        client.cookies.set("salon-flow", flow)
        assert (await client.get(link)).status_code == 403


@pytest.mark.parametrize(
    "spoilt",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"nonce": "another"},
        {"exp": int(time.time()) - 3600},
        {"sub": None},
    ],
    ids=lambda spoilt: next(iter(spoilt)),
)
async def test_an_identity_that_does_not_fit_is_refused(app, provider, spoilt):
    provider.spoil = spoilt
    async with client_of(app) as client:
        refused = await client.get(await come_back(client))
        assert (refused.status_code, "not to be trusted" in refused.text) == (403, True)


async def test_an_identity_that_somebody_else_signed_is_refused(app, provider):
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    async with client_of(app) as client:
        assert (await client.get(await come_back(client))).status_code == 403


async def test_a_provider_that_is_away_is_said(database):
    oidc = OidcSettings("http://127.0.0.1:9", "console", groups=ROLES)
    app = create_app(database, WebSettings(oidc=oidc), passwords=QUICK)
    async with client_of(app) as client:
        answer = await client.get("/sign-in/elsewhere")
        assert (answer.status_code, "cannot be used now" in answer.text) == (502, True)


async def test_the_browser_is_sent_with_pkce_state_and_nonce(app):
    async with client_of(app) as client:
        away = urlsplit((await client.get("/sign-in/elsewhere")).headers["Location"])
    asked = parse_qs(away.query)
    assert {"state", "nonce", "code_challenge", "redirect_uri"} <= asked.keys()
    assert asked["code_challenge_method"] == ["S256"]


async def test_over_https_the_cookies_of_a_sign_in_are_refused_from_anybody_else(database, provider):
    oidc = OidcSettings(provider.issuer, "console", name="Example", groups=ROLES)
    settings = WebSettings(oidc=oidc, public_url="https://rooms.example")
    made = create_app(database, settings, passwords=QUICK, client_secret="s3cret")
    async with made.router.lifespan_context(made), client_of(made) as client:
        cookie = (await client.get("/sign-in/elsewhere")).headers["Set-Cookie"]
    assert cookie.startswith("__Host-salon-flow=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
