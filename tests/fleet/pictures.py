"""Takes the pictures of the console for the documentation; or of every page, for who designs them.

PYTHONPATH=.:tests/fleet:tests/interop python tests/fleet/pictures.py docs/pictures
PYTHONPATH=.:tests/fleet:tests/interop python tests/fleet/pictures.py /tmp/pages every page
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from browser import chromium
from every_page import FOR_STRANGERS, furnish, pages_of
from PIL import Image
from playwright.async_api import Browser, Page
from seed import fill
from web_parts import PASSWORD, add_person, console_app, serving

from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from fleet.web.app import now_ms

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WALL = {"width": 3840, "height": 2160}
COLOURS = 256
"""A page of flat colours loses nothing that an eye sees, and two thirds of its size."""


@asynccontextmanager
async def console() -> AsyncIterator[tuple[str, str]]:
    """Serve a console of forty rooms; yields its address and the secret of a one-time link."""
    with tempfile.TemporaryDirectory() as scratch:
        database = await open_database(f"sqlite:{scratch}/fleet.db")
        await bring_up_to_date(database)
        await fill(database, rooms=40, now=now_ms())
        await furnish(database)
        await add_person(database, "ada")
        app = console_app(database)
        link = await app.state.console.accounts.first_admin_link("", by="pictures")
        async with serving(app) as url:
            yield url, link.rpartition("/")[2]
        await database.close()


async def take(folder: Path) -> None:
    """Take the documentation's pictures."""
    async with console() as (url, _), chromium() as browser:
        await _rooms(browser, url, folder / "console-rooms.png", color_scheme="light", viewport=DESK)
        await _rooms(browser, url, folder / "console-dark.png", color_scheme="dark", viewport=DESK)
        phone = {"viewport": PHONE, "device_scale_factor": 2}
        await _rooms(browser, url, folder / "console-phone.png", color_scheme="light", **phone)
        await _room(browser, url, folder / "console-room.png")
        await _settings(browser, url, folder / "console-settings.png")
        await _rooms(browser, url, folder / "console-wall.png", color_scheme="dark", viewport=WALL)


async def take_every_page(folder: Path) -> None:
    """Take each page from top to bottom, in light and dark, on phone, desk and wall."""
    async with console() as (url, secret), chromium() as browser:
        for name, viewport in (("phone", PHONE), ("desk", DESK), ("wall", WALL)):
            for theme in ("light", "dark"):
                options = {"color_scheme": theme, "viewport": viewport}
                stranger = await (await browser.new_context(**options)).new_page()
                page = await _signed_in(browser, url, **options)
                for path in pages_of(secret):
                    shown = stranger if path.startswith(FOR_STRANGERS) else page
                    await shown.goto(url + path)
                    await shown.wait_for_load_state()
                    said = re.sub(r"\W+", "-", path.replace(secret, "link")).strip("-")
                    await shown.screenshot(path=folder / f"{name}-{theme}-{said}.png", full_page=name != "wall")
                await stranger.context.close()
                await page.context.close()


async def _rooms(browser: Browser, url: str, path: Path, **options: object) -> None:
    page = await _signed_in(browser, url, **options)
    await page.locator(".tile").nth(7).wait_for()
    await _shoot(page, path)


async def _room(browser: Browser, url: str, path: Path) -> None:
    page = await _signed_in(browser, url, color_scheme="light", viewport=DESK)
    rooms = await (await page.request.get(f"{url}/api/v1/rooms?status=broken")).json()
    camera = next(room for room in rooms if "amera" in room["worst"])
    await page.goto(f"{url}/rooms/{camera['id']}")
    await page.locator(".plot").nth(5).wait_for()
    await _shoot(page, path)


async def _settings(browser: Browser, url: str, path: Path) -> None:
    page = await _signed_in(browser, url, color_scheme="light", viewport=DESK)
    await page.goto(f"{url}/settings?scope=site%3Aberlin")
    await page.locator("table.keys").wait_for()
    await _shoot(page, path)


async def _signed_in(browser: Browser, url: str, **options: object) -> Page:
    page = await (await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **options)).new_page()
    await page.goto(f"{url}/sign-in")
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/rooms")
    return page


async def _shoot(page: Page, path: Path) -> None:
    await page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    asyncio.run((take_every_page if len(sys.argv) > 2 else take)(Path(sys.argv[1])))
