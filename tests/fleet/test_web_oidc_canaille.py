"""Signing in through Canaille, an identity provider we did not write, in a real browser."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import canaille_server
import pytest
from browser import chromium
from mqtt_parts import end, free_port, start, until_line
from playwright.async_api import Page, expect
from web_parts import QUICK, serving

from fleet.store import audit
from fleet.web.access.permissions import Role
from fleet.web.app import create_app
from fleet.web.settings import GroupRole, OidcSettings, WebSettings

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def canaille(callback: str) -> AsyncIterator[str]:
    """Run it and yield the issuer."""
    port = free_port()
    program = Path(canaille_server.__file__)
    process = await start(sys.executable, str(program), str(port), callback, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        await until_line(process.stdout, "listening")
        yield f"http://localhost:{port}"
    finally:
        await end(process)


async def sign_in(page: Page, url: str) -> None:
    await page.goto(f"{url}/sign-in")
    await page.get_by_role("link", name="Sign in with Canaille").click()
    await page.locator("[name=login]").fill(canaille_server.NAME)
    await page.locator("[type=submit]").first.click()
    await page.locator("[name=password]").fill(canaille_server.PASSWORD)
    await page.locator("[type=submit]").first.click()
    await page.locator("[value=accept]").click()


async def test_somebody_signs_in_and_has_the_role_of_their_group(database):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with canaille(f"{url}/sign-in/back") as issuer, chromium() as browser:
        groups = (GroupRole(canaille_server.GROUP, Role.OPERATOR),)
        oidc = OidcSettings(issuer, canaille_server.CLIENT, name="Canaille", groups=groups)
        settings = WebSettings(port=port, oidc=oidc)
        app = create_app(database, settings, passwords=QUICK, client_secret=canaille_server.SECRET)
        async with serving(app, port):
            page = await browser.new_page()
            await sign_in(page, url)
            await page.wait_for_url(f"{url}/rooms")
            await expect(page.get_by_text("Ada L.")).to_be_visible()
            await page.goto(f"{url}/people")
            await expect(page.get_by_text("Your role does not include")).to_be_visible()
    assert "signed in" in {entry.action for entry in await audit.entries(database)}
