"""Chromium in a call whose cameras are PipeWire's, so that they can be pulled on a machine without any.

Browsers' other cameras are V4L2's, which takes a kernel with vivid or v4l2loopback, and the fake one for tests, which
stays as long as the browser. LiveKit's own SDK publishes the camera, with what it does by itself when one goes.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chromium import chromium
from benchmarks.pipewire_server import PipeWireServer, pipewire_server, wait_until
from benchmarks.seen import SLATE, Shown, read_shown
from benchmarks.settings import TILE_360P30, UNPLUG_PATIENCE_S
from benchmarks.stand import program, stand

_FLAGS = ("--use-fake-ui-for-media-stream", "--enable-features=WebRtcPipeWireCamera")
_SETTLED_S, _JOIN_S = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, or `UNPLUG_PATIENCE_S` where nothing had come by then."""

    slate: float
    back: float
    fallback: float


def times(sources: dict[str, int]) -> Times:
    """Measure once with the cameras of these names, whose pictures have these marks."""
    with pipewire_server() as server:
        server.start("portal", sys.executable, "-m", "benchmarks.pipewire_portal")
        return asyncio.run(_times(server, sources))


async def _times(server: PipeWireServer, sources: dict[str, int]) -> Times:
    first, second = sources
    await asyncio.to_thread(_plug, server, first)
    async with _call(server) as seen:
        await _seen(seen, lambda it: it.source == sources[first])
        slate = await _after(lambda: _pull(server, first), seen, lambda it: it.source == SLATE)
        back = await _after(lambda: _plug(server, first), seen, lambda it: it.source == sources[first])
    await asyncio.to_thread(_plug, server, second)
    async with _call(server) as seen:
        chosen = await _seen(seen, lambda it: it.source in sources.values())
        name = next(name for name, source in sources.items() if source == chosen)
        others = set(sources.values()) - {chosen}
        fallback = await _after(lambda: _pull(server, name), seen, lambda it: it.source in others)
    return Times(slate, back, fallback)


@asynccontextmanager
async def _call(server: PipeWireServer) -> AsyncIterator[Path]:
    """Have the browser in a call with a guest; yields where the guest writes what it sees."""
    async with stand() as hub:
        report = hub.file("guest.json")
        ticket = hub.ticket("guest")
        words = ("benchmarks.sdk_receiver", ticket.url, ticket.token, str(report), "--sources")
        async with (
            program(hub.file("guest.log"), *words),
            chromium(hub.ticket("chromium"), 0, flags=_FLAGS, environment=server.environment) as browser,
        ):
            async with asyncio.timeout(_JOIN_S):
                await browser.publish(TILE_360P30)
            yield report.with_suffix(".seen")


async def _seen(seen: Path, wanted: Callable[[Shown], bool]) -> int:
    """Wait until the guest sees this, and some time more; return whose it is."""
    async with asyncio.timeout(_JOIN_S):
        while not any(map(wanted, await asyncio.to_thread(read_shown, seen))):
            await asyncio.sleep(0.1)
    await asyncio.sleep(_SETTLED_S)
    return (await asyncio.to_thread(read_shown, seen))[-1].source


async def _after(plug: Callable[[], None], seen: Path, wanted: Callable[[Shown], bool]) -> float:
    began_s = time.time()
    await asyncio.to_thread(plug)
    while time.time() < began_s + UNPLUG_PATIENCE_S:
        for it in await asyncio.to_thread(read_shown, seen):
            if it.at_s > began_s and wanted(it):
                return it.at_s - began_s
        await asyncio.sleep(0.1)
    return UNPLUG_PATIENCE_S


def _plug(server: PipeWireServer, name: str) -> None:
    server.start(name, sys.executable, "-m", "benchmarks.pipewire_camera", name)
    wait_until(lambda: name in server.nodes(), f"camera {name}", 10.0)


def _pull(server: PipeWireServer, name: str) -> None:
    """End the camera and its node, as a pulled cable does: nobody is told before."""
    camera = server.processes.pop(name)
    os.killpg(camera.pid, signal.SIGKILL)
    camera.wait()
