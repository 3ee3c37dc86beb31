"""The composition root of `salon panel`: the real link, the application, and pictures of it for whoever asks."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.link.client import CommandLink
from appliance.link.messages import new_boot
from appliance.link.meters import MeterClient
from display.panel.app import PanelApp
from display.panel.shots import write_shot

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PanelOptions:
    """How a panel runs."""

    headless: bool = False
    """Without a terminal, for pictures and for machines that have none."""
    size: tuple[int, int] = (100, 30)
    """Columns and rows when headless; a terminal has its own."""
    kiosk: bool = False
    """Whether no key may end it."""
    shot: Path | None = None
    """Where to write a picture of the panel (SVG), again whenever it has changed, and on SIGUSR1."""
    shot_every_s: float = 2.0
    far: str = ""
    """Why it is no panel in the room, and speaks with the authority of the command line; empty for one in it."""


async def run_panel(
    control: Path,
    meters: Path,
    *,
    options: PanelOptions = PanelOptions(),
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Run the panel on the daemon's and media's sockets until it is ended; return the exit code.

    `on_ready` is called once, when the first state of the room is on the screen.
    """
    boot = new_boot()
    link, levels = CommandLink(control, "panel", boot), MeterClient(meters, boot)
    ready = asyncio.Event()

    def shown() -> None:
        logger.info("panel ready")
        ready.set()
        on_ready()

    app = PanelApp(link, levels, kiosk=options.kiosk, far=options.far, on_ready=shown)
    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(link.run(), name="panel:link"),
            tasks.create_task(levels.run(), name="panel:meters"),
        ]
        if options.shot is not None:
            pictures = _take_pictures(app, options.shot, options.shot_every_s, ready)
            beside.append(tasks.create_task(pictures, name="panel:shots"))
        with _ended_by_signals(app, headless=options.headless):
            await app.run_async(headless=options.headless, size=options.size if options.headless else None)
        for task in beside:
            task.cancel()
    return app.return_code or 0


async def _take_pictures(app: PanelApp, path: Path, every_s: float, ready: asyncio.Event) -> None:
    """Write a picture when the panel has changed since the last, and when SIGUSR1 asks for one."""
    await ready.wait()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, asked.set)
    taken, before, picture = -1, "", ""

    async def shoot() -> None:
        nonlocal before, picture
        before, picture = picture, await write_shot(app, path)

    try:
        while True:
            # a change is drawn some time after it is known: go on until the picture stays the same
            if asked.is_set() or app.changes != taken or picture != before:
                asked.clear()
                taken = app.changes
                app.call_later(shoot)
            await _either(asked, every_s)
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


async def _either(asked: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await asked.wait()
    except TimeoutError:
        return


@contextmanager
def _ended_by_signals(app: PanelApp, *, headless: bool) -> Iterator[None]:
    """End the panel tidily, so that the terminal is as it was; in a terminal Ctrl-C is a key, not a signal."""
    signals = (signal.SIGTERM, signal.SIGINT) if headless else (signal.SIGTERM,)
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, app.exit)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
