"""What rows share: who goes first in a pair, whether the machine was there, and how many runs must be good."""

import time
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import psutil

from appliance.errors import SalonError
from benchmarks.rows import Run
from benchmarks.settings import RUNS, STOLEN, TRIES

T = TypeVar("T")


class TooBusy(SalonError):
    """The machine is too busy to measure anything."""


class Steal:
    """Which share of the processors a hypervisor takes away during a `with` block; known at its end."""

    share: float

    def __enter__(self) -> Self:
        self._before, self._began = psutil.cpu_times().steal, time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        elapsed = time.monotonic() - self._began
        self.share = (psutil.cpu_times().steal - self._before) / elapsed / (psutil.cpu_count() or 1)

    @property
    def tolerable(self) -> bool:
        """What was measured meanwhile counts."""
        return self.share <= STOLEN

    def __str__(self) -> str:
        return "" if self.tolerable else f"; not counted: {self.share:.2f} of the machine was taken away"


async def in_turn(number: int, ours: Callable[[], Awaitable[T]], theirs: Callable[[], Awaitable[T]]) -> tuple[T, T]:
    """Measure ours and theirs; ours goes first in one pair, theirs in the next."""
    if number % 2 == 0:
        return await ours(), await theirs()
    peer = await theirs()
    return await ours(), peer


async def good_runs(measure: Callable[[int], Awaitable[Run]], enough: int = RUNS) -> list[Run]:
    """Measure until enough runs count; `measure` gets the number of the run."""
    runs: list[Run] = []
    for number in range(TRIES * enough):
        runs.append(await measure(number))
        if sum(run.counted for run in runs) == enough:
            return runs
    raise TooBusy(f"too few of {TRIES * enough} runs count: this machine has too much else to do")
