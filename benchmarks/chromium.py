"""Chromium as a receiver: a page of ours with LiveKit's own JavaScript SDK, its tiles on screen or hidden."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.async_api import Page, Route, async_playwright

from appliance.meetings.livekit_link import Ticket
from benchmarks.cost import Pictures
from benchmarks.seen import Seen
from benchmarks.settings import Stream

_ROOT = Path(__file__).parents[1]
_FILES = {
    "receiver.html": _ROOT / "benchmarks" / "page" / "receiver.html",
    "receiver.js": _ROOT / "benchmarks" / "page" / "receiver.js",
    "probe.js": _ROOT / "tests" / "interop" / "page_probe.js",
    "livekit.js": _ROOT / "appliance" / "hub" / "guest" / "vendor" / "livekit-client.umd.min.js",
}
_FOLDER = "bench"
_PATIENCE_MS = 40_000
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks",
)
HIDDEN, TOUCHING = "hidden", "touching"
_NOT_FLAGS = ["--disable-dev-shm-usage"]
"""Playwright's, for small containers: it puts shared memory on the disk."""


class Chromium:
    """A running browser with the page open, in the meeting."""

    def __init__(self, page: Page, process: psutil.Process, *, shows: bool) -> None:
        self.measured = [process]
        self._page = page
        self._shows = shows

    async def pictures(self) -> Pictures:
        """Count."""
        decoded, shown = await self._page.evaluate("pictures()")
        return Pictures(time.monotonic(), decoded, shown if self._shows else None)

    async def watch(self) -> None:
        """Note every picture of the first tile from now on."""
        await self._page.evaluate("watch()")

    async def seen(self) -> list[Seen]:
        """Return what was noted."""
        return [Seen(at_ms / 1000, count) for at_ms, count in await self._page.evaluate("seen")]

    async def publish(self, stream: Stream, *, keeps_size: bool = False) -> None:
        """Send the camera; as LiveKit's SDK has it, a slow network makes pictures smaller, unless that is forbidden."""
        order = asdict(stream) | {"width": stream.width, "keepsSize": keeps_size}
        await self._page.evaluate("order => publish(order)", order)


@asynccontextmanager
async def chromium(
    ticket: Ticket,
    people: int,
    *,
    look: str = "",
    flags: tuple[str, ...] = (),
    size: tuple[int, int] = (1920, 1080),
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Chromium]:
    """Be in the meeting with a browser of this size; begins when everybody's picture is decoded.

    Its page looks as LiveKit's do; `look` may be `hidden`, or `touching` as our room's TV.
    """
    known = {process.pid for process in _browsers()}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[*_FLAGS, *flags],
            ignore_default_args=_NOT_FLAGS,
            env=None if environment is None else dict(environment),
        )
        try:
            page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
            page.set_default_timeout(_PATIENCE_MS)
            # the hub refuses pages of other sites; ours seem to be its own, and come from the disk
            await page.route(f"**/{_FOLDER}/*", _serve)
            await page.goto(f"http://{urlsplit(ticket.url).netloc}/{_FOLDER}/receiver.html")
            await page.evaluate("([url, token, look]) => join(url, token, look)", [ticket.url, ticket.token, look])
            await page.wait_for_function("people => decoding() >= people", arg=people, polling=500)
            process = next(process for process in _browsers() if process.pid not in known)
            yield Chromium(page, process, shows=look != HIDDEN)
        finally:
            await browser.close()


def plays(film: Path) -> tuple[str, ...]:
    """Return the flags that make a film the camera."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def _browsers() -> list[psutil.Process]:
    """Return the first process of each browser that runs below us."""
    below = [process for process in psutil.Process().children(recursive=True) if "chrom" in process.name()]
    pids = {process.pid for process in below}
    return [process for process in below if process.ppid() not in pids]


async def _serve(route: Route) -> None:
    await route.fulfill(path=_FILES[route.request.url.rpartition("/")[2]])
