"""Headless Chromium from Debian through Playwright, its fake camera and microphone, and questions to its pages."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright

PROBE = Path(__file__).with_name("page_probe.js")
FLAGS = (
    "--no-sandbox",
    # half of what it does by itself: several pages encode in software beside a whole room, on two cores
    "--use-fake-device-for-media-stream=fps=10",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    # A page without a camera permission would offer only .local names; and a page that Playwright serves from the
    # disk counts as public, so it might not call a server at a private address.
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks",
)
PATIENCE_MS = 20_000


@dataclass(frozen=True, slots=True)
class Watched:
    """What a video showed for a while."""

    frames: int
    changes: int
    """Frames that looked different from the one before."""
    marks: tuple[tuple[int, int], ...]
    """(source id, counter) of every marked frame."""
    width: int
    height: int

    @property
    def sources(self) -> set[int]:
        return {source for source, _ in self.marks}

    @property
    def counts(self) -> list[int]:
        return [count for _, count in self.marks]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a media element sounded like for a while."""

    db: float
    """How loud it got; -200 is silence."""
    hz: float
    """The pitch while it was about that loud; 0 when nothing was audible."""
    share: float
    """How much of the time that was."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run one browser; its pages share nothing but the program."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("no chromium on this machine: tests/install_debian_packages.sh installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def guest_page(browser: Browser, **context_options: Any) -> Page:
    """Open an empty page of a guest of its own: camera and microphone granted, any certificate taken."""
    options = {"permissions": ["camera", "microphone"], "ignore_https_errors": True} | context_options
    context: BrowserContext = await browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(path=PROBE)
    return await context.new_page()


async def watch(video: Locator, seconds: float = 2.0) -> Watched:
    """Watch a video element."""
    seen = await video.evaluate("(video, seconds) => probe.watch(video, seconds)", seconds)
    marks = tuple((mark["source"], mark["count"]) for mark in seen["marks"])
    return Watched(seen["frames"], seen["changes"], marks, seen["width"], seen["height"])


async def listen(element: Locator, seconds: float = 2.0) -> Heard:
    """Listen to the stream of a video or audio element."""
    return Heard(**await element.evaluate("(element, seconds) => probe.listen(element, seconds)", seconds))


async def picture(video: Locator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return what a video element shows now, as an RGB array."""
    url = await video.evaluate("(video) => probe.picture(video)")
    png = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(png, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


async def until_playing(video: Locator) -> None:
    """Wait until a video element shows its first frame."""
    await video.evaluate(
        "(video) => new Promise((done) => video.videoWidth ? done() : video.requestVideoFrameCallback(() => done()))"
    )
