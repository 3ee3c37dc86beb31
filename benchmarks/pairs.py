"""What rows share: who goes first in a pair, and how many runs must be good."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from appliance.errors import SalonError
from benchmarks.rows import Run
from benchmarks.settings import RUNS, TRIES

T = TypeVar("T")


class TooBusy(SalonError):
    """The machine is too busy to measure anything."""


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
