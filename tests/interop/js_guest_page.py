"""A guest on LiveKit's own JavaScript SDK in a Chromium page, for servers that have no guest page of ours."""

from __future__ import annotations

from pathlib import Path

from browser import guest_page
from playwright.async_api import Browser, Locator, Page, Route

FOLDER = Path(__file__).with_name("js_guest")
SDK = Path(__file__).parents[2] / "appliance" / "hub" / "guest" / "vendor" / "livekit-client.umd.min.js"
# Chromium gives a camera to http://localhost; the pages come from the disk, nothing listens there.
ORIGIN = "http://localhost:9"


async def js_guest(browser: Browser, url: str, token: str, *, origin: str = ORIGIN, dynacast: bool = False) -> Page:
    """Open a page, join with it, and return it once camera and microphone are published.

    With `dynacast` the page sends only what somebody receives.
    `origin` is where the page seems to come from: a hub lets nobody else's pages in.
    """
    page = await guest_page(browser)
    for name in ("index.html", "guest.js", SDK.name):
        await page.route(f"{origin}/{name}", _serve)
    await page.goto(f"{origin}/index.html")
    await page.evaluate("([url, token, options]) => join(url, token, options)", [url, token, {"dynacast": dynacast}])
    return page


def video_of(page: Page, person: str) -> Locator:
    """Return the element that shows somebody else's camera."""
    return page.locator(f'video[data-person="{person}"][data-source="camera"]')


def sound_of(page: Page, person: str) -> Locator:
    """Return the element that plays somebody else's microphone."""
    return page.locator(f'audio[data-person="{person}"][data-source="microphone"]')


async def _serve(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    await route.fulfill(path=SDK if name == SDK.name else FOLDER / name)
