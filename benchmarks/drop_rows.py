"""The row of a link that becomes too narrow: how long the picture of a sender stands still for who looks at it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from benchmarks.chromium import HIDDEN, chromium, plays
from benchmarks.clip import raw_film
from benchmarks.impair import Network
from benchmarks.ours import Room, room
from benchmarks.pairs import Steal, TooBusy, good_runs
from benchmarks.pictures import Curve, curves
from benchmarks.recorder import Recording, recorder
from benchmarks.rows import Row, Run
from benchmarks.seen import Freezes, freezes
from benchmarks.settings import (
    CAMERA_720P30,
    DROP_AFTER_S,
    DROP_BEFORE_S,
    DROP_FROM_KBPS,
    DROP_MOST_KBPS,
    DROP_RTT_S,
    DROP_S,
    DROP_STEP_S,
    DROP_TO,
    RUNS,
)
from benchmarks.stand import Stand, stand

LINK_KBPS = DROP_TO * DROP_FROM_KBPS

Sender = Callable[[Stand], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fall:
    """What one fall of the link did."""

    frozen: Freezes
    before_kbps: float
    """What came through before."""
    rate: Curve
    """What came through, in kb/s over the seconds."""
    steal: Steal
    """While it was watched."""

    def __str__(self) -> str:
        frozen = f"frozen {self.frozen.total_s:.1f} s, longest {self.frozen.longest_s:.1f} s"
        return f"{frozen}, {self.before_kbps:.0f} kb/s before{self.steal}"


@cache
def falls() -> list[tuple[Fall, Fall]]:
    """Return pairs: ours sending to Chromium, and Chromium sending to Chromium."""
    return asyncio.run(_falls())


async def _falls() -> list[tuple[Fall, Fall]]:
    pairs: list[tuple[Fall, Fall]] = []
    film = await asyncio.to_thread(raw_film, CAMERA_720P30)
    async with stand() as hub, room(hub, devices=f'camera = ["file:{film}?loop=1"]', sends=True) as ours:

        async def pair(_number: int) -> Run:
            our_fall, their_fall = await _fall(hub, partial(_ours, ours)), await _fall(hub, partial(_chromium, film))
            pairs.append((our_fall, their_fall))
            print(f"  {our_fall}; peer {their_fall}", flush=True)
            return _run(our_fall, their_fall)

        await good_runs(pair)
    return pairs


def _run(ours: Fall, theirs: Fall) -> Run:
    return Run(ours.frozen.total_s, theirs.frozen.total_s, ours.steal.tolerable and theirs.steal.tolerable)


async def _fall(hub: Stand, sender: Sender) -> Fall:
    falls_at, fell_ns = time.time() + DROP_AFTER_S, time.monotonic_ns() + int(DROP_AFTER_S * 1e9)
    network = Network(delay_s=DROP_RTT_S / 2, kbps=LINK_KBPS, kbps_before=DROP_FROM_KBPS, clean_until_s=falls_at)
    async with (
        hub.behind(network, 0) as narrow,
        sender(narrow),
        recorder(hub.ticket("recorder")) as recording,
        chromium(hub.ticket("chromium"), 1) as receiver,
    ):
        await receiver.watch()
        left = falls_at - DROP_BEFORE_S - time.time()
        if left < 0:
            raise TooBusy("the link fell before anybody watched")
        await asyncio.sleep(left)
        with Steal() as steal:
            await asyncio.sleep(DROP_BEFORE_S + DROP_S)
        return Fall(
            freezes(await receiver.seen(), falls_at, falls_at + DROP_S),
            recording.kbps(fell_ns - int(DROP_BEFORE_S * 1e9), fell_ns),
            _rate(recording, fell_ns),
            steal,
        )


def _rate(recording: Recording, fell_ns: int) -> Curve:
    step = int(DROP_STEP_S * 1e9)
    starts = range(-int(DROP_BEFORE_S * 1e9), int(DROP_S * 1e9), step)
    return [(start / 1e9, recording.kbps(fell_ns + start, fell_ns + start + step)) for start in starts]


@asynccontextmanager
async def _ours(ours: Room, hub: Stand) -> AsyncIterator[None]:
    async with ours.meeting(hub.ticket("room"), 0):
        yield


@asynccontextmanager
async def _chromium(film: Path, hub: Stand) -> AsyncIterator[None]:
    async with chromium(hub.ticket("sender"), 0, look=HIDDEN, flags=plays(film)) as sender:
        await sender.publish(replace(CAMERA_720P30, kbps=DROP_MOST_KBPS, codec="H264"))
        yield


def _picture() -> str:
    ours, theirs = next(pair for pair in falls() if _run(*pair).counted)
    return curves(
        f"720p30 into a link that falls to {LINK_KBPS:.0f} kb/s (one of {RUNS} falls)",
        {"Salon": ours.rate, "Chromium": theirs.rate},
        limit=[(-DROP_BEFORE_S, DROP_FROM_KBPS), (0.0, DROP_FROM_KBPS), (0.0, LINK_KBPS), (DROP_S, LINK_KBPS)],
    )


DROP_ROWS = (
    Row(
        "drop_to_40pct_frozen_vs_chromium",
        "s",
        "all freezes at a Chromium that receives, from when the link of the sender falls to 0.4 of its rate",
        "1.2",
        lambda: [_run(*pair) for pair in falls()],
        peer="Chromium sending the same",
        of_medians=True,
        picture=_picture,
    ),
)
