"""`salon display`, put together: wishes in, pictures in, one compose thread, a screen, reports out."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.link.client import DisplayLink
from appliance.link.frame_socket import FrameClient
from appliance.state.room import Boot
from appliance.state.wishes import DisplayReport
from display.canvas import Canvas
from display.compose import ComposeLoop, Surroundings
from display.screens.registry import presenter_for
from display.screens.screen import Screen

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PicturePage:
    """Where the TV's picture can be looked at over HTTP."""

    address: str
    port: int = 0
    secret: str = ""


@dataclass(frozen=True, slots=True)
class DisplayPlaces:
    """The sockets and the folder the display lives by."""

    link: Path
    """The daemon's socket for the display."""
    frames: Path
    """Media's socket for pictures."""
    faults: Path
    """The supervisor's folder of programs it gave up on."""


async def run_display(
    places: DisplayPlaces,
    *,
    screen: str,
    boot: Boot,
    now: Callable[[], datetime],
    size: tuple[int, int] = (1920, 1080),
    page: PicturePage | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Show the room until cancelled. `now` returns an aware time in the room's zone.

    `ready` is called when the first picture was presented, with the picture page's URL ("" without one).
    """
    event_loop = asyncio.get_running_loop()
    link = DisplayLink(places.link, boot)
    news, started = threading.Event(), asyncio.Event()
    frames = FrameClient(places.frames, on_frame=news.set)

    def report(value: DisplayReport) -> None:
        event_loop.call_soon_threadsafe(link.report, value)
        event_loop.call_soon_threadsafe(started.set)

    compose = ComposeLoop(
        Surroundings(frames, lambda: link.connected, places.faults, report, news),
        canvas=Canvas(*size),
        screen=Screen(screen, presenter_for, monotonic=time.monotonic),
        boot=boot,
        now=now,
    )
    async with _served(compose, page) as url, asyncio.TaskGroup() as tasks:
        tasks.create_task(composing(compose), name="display:compose")
        tasks.create_task(link.run(), name="display:link")
        tasks.create_task(frames.run(), name="display:frames")
        tasks.create_task(_follow(link, compose), name="display:wishes")
        await started.wait()
        if ready:
            ready(url)


@asynccontextmanager
async def _served(compose: ComposeLoop, page: PicturePage | None) -> AsyncIterator[str]:
    """Serve the picture page, if there is to be one; yields its URL. Its server starts and ends in a thread."""
    if page is None:
        yield ""
        return
    from display.picture import serving  # noqa: PLC0415 - a room without the page does not pay for an HTTP server

    with ExitStack() as stack:
        server = serving(compose.picture, address=page.address, port=page.port, secret=page.secret)
        url = await asyncio.to_thread(stack.enter_context, server)
        logger.info("the TV picture is served on %s port %s", page.address, page.port or "chosen by the system")
        try:
            yield url
        finally:
            await asyncio.to_thread(stack.close)


async def composing(compose: ComposeLoop) -> None:
    """Run the loop in a thread of its own until cancelled."""
    thread = asyncio.ensure_future(asyncio.to_thread(compose.run))
    try:
        await asyncio.shield(thread)
    finally:
        compose.stop()
        await asyncio.gather(thread, return_exceptions=True)


async def _follow(link: DisplayLink, compose: ComposeLoop) -> None:
    async for wish in link.wishes():
        compose.show(wish)
