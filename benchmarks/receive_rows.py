"""The rows of receiving: the same pictures, through the same hub, to our room and to a peer, one after the other."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from benchmarks.chromium import HIDDEN, TOUCHING, chromium
from benchmarks.clip import bitstream
from benchmarks.cost import Cost, Receiver, window
from benchmarks.ours import HEADLESS, SHOWING, Room, room
from benchmarks.pairs import good_runs, in_turn
from benchmarks.rows import Row, Run
from benchmarks.sdk import sdk
from benchmarks.settings import ENOUGH, LOOP_S, MANY, PEOPLE, TILE_180P15, TILE_360P30, Stream
from benchmarks.stand import Stand, stand

Peer = Callable[[Stand, int], AbstractAsyncContextManager[Receiver]]
Measure = Callable[[], Awaitable[Cost]]
_AS_MANY = 0.99
"""Of the pictures that the peer shows, so many or more we show."""
_PASSES = 3
"""Through the film, by who does nothing but decode."""


async def paired(people: int, stream: Stream, peer: Peer, *, programs: Sequence[str]) -> list[Run]:
    """Measure ours and a peer, again and again, now one first and now the other."""
    tv = {"display": ("benchmarks.tv", str(people))}
    async with stand() as hub, hub.webcams(people, stream), room(hub, programs=programs, modules=tv) as ours:

        async def theirs() -> Cost:
            async with peer(hub, people) as other:
                return await window(other)

        return await _good_pairs(partial(_our_cost, hub, ours, people), theirs, people * stream.fps)


async def against_bare_decode(people: int, stream: Stream) -> list[Run]:
    """Measure ours and a loop that decodes the same frames and does nothing else."""
    async with stand() as hub, hub.webcams(people, stream), room(hub) as ours:
        bare = partial(asyncio.to_thread, _bare_decode, people, stream)
        return await _good_pairs(partial(_our_cost, hub, ours, people), bare, people * stream.fps)


async def _our_cost(hub: Stand, ours: Room, people: int) -> Cost:
    async with ours.meeting(hub.ticket("room"), people):
        return await window(ours)


async def _good_pairs(ours: Measure, theirs: Measure, due: float) -> list[Run]:
    """Measure until there are enough pairs in which both did their work: who decodes less costs less."""

    async def pair(number: int) -> Run:
        our_cost, their_cost = await in_turn(number, ours, theirs)
        good = min(our_cost.decoded_per_s, their_cost.decoded_per_s) >= ENOUGH * due
        good = good and (our_cost.shown_per_s or 0) >= _AS_MANY * (their_cost.shown_per_s or 0)
        print(f"  {our_cost}, peer {their_cost}{'' if good else f'; not counted: {due} were sent'}", flush=True)
        return Run(our_cost.cores, their_cost.cores, good)

    return await good_runs(pair)


def _bare_decode(people: int, stream: Stream) -> Cost:
    film = bitstream(stream)
    codecs = [cast("VideoCodecContext", VideoCodecContext.create(stream.codec.lower(), "r")) for _ in range(people)]
    for codec in codecs:
        codec.thread_count = 1
    began, pictures = time.thread_time(), 0
    for frame in film * _PASSES:
        for codec in codecs:
            pictures += len(codec.decode(av.Packet(frame)))
    seconds = LOOP_S * _PASSES
    return Cost((time.thread_time() - began) / seconds, pictures / seconds)


@asynccontextmanager
async def _chromium(hub: Stand, people: int, *, look: str = "") -> AsyncIterator[Receiver]:
    async with chromium(hub.ticket("chromium"), people, look=look) as receiver:
        yield receiver


@asynccontextmanager
async def _sdk(hub: Stand, people: int) -> AsyncIterator[Receiver]:
    async with sdk(hub, hub.ticket("sdk"), people) as receiver:
        yield receiver


def _row(name: str, what: str, limit: str, peer: str, measure: Callable[[], Coroutine[None, None, list[Run]]]) -> Row:
    return Row(name, "cores", what, limit, lambda: asyncio.run(measure()), peer)


RECEIVE_ROWS = (
    _row(
        "recv_9x360p30_vs_chromium_hidden",
        "CPU of receiving and decoding 9 x 360p30",
        "0.7",
        "Chromium, decoding the same, hidden",
        partial(paired, PEOPLE, TILE_360P30, partial(_chromium, look=HIDDEN), programs=HEADLESS),
    ),
    _row(
        "recv_9x360p30_vs_livekit_sdk",
        "the same",
        "0.6",
        "LiveKit's Python SDK, taking I420",
        partial(paired, PEOPLE, TILE_360P30, _sdk, programs=HEADLESS),
    ),
    _row(
        "show_9x360p30_vs_chromium",
        "the same, composed on a 1080p canvas",
        "0.4",
        "Chromium, showing it without a GPU",
        partial(paired, PEOPLE, TILE_360P30, _chromium, programs=SHOWING),
    ),
    _row(
        "show_9x360p30_vs_chromium_unscaled",
        "the same, against a page whose tiles touch as ours do, so that neither scales",
        "",
        "Chromium, showing it without a GPU",
        partial(paired, PEOPLE, TILE_360P30, partial(_chromium, look=TOUCHING), programs=SHOWING),
    ),
    _row(
        "show_49x180p15_vs_chromium",
        "49 tiles of 180p15",
        "0.5",
        "Chromium, showing it without a GPU",
        partial(paired, MANY, TILE_180P15, _chromium, programs=SHOWING),
    ),
    _row(
        "recv_vs_bare_decode_360p30",
        "CPU of receiving and decoding 9 x 360p30",
        "2.0",
        "PyAV decoding the same frames",
        partial(against_bare_decode, PEOPLE, TILE_360P30),
    ),
)
