"""`salon display --safe`: the last picture there is. It knows nobody and reads only the supervisor's fault notes."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from appliance.link.faults import Fault
from appliance.state.room import Boot
from appliance.state.wishes import DisplayReport
from display.canvas import Canvas
from display.compose import ComposeLoop, Surroundings
from display.frames import Ring
from display.renderer import composing
from display.scenes.choose import View
from display.scenes.notices import safe_scene
from display.scenes.scene import Scene
from display.screens.registry import presenter_for
from display.screens.screen import Screen

DISPLAY = "display"


class NoPictures:
    """A safe picture shows nobody."""

    ring: Ring | None = None


def choose_safe(view: View, now: datetime) -> Scene:
    """Return the scene of the worst fault; the display's own needs no note, because it is why this runs."""
    return safe_scene(view.faults[0] if view.faults else Fault(DISPLAY, "It is about to be started again."), now)


async def run_safe_display(
    faults: Path,
    *,
    screen: str,
    boot: Boot,
    now: Callable[[], datetime],
    size: tuple[int, int] = (1920, 1080),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Show what is broken until cancelled; `ready` is called when the first picture was presented."""
    event_loop, started = asyncio.get_running_loop(), asyncio.Event()

    def report(_value: DisplayReport) -> None:
        event_loop.call_soon_threadsafe(started.set)

    compose = ComposeLoop(
        Surroundings(NoPictures(), lambda: False, faults, report, threading.Event()),
        canvas=Canvas(*size),
        screen=Screen(screen, presenter_for, monotonic=time.monotonic),
        boot=boot,
        now=now,
        choose=choose_safe,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(composing(compose), name="display:compose")
        await started.wait()
        ready()
