"""What receiving costs: the processor time of a whole process tree over a window, and how much of the picture came."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from benchmarks.settings import WARM_UP_S, WINDOW_S
from benchmarks.stand import tree


@dataclass(frozen=True, slots=True)
class Pictures:
    """How many pictures of everybody there were so far."""

    at_s: float
    """When that was so, by the monotonic clock."""
    decoded: int
    shown: int | None = None
    """Those that came onto the screen, where there is one."""


class Receiver(Protocol):
    """Somebody in the meeting."""

    measured: list[psutil.Process]
    """The first processes of what is measured; whatever they started counts too."""

    async def pictures(self) -> Pictures:
        """Count."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one window cost."""

    cores: float
    """Processor seconds (user and system) a second."""
    decoded_per_s: float
    shown_per_s: float | None = None

    def __str__(self) -> str:
        shown = "" if self.shown_per_s is None else f", {self.shown_per_s:.0f}/s shown"
        return f"{self.cores:.3f} cores, {self.decoded_per_s:.0f}/s decoded{shown}"


async def window(receiver: Receiver) -> Cost:
    """Let it warm up, then measure it."""
    await asyncio.sleep(WARM_UP_S)
    before = await receiver.pictures()
    cpu, began = cpu_seconds(receiver.measured), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    cores = (cpu_seconds(receiver.measured) - cpu) / (time.monotonic() - began)
    after = await receiver.pictures()
    took = after.at_s - before.at_s
    shown = None if after.shown is None else (after.shown - (before.shown or 0)) / took
    return Cost(cores, (after.decoded - before.decoded) / took, shown)


def cpu_seconds(roots: Sequence[psutil.Process]) -> float:
    """Sum user and system time of all threads, of these processes and all below them."""
    total = 0.0
    for process in tree(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total


def pss_mb(processes: Sequence[psutil.Process]) -> float:
    """Sum the proportional set size (proc(5), smaps_rollup): shared pages are divided among who shares them."""
    total = 0
    for process in processes:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024
