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


class Receiver(Protocol):
    """Somebody in the meeting."""

    measured: list[psutil.Process]
    """The first processes of what is measured; whatever they started counts too."""

    async def decoded(self) -> int:
        """Return how many pictures were decoded so far."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one window cost."""

    cores: float
    """Processor seconds (user and system) a second."""
    pictures_per_s: float


async def window(receiver: Receiver, *, warm_up_s: float = WARM_UP_S, seconds: float = WINDOW_S) -> Cost:
    """Let it warm up, then measure it."""
    await asyncio.sleep(warm_up_s)
    cpu, pictures, began = cpu_seconds(receiver.measured), await receiver.decoded(), time.monotonic()
    await asyncio.sleep(seconds)
    spent, came = cpu_seconds(receiver.measured) - cpu, await receiver.decoded() - pictures
    took = time.monotonic() - began
    return Cost(spent / took, came / took)


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
