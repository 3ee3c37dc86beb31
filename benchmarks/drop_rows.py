"""The row of a link that becomes too narrow: how long the picture of a sender stands still for who looks at it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks.chromium import chromium, plays
from benchmarks.clip import raw_film
from benchmarks.impair import Network
from benchmarks.ours import Room, room
from benchmarks.pictures import Curve, curves
from benchmarks.recorder import Recording, recorder
from benchmarks.rows import Row, Run
from benchmarks.seen import Freezes, freezes
from benchmarks.settings import CAMERA_720P30, DROP_AFTER_S, DROP_RTT_S, DROP_S, DROP_TO, RUNS
from benchmarks.stand import Stand, stand

_BEFORE_S = 2.0
"""Watched before the link falls, so that nothing of the fall is missed."""
_STEP_S = 0.5
LINK_KBPS = DROP_TO * CAMERA_720P30.kbps

Sender = Callable[[Stand], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fall:
    """What one fall of the link did."""

    frozen: Freezes
    rate: Curve
    """What came through, in kb/s over the seconds."""


@cache
def falls() -> list[tuple[Fall, Fall]]:
    """Return pairs: ours sending to Chromium, and Chromium sending to Chromium."""
    return asyncio.run(_falls())


async def _falls() -> list[tuple[Fall, Fall]]:
    pairs: list[tuple[Fall, Fall]] = []
    film = await asyncio.to_thread(raw_film, CAMERA_720P30)
    async with stand() as hub, room(hub, devices=f'camera = ["file:{film}?loop=1"]', sends=True) as ours:
        for _ in range(RUNS):
            pair = await _fall(hub, partial(_ours, ours)), await _fall(hub, partial(_chromium, film))
            words = [f"frozen {fall.frozen.total_s:.1f} s, longest {fall.frozen.longest_s:.1f} s" for fall in pair]
            print(f"  {words[0]}; peer {words[1]}", flush=True)
            pairs.append(pair)
    return pairs


async def _fall(hub: Stand, sender: Sender) -> Fall:
    network = Network(delay_s=DROP_RTT_S / 2, kbps=LINK_KBPS, clean_s=DROP_AFTER_S)
    async with hub.behind(network, 0) as narrow, sender(narrow):
        fell_at = time.time() + DROP_AFTER_S
        async with (
            recorder(hub.ticket("recorder")) as recording,
            chromium(hub.ticket("chromium"), 1, shown=True) as receiver,
        ):
            await receiver.watch()
            await asyncio.sleep(max(0.0, fell_at - _BEFORE_S - time.time()))
            began, began_ns = time.time(), time.monotonic_ns()
            await asyncio.sleep(DROP_S)
            return Fall(freezes(await receiver.seen(), began, time.time()), _rate(recording, began_ns))


def _rate(recording: Recording, began_ns: int) -> Curve:
    step = int(_STEP_S * 1e9)
    starts = range(began_ns, began_ns + int(DROP_S * 1e9), step)
    return [((start - began_ns) / 1e9 - _BEFORE_S, recording.kbps(start, start + step)) for start in starts]


@asynccontextmanager
async def _ours(ours: Room, hub: Stand) -> AsyncIterator[None]:
    async with ours.meeting(hub.ticket("room"), 0):
        yield


@asynccontextmanager
async def _chromium(film: Path, hub: Stand) -> AsyncIterator[None]:
    async with chromium(hub.ticket("sender"), 0, shown=False, flags=plays(film)) as sender:
        await sender.publish(CAMERA_720P30)
        yield


def _runs() -> list[Run]:
    return [(ours.frozen.total_s, theirs.frozen.total_s) for ours, theirs in falls()]


def _picture() -> str:
    ours, theirs = falls()[0]
    return curves(
        f"720p30 into a link that falls to {LINK_KBPS:.0f} kb/s",
        {"Salon": ours.rate, "Chromium": theirs.rate},
        limit=[(0.0, LINK_KBPS), (DROP_S - _BEFORE_S, LINK_KBPS)],
    )


DROP_ROWS = (
    Row(
        "drop_to_40pct_frozen_vs_chromium",
        "s",
        "all freezes at a Chromium that receives, from when the link of the sender falls to 0.4 of its rate",
        "1.2",
        _runs,
        peer="Chromium sending the same",
        of_medians=True,
        picture=_picture,
    ),
)
