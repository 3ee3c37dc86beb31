"""The rows of latency: from the picture before it is encoded, through the hub, to where a receiver shows it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.chromium import chromium
from benchmarks.ours import SHOWING, Room, room
from benchmarks.pairs import in_turn
from benchmarks.rows import Row, Run
from benchmarks.seen import Seen, read_seen
from benchmarks.settings import CAMERA_720P30, LATEST_S, RUNS, WARM_UP_S, WINDOW_S
from benchmarks.stand import Stand, program, stand

Watch = Callable[[], Awaitable[list[Seen]]]
Peer = Callable[[Stand], AbstractAsyncContextManager[Watch]]


async def paired(peer: Peer) -> list[Run]:
    """Measure ours and a peer, again and again, now one first and now the other; return the medians in ms."""
    runs: list[Run] = []
    async with stand() as hub, room(hub, programs=SHOWING, modules={"display": ("benchmarks.tv", "1")}) as ours:
        log = hub.file("captured")
        async with hub.webcams(1, CAMERA_720P30, log=log):
            for number in range(RUNS):
                our_ms, their_ms = await in_turn(
                    number, lambda: _median_ms(log, _ours(hub, ours)), lambda: _median_ms(log, peer(hub))
                )
                print(f"  {our_ms:.0f} ms, peer {their_ms:.0f} ms", flush=True)
                runs.append(Run(our_ms, their_ms))
    return runs


async def _median_ms(log: Path, receiver: AbstractAsyncContextManager[Watch]) -> float:
    async with receiver as watch:
        return await _watched_ms(log, watch)


async def _watched_ms(log: Path, watch: Watch) -> float:
    await asyncio.sleep(WARM_UP_S)
    began = time.time()
    await asyncio.sleep(WINDOW_S)
    captured = await asyncio.to_thread(read_seen, log)
    return median(latencies_s(captured, [seen for seen in await watch() if seen.at_s > began])) * 1000


def latencies_s(captured: Sequence[Seen], shown: Sequence[Seen]) -> list[float]:
    """Return how old each picture was when it was shown."""
    found = []
    for seen in shown:
        ages = [seen.at_s - was.at_s for was in captured if was.count == seen.count]
        found += [min(age for age in ages if age > 0)] if any(0 < age < LATEST_S for age in ages) else []
    return found


@asynccontextmanager
async def _ours(hub: Stand, ours: Room) -> AsyncIterator[Watch]:
    async with ours.meeting(hub.ticket("room"), 1):
        yield partial(asyncio.to_thread, read_seen, ours.folder / "tv.seen")


@asynccontextmanager
async def _chromium(hub: Stand) -> AsyncIterator[Watch]:
    async with chromium(hub.ticket("chromium"), 1) as receiver:
        await receiver.watch()
        yield receiver.seen


@asynccontextmanager
async def _stock_aiortc(hub: Stand) -> AsyncIterator[Watch]:
    seen, ticket = hub.file("aiortc.seen"), hub.ticket("aiortc")
    async with program(hub.file("aiortc.log"), "benchmarks.aiortc_receiver", ticket.url, ticket.token, str(seen)):
        yield partial(asyncio.to_thread, read_seen, seen)


def _row(name: str, limit: str, peer_name: str, peer: Peer) -> Row:
    what = "median from before encoding (720p30) to the composed canvas, through the hub"
    return Row(name, "ms", what, limit, lambda: asyncio.run(paired(peer)), peer=peer_name)


LATENCY_ROWS = (
    _row("latency_p50_vs_stock_aiortc", "0.5", "stock aiortc, until `recv` returns", _stock_aiortc),
    _row("latency_p50_vs_chromium", "0.7", "Chromium, until it is on the screen", _chromium),
)
