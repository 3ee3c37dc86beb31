"""The rows of joining: that everybody's picture runs at once, and that joining leaves nothing behind."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from benchmarks.ours import HEADLESS, Room, room
from benchmarks.pairs import Steal, TooBusy, good_runs
from benchmarks.rows import Row, Run
from benchmarks.settings import (
    BURST,
    CYCLES,
    JOINS_PER_S,
    KEYS_180P15,
    SETTLED_CYCLES,
    START_MISSING,
    START_MISSING_OF_ONE,
    START_PEOPLE,
    START_S,
    STARTS,
    TILE_360P30,
)
from benchmarks.stand import Stand, stand

_DEVICES = 'camera = ["sim:pattern?size=640x360"]\nmicrophone = ["sim:tone"]\nspeaker = ["sim:sink"]'


def starts() -> list[Run]:
    """Return of each start which share of the pictures was missing."""
    return asyncio.run(_starts())


async def _starts() -> list[Run]:
    async with stand() as hub, hub.webcams(START_PEOPLE, TILE_360P30), room(hub) as ours:

        async def start(number: int) -> Run:
            with Steal() as steal:
                missing = await _missing(hub, ours)
            print(f"  start {number + 1}: {missing:.3f} missing{steal}", flush=True)
            return Run(missing, counted=steal.tolerable)

        return await good_runs(start, STARTS)


async def _missing(hub: Stand, ours: Room) -> float:
    """Join; return the share of all pictures that is missing, or of one person's, where that is a stand-still."""
    async with ours.meeting(hub.ticket("room"), 0):
        await asyncio.sleep(START_S)
        before, began = ours.numbers(), time.monotonic()
        await asyncio.sleep(START_S)
        after, due = ours.numbers(), TILE_360P30.fps * (time.monotonic() - began)
    if before.keys() != after.keys() or len(after) < START_PEOPLE:
        # somebody came that late
        return 1.0
    missing = [1 - (after[tile] - before[tile]) / due for tile in after]
    everybody, worst = sum(missing) / len(missing), max(missing)
    return max(0.0, everybody, worst if worst > START_MISSING_OF_ONE else 0.0)


def _good(missing: Sequence[float]) -> float:
    return float(sum(share <= START_MISSING for share in missing))


@dataclass(frozen=True, slots=True)
class Held:
    """What the room's programs hold on to."""

    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


@cache
def cycles() -> tuple[Held, Held]:
    """Join and leave again and again; return what the room held when it had settled, and in the end."""
    return asyncio.run(_cycles())


async def _cycles() -> tuple[Held, Held]:
    counted = dict.fromkeys(HEADLESS, ("benchmarks.counted",))
    async with stand() as hub, hub.webcams(1, KEYS_180P15), room(hub, devices=_DEVICES, modules=counted) as ours:
        ticket, began, settled = hub.ticket("room"), time.monotonic(), None
        for number in range(CYCLES):
            await asyncio.sleep(began + (number - BURST) / JOINS_PER_S - time.monotonic())
            async with ours.meeting(ticket, 1):
                pass
            if number + 1 == SETTLED_CYCLES:
                settled = await _held(ours)
                print(f"  after {number + 1}: {settled}", flush=True)
        assert settled is not None
        left = await _held(ours)
        print(f"  after {CYCLES}: {left}", flush=True)
        return settled, left


async def _held(ours: Room) -> Held:
    programs = list(ours.programs.values())
    tasks = [await _tasks(process, ours.folder / f"{name}.log") for name, process in ours.programs.items()]
    return Held(
        sum(process.memory_info().rss for process in programs) / 1e6,
        sum(process.num_fds() for process in programs),
        sum(process.num_threads() for process in programs),
        sum(tasks),
    )


async def _tasks(process: psutil.Process, log: Path) -> int:
    """Ask a program how many tasks it has."""
    answers = (await asyncio.to_thread(log.read_text)).count("tasks:")
    process.send_signal(signal.SIGUSR1)
    for _ in range(100):
        await asyncio.sleep(0.05)
        said = await asyncio.to_thread(log.read_text)
        if said.count("tasks:") > answers:
            return int(said.rpartition("tasks: ")[2].partition(".")[0])
    raise TooBusy(f"process {process.pid} did not say how many tasks it has")


def _growth() -> list[Run]:
    settled, left = cycles()
    return [Run(left.rss_mb - settled.rss_mb)]


def _leftovers() -> list[Run]:
    settled, left = cycles()
    return [Run(float(getattr(left, name) - getattr(settled, name))) for name in ("descriptors", "threads", "tasks")]


START_ROWS = (
    Row(
        "startup_20_of_20",
        "starts",
        "starts of 20 that show at least 0.98 of 16 x 360p30 in the fourth to sixth second (runs: share missing)",
        "20",
        starts,
        whole=_good,
    ),
    Row(
        "join_1000_cycles",
        "MB",
        "growth of the resident memory of daemon and media from the 200th to the 1000th joining and leaving",
        "5",
        _growth,
    ),
    Row(
        "join_1000_leftovers",
        "",
        "file descriptors, threads or tasks more after the 1000th than after the 200th, whichever is most",
        "0",
        _leftovers,
        whole=max,
    ),
)
