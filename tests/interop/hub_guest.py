"""A guest on the hub's own page in Chromium: opens the link, joins under a name, and finds everybody's tile."""

from __future__ import annotations

import re

from browser import guest_page, until_playing
from playwright.async_api import Browser, Locator, Page, expect


async def joined_guest(browser: Browser, link: str, name: str) -> Page:
    """Open a guest link, join with camera and microphone, and return the page once it is in the meeting."""
    page = await guest_page(browser)
    await page.goto(link)
    await until_playing(page.get_by_test_id("preview-video"))
    await page.get_by_test_id("name").fill(name)
    await page.get_by_test_id("join").click()
    await is_in_state(page, "live")
    return page


async def is_in_state(page: Page, state: str) -> None:
    """Wait until the page shows that screen."""
    await expect(page.locator("body")).to_have_attribute("data-state", state, timeout=20_000)


def tile_of(page: Page, name: str) -> Locator:
    """Return the tile of a person, the guest's own included."""
    own = re.compile(rf"^{re.escape(name)}( \(you\))?$")
    return page.get_by_test_id("tile").filter(has=page.get_by_test_id("tile-name").filter(has_text=own))


def video_of(page: Page, name: str) -> Locator:
    """Return the video in a person's tile."""
    return tile_of(page, name).get_by_test_id("video")


def sounds_in(page: Page) -> Locator:
    """Return what plays everybody else's microphone."""
    return page.locator("#sounds audio")
