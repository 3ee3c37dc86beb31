"""The row of memory: all of a room's programs against all of Chromium, in the same call."""

import asyncio
import time
from pathlib import Path

from benchmarks.chromium import chromium, plays
from benchmarks.clip import raw_film
from benchmarks.cost import Receiver, pss_mb, window
from benchmarks.ours import WHOLE, room
from benchmarks.pairs import TooBusy
from benchmarks.rows import Row, Run
from benchmarks.seen import read_count
from benchmarks.settings import CAMERA_720P30, ENOUGH, MOVING, PEOPLE, RUNS, TILE_360P30, WARM_UP_S
from benchmarks.stand import stand, tree


def pss() -> list[Run]:
    """Let ours be in the call with its camera on and everybody shown, and then Chromium, again and again."""
    return asyncio.run(_pss())


async def _pss() -> list[Run]:
    runs: list[Run] = []
    film: Path = await asyncio.to_thread(raw_film, CAMERA_720P30)
    devices = f'camera = ["file:{film}?loop=1"]'
    tv = {"display": ("benchmarks.tv", str(PEOPLE))}
    async with stand() as hub:
        watched = hub.file("watched")
        async with (
            hub.webcams(PEOPLE, TILE_360P30, watched=watched),
            room(hub, programs=WHOLE, devices=devices, sends=True, modules=tv) as ours,
        ):
            for _ in range(RUNS):
                async with ours.meeting(hub.ticket("room"), PEOPLE):
                    our_mb = await _held(ours, watched, least=ENOUGH)
                async with chromium(hub.ticket("chromium"), PEOPLE, flags=plays(film)) as other:
                    await other.publish(CAMERA_720P30, keeps_size=True)
                    their_mb = await _held(other, watched, least=MOVING)
                print(f"  {our_mb:.0f} MB, peer {their_mb:.0f} MB", flush=True)
                runs.append(Run(our_mb, their_mb))
    return runs


async def _held(receiver: Receiver, watched: Path, *, least: float) -> float:
    """Return what it holds while it shows at least such a share of the pictures, and sends its own to somebody."""
    await asyncio.sleep(WARM_UP_S)
    before, began = read_count(watched), time.monotonic()
    cost = await window(receiver)
    sent = (read_count(watched) - before) / (time.monotonic() - began)
    print(f"  {cost}, {sent:.0f}/s sent", flush=True)
    if cost.decoded_per_s < least * PEOPLE * TILE_360P30.fps or sent < least * CAMERA_720P30.fps:
        raise TooBusy("that is no call")
    return pss_mb(tree(receiver.measured))


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
