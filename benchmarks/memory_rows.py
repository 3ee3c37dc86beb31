"""The row of memory: all of a room's programs against all of Chromium, in the same call."""

import asyncio
from pathlib import Path

from benchmarks.chromium import chromium, plays
from benchmarks.clip import raw_film
from benchmarks.cost import pss_mb
from benchmarks.ours import WHOLE, room
from benchmarks.rows import Row, Run
from benchmarks.settings import CAMERA_720P30, RUNS, TILE_360P30, WARM_UP_S, WINDOW_S
from benchmarks.stand import stand, tree

_PEOPLE = 9


def pss() -> list[Run]:
    """Let ours be in the call with its camera on and everybody shown, and then Chromium, again and again."""
    return asyncio.run(_pss())


async def _pss() -> list[Run]:
    runs: list[Run] = []
    film: Path = await asyncio.to_thread(raw_film, CAMERA_720P30)
    camera = f'camera = ["file:{film}?loop=1"]'
    async with (
        stand() as hub,
        hub.webcams(_PEOPLE, TILE_360P30),
        room(hub, programs=WHOLE, devices=camera, sends=True) as ours,
    ):
        for _ in range(RUNS):
            async with ours.meeting(hub.ticket("room"), _PEOPLE):
                await asyncio.sleep(WARM_UP_S + WINDOW_S)
                our_mb = pss_mb(tree([*ours.programs.values()]))
            async with chromium(hub.ticket("chromium"), _PEOPLE, shown=True, flags=plays(film)) as other:
                await other.publish(CAMERA_720P30)
                await asyncio.sleep(WARM_UP_S + WINDOW_S)
                their_mb = pss_mb(tree(other.measured))
            print(f"  {our_mb:.0f} MB, peer {their_mb:.0f} MB", flush=True)
            runs.append((our_mb, their_mb))
    return runs


MEMORY_ROWS = (
    Row(
        "pss_call_vs_chromium",
        "MB",
        "memory (PSS) of all programs in a call: 9 x 360p30 shown, 720p30 sent",
        "0.9",
        pss,
        peer="Chromium in the same call",
    ),
)
