"""The rows of a bad network: a picture behind a seeded relay, ours and a peer's side by side, one pair a seed."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median

from benchmarks.chromium import chromium
from benchmarks.impair import Network
from benchmarks.ours import SHOWING, Room, room
from benchmarks.pairs import Steal, TooBusy
from benchmarks.pictures import timeline
from benchmarks.rows import Row, Run
from benchmarks.sdk import sdk
from benchmarks.seen import Freezes, Seen, freezes, read_seen
from benchmarks.settings import (
    AT_ONCE,
    CLEAN_S,
    HIGH_LOSS,
    LOOK_S,
    LOSS_S,
    LOSSY_360P30,
    LOSSY_TURNS,
    LOW_LOSS,
    RTT_S,
    SEEDS,
)
from benchmarks.stand import Stand, stand
from benchmarks.tone import longest_gap_s, longest_stall_s

_SIZE = (LOSSY_360P30.width, LOSSY_360P30.height)
"""Of the screens, so that the machine is not busy with making pictures larger."""

Watch = Callable[[], Awaitable[list[Seen]]]
"""Returns what was seen so far."""
Peer = Callable[[Stand, str], AbstractAsyncContextManager[Watch]]


@dataclass(frozen=True, slots=True)
class Pair:
    """What one seed did to both."""

    seed: int
    ours: Freezes
    audio_gap_s: float
    theirs: Freezes
    counted: bool
    """False when the machine was taken away meanwhile."""


@cache
def lossy(loss: float, peer: Peer) -> list[Pair]:
    """Return pairs, of which one for each seed counts; rows of the same network share them."""
    return asyncio.run(_all_seeds(Network(loss=loss, delay_s=RTT_S / 2, clean_s=CLEAN_S), peer))


async def _all_seeds(network: Network, peer: Peer) -> list[Pair]:
    pairs: list[Pair] = []
    async with stand() as hub, AsyncExitStack() as stack:
        places = [await stack.enter_async_context(_place(hub)) for _ in range(AT_ONCE)]
        left = deque(SEEDS)
        for number in range(LOSSY_TURNS):
            turn = [(left.popleft(), place) for place in places if left]
            meetings = (_pair(hub, network, peer, seed, f"{number}-{seed}", *place) for seed, place in turn)
            measured = await asyncio.gather(*meetings)
            left.extend(pair.seed for pair in measured if not pair.counted)
            pairs += measured
            if not left:
                return pairs
    raise TooBusy(f"a hypervisor took the machine away too often: seeds {list(left)} could not be measured")


@asynccontextmanager
async def _place(hub: Stand) -> AsyncIterator[tuple[Room, Path]]:
    played = hub.file("played.wav")
    tv = {"display": ("benchmarks.tv", "1")}
    devices = f'speaker = ["sim:sink?record={played}"]'
    async with room(hub, programs=SHOWING, devices=devices, modules=tv, size=_SIZE) as ours:
        yield ours, played


async def _pair(hub: Stand, network: Network, peer: Peer, seed: int, meeting: str, ours: Room, played: Path) -> Pair:
    our_meeting, their_meeting = f"ours-{meeting}", f"theirs-{meeting}"
    # a meeting and a sender each: one's request for a key frame must not help the other
    async with (
        hub.webcams(1, LOSSY_360P30, room=our_meeting, sound=True),
        hub.webcams(1, LOSSY_360P30, room=their_meeting, sound=True),
        hub.behind(network, seed) as our_hub,
        hub.behind(network, seed) as their_hub,
        peer(their_hub, their_meeting) as their_pictures,
        ours.meeting(our_hub.ticket("room", room=our_meeting), 1),
    ):
        await asyncio.sleep(CLEAN_S)
        began, growth = time.time(), []
        with Steal() as steal:
            while (ended := time.time()) < began + LOSS_S:
                growth.append((time.monotonic(), (await asyncio.to_thread(played.stat)).st_size))
                await asyncio.sleep(LOOK_S)
        gap_s = await asyncio.to_thread(longest_gap_s, played, growth[0][1])
        our_pictures = await asyncio.to_thread(read_seen, ours.folder / "tv.seen")
        pair = Pair(
            seed,
            freezes(our_pictures, began, ended),
            max(gap_s, longest_stall_s(growth)),
            freezes(await their_pictures(), began, ended),
            steal.tolerable,
        )
    longest = f"longest {pair.ours.longest_s:.2f} s, peer {pair.theirs.longest_s:.2f} s"
    total = f"frozen {pair.ours.total_s:.1f} s, peer {pair.theirs.total_s:.1f} s"
    print(f"  seed {seed}: {longest}; {total}; audio gap {pair.audio_gap_s:.2f} s{steal}", flush=True)
    return pair


def _drawn(loss: float, peer: Peer, peer_name: str) -> str:
    pair = next(pair for pair in lossy(loss, peer) if pair.counted)
    lanes = {"Salon": pair.ours.gaps, peer_name: pair.theirs.gaps}
    title = f"When the picture stood still: {loss:.0%} loss, {RTT_S * 1000:.0f} ms RTT (one of {len(SEEDS)} seeds)"
    return timeline(title, lanes, LOSS_S)


@asynccontextmanager
async def _chromium(hub: Stand, meeting: str) -> AsyncIterator[Watch]:
    async with chromium(hub.ticket("chromium", room=meeting), 1, size=_SIZE) as receiver:
        await receiver.watch()
        yield receiver.seen


@asynccontextmanager
async def _sdk(hub: Stand, meeting: str) -> AsyncIterator[Watch]:
    async with sdk(hub, hub.ticket("sdk", room=meeting), 1, stamps=True) as receiver:
        yield partial(asyncio.to_thread, receiver.seen)


def _row(
    name: str, what: str, limit: str, peer_name: str, loss: float, peer: Peer, value: Callable[[Pair], Run]
) -> Row:
    drawn = partial(_drawn, loss, peer, peer_name) if value is _longest else None
    return Row(
        name,
        "s",
        what,
        limit,
        lambda: [value(pair)._replace(counted=pair.counted) for pair in lossy(loss, peer)],
        peer=peer_name,
        of_medians=True,
        # against nobody, every seed counts
        whole=median if peer_name else max,
        picture=drawn,
    )


def _longest(pair: Pair) -> Run:
    return Run(pair.ours.longest_s, pair.theirs.longest_s)


def _total(pair: Pair) -> Run:
    return Run(pair.ours.total_s, pair.theirs.total_s)


_CHROMIUM, _SDK = "Chromium", "LiveKit's Python SDK"
_LONGEST = "longest time without a new picture, {} % loss, 100 ms RTT, 60 s"
LOSS_ROWS = (
    _row("loss3_longest_freeze_vs_chromium", _LONGEST.format(3), "1.0", _CHROMIUM, LOW_LOSS, _chromium, _longest),
    _row("loss3_longest_freeze_vs_livekit_sdk", _LONGEST.format(3), "0.9", _SDK, LOW_LOSS, _sdk, _longest),
    _row("loss10_longest_freeze_vs_livekit_sdk", _LONGEST.format(10), "0.8", _SDK, HIGH_LOSS, _sdk, _longest),
    _row(
        "loss10_frozen_total_vs_livekit_sdk",
        "all freezes over 0.2 s together, 10 % loss, 100 ms RTT, 60 s",
        "0.4",
        _SDK,
        HIGH_LOSS,
        _sdk,
        _total,
    ),
    _row(
        "loss10_longest_freeze_s",
        _LONGEST.format(10),
        "1.0 s in each",
        "",
        HIGH_LOSS,
        _sdk,
        lambda it: Run(it.ours.longest_s),
    ),
    _row(
        "loss10_longest_audio_gap_s",
        "longest silence in an uninterrupted tone, 10 % loss, 100 ms RTT, 60 s",
        "0.2 s in each",
        "",
        HIGH_LOSS,
        _sdk,
        lambda it: Run(it.audio_gap_s),
    ),
)
