"""The rows of receiving: the same pictures, through the same hub, to our room and to a peer, one after the other."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from appliance.errors import SalonError
from benchmarks.chromium import chromium
from benchmarks.clip import bitstream
from benchmarks.cost import Cost, Receiver, window
from benchmarks.ours import HEADLESS, SHOWING, Room, room
from benchmarks.rows import Row, Run
from benchmarks.sdk import sdk
from benchmarks.settings import LOOP_S, RUNS, TILE_180P15, TILE_360P30, TRIES, Stream
from benchmarks.stand import Stand, stand

_ENOUGH = 0.9
"""Of the pictures that are sent."""


class TooBusy(SalonError):
    """The machine is too busy to measure anything."""


Peer = Callable[[Stand, int], AbstractAsyncContextManager[Receiver]]


async def paired(people: int, stream: Stream, peer: Peer, *, programs: Sequence[str]) -> list[Run]:
    """Measure ours and then the peer, again and again."""
    due = people * stream.fps
    async with stand() as hub, hub.webcams(people, stream), room(hub, programs=programs) as ours:

        async def pair() -> tuple[Cost, Cost]:
            our_cost = await _our_cost(hub, ours, people)
            async with peer(hub, people) as other:
                return our_cost, await window(other)

        return await _good_pairs(pair, due)


async def against_bare_decode(people: int, stream: Stream) -> list[Run]:
    """Measure ours and then a loop that decodes the same frames and does nothing else."""
    due = people * stream.fps
    async with stand() as hub, hub.webcams(people, stream), room(hub) as ours:

        async def pair() -> tuple[Cost, Cost]:
            our_cost = await _our_cost(hub, ours, people)
            return our_cost, Cost(await asyncio.to_thread(_bare_decode, people, stream), due)

        return await _good_pairs(pair, due)


async def _our_cost(hub: Stand, ours: Room, people: int) -> Cost:
    async with ours.meeting(hub.ticket("room"), people):
        return await window(ours)


async def _good_pairs(pair: Callable[[], Awaitable[tuple[Cost, Cost]]], due: float) -> list[Run]:
    """Return as many pairs as are needed in which both did their work: who decodes less costs less."""
    runs: list[Run] = []
    for _ in range(TRIES):
        costs = await pair()
        good = all(cost.pictures_per_s >= _ENOUGH * due for cost in costs)
        words = [f"{cost.cores:.3f} cores at {cost.pictures_per_s:.0f}/s" for cost in costs]
        print(f"  {words[0]}, peer {words[1]}{'' if good else f'; not counted: {due} were sent'}", flush=True)
        if good:
            runs.append((costs[0].cores, costs[1].cores))
        if len(runs) == RUNS:
            return runs
    raise TooBusy(f"only {len(runs)} of {TRIES} pairs had all their pictures: this machine has too much else to do")


def _bare_decode(people: int, stream: Stream) -> float:
    film = bitstream(stream)
    codecs = [cast("VideoCodecContext", VideoCodecContext.create(stream.codec.lower(), "r")) for _ in range(people)]
    for codec in codecs:
        codec.thread_count = 1
    began = time.thread_time()
    for frame in film:
        for codec in codecs:
            codec.decode(av.Packet(frame))
    return (time.thread_time() - began) / LOOP_S


@asynccontextmanager
async def _chromium(hub: Stand, people: int, *, shown: bool) -> AsyncIterator[Receiver]:
    async with chromium(hub.ticket("chromium"), people, shown=shown) as receiver:
        yield receiver


@asynccontextmanager
async def _sdk(hub: Stand, people: int) -> AsyncIterator[Receiver]:
    async with sdk(hub, hub.ticket("sdk"), people) as receiver:
        yield receiver


def _row(name: str, what: str, limit: str, peer: str, measure: Callable[[], Coroutine[None, None, list[Run]]]) -> Row:
    return Row(name, "cores", what, limit, lambda: asyncio.run(measure()), peer)


HIDDEN, SHOWN = partial(_chromium, shown=False), partial(_chromium, shown=True)
RECEIVE_ROWS = (
    _row(
        "recv_9x360p30_vs_chromium_hidden",
        "CPU of receiving and decoding 9 x 360p30",
        "0.7",
        "Chromium, decoding the same, hidden",
        partial(paired, 9, TILE_360P30, HIDDEN, programs=HEADLESS),
    ),
    _row(
        "recv_9x360p30_vs_livekit_sdk",
        "the same",
        "0.6",
        "LiveKit's Python SDK, taking I420",
        partial(paired, 9, TILE_360P30, _sdk, programs=HEADLESS),
    ),
    _row(
        "show_9x360p30_vs_chromium",
        "the same, composed on a 1080p canvas",
        "0.4",
        "Chromium, showing it without a GPU",
        partial(paired, 9, TILE_360P30, SHOWN, programs=SHOWING),
    ),
    _row(
        "show_49x180p15_vs_chromium",
        "49 tiles of 180p15",
        "0.5",
        "Chromium, showing it without a GPU",
        partial(paired, 49, TILE_180P15, SHOWN, programs=SHOWING),
    ),
    _row(
        "recv_vs_bare_decode_360p30",
        "CPU of receiving and decoding 9 x 360p30",
        "2.0",
        "PyAV decoding the same frames",
        partial(against_bare_decode, 9, TILE_360P30),
    ),
)
