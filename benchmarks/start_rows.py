"""The rows of joining: that everybody's picture runs at once, and that joining leaves nothing behind."""

import asyncio
import time
from functools import cache

from benchmarks.cost import window
from benchmarks.lone_media import Held, lone_media
from benchmarks.ours import join_url, room
from benchmarks.rows import Row, Run
from benchmarks.settings import CYCLES, SETTLED_CYCLES, STARTS, TILE_180P15, TILE_360P30
from benchmarks.stand import stand

_PEOPLE = 16
_AFTER_S = 3.0
_BURST, _JOINS_PER_S = 50, 2


def starts() -> list[Run]:
    """Return of each start which share of the pictures was missing from the third second on."""
    return asyncio.run(_starts())


async def _starts() -> list[Run]:
    runs: list[Run] = []
    async with stand() as hub, hub.webcams(_PEOPLE, TILE_360P30), room(hub) as ours:
        for number in range(STARTS):
            async with ours.meeting(hub.ticket("room"), 1):
                cost = await window(ours, warm_up_s=_AFTER_S, seconds=_AFTER_S)
            missing = max(0.0, 1 - cost.pictures_per_s / (_PEOPLE * TILE_360P30.fps))
            print(f"  start {number + 1}: {missing:.3f} missing", flush=True)
            runs.append((missing, None))
    return runs


@cache
def cycles() -> tuple[Held, Held]:
    """Join and leave again and again; return what media held when it had settled, and in the end."""
    return asyncio.run(_cycles())


async def _cycles() -> tuple[Held, Held]:
    async with stand() as hub, hub.webcams(1, TILE_180P15), lone_media(hub, ("webcam-00",)) as (media, process):
        url, began, settled = join_url(hub.ticket("room")), time.monotonic(), None
        for number in range(CYCLES):
            # the hub lets one address join no more often in the long run
            await asyncio.sleep(began + (number - _BURST) / _JOINS_PER_S - time.monotonic())
            await media.join(url)
            await media.leave()
            if number + 1 == SETTLED_CYCLES:
                settled = await media.held(process)
                print(f"  after {number + 1}: {settled}", flush=True)
        assert settled is not None
        left = await media.held(process)
        print(f"  after {CYCLES}: {left}", flush=True)
        return settled, left


def _growth() -> list[Run]:
    settled, left = cycles()
    return [(left.rss_mb - settled.rss_mb, None)]


def _leftovers() -> list[Run]:
    settled, left = cycles()
    return [(float(getattr(left, name) - getattr(settled, name)), None) for name in ("descriptors", "threads", "tasks")]


START_ROWS = (
    Row(
        "startup_20_of_20",
        "share",
        "share of 16 x 360p30 that is missing in the fourth to sixth second, in 20 starts",
        "0.02 in each",
        starts,
    ),
    Row(
        "join_1000_cycles",
        "MB",
        "growth of media's resident memory from the 200th to the 1000th joining and leaving",
        "5",
        _growth,
    ),
    Row(
        "join_1000_leftovers",
        "",
        "file descriptors, threads and tasks more after the 1000th than after the 200th",
        "0 of each",
        _leftovers,
    ),
)
