"""What is measured: each row is a function that returns its runs, in the row's unit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import sub
from statistics import median
from types import MappingProxyType
from typing import NamedTuple


class Run(NamedTuple):
    """One measurement."""

    ours: float
    peer: float | None = None
    """What the peer took in the same minute, if there is one."""
    counted: bool = True
    """False when somebody did not do all of the work."""
    parts: Mapping[str, float] = MappingProxyType({})
    """What it is made of, or what else was seen; the unit is in the name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of results.json."""

    name: str
    unit: str
    what: str
    limit: str
    measure: Callable[[], list[Run]]
    peer: str = ""
    """Whom we measure ourselves against."""
    more: bool = False
    """More is better, as of a gain."""
    of_medians: bool = False
    """The medians are compared; else it is the median of what the pairs compare to."""
    whole: Callable[[Sequence[float]], float] = median
    """What all runs together say."""
    picture: Callable[[], str] | None = None
    """Draws what was measured, as SVG."""

    @property
    def compares(self) -> str:
        """How ours is held against the peer's: decibels are ratios already, and may be nought or less."""
        return "difference" if self.unit == "dB" else "ratio"

    def compared(self, runs: Sequence[Run]) -> float | None:
        """Return ours over the peer's, or ours less the peer's."""
        pairs = [(run.ours, run.peer) for run in runs if run.peer is not None]
        if not pairs:
            return None
        compare = sub if self.compares == "difference" else _over
        if self.of_medians:
            return compare(median(ours for ours, _ in pairs), median(peer for _, peer in pairs))
        return median(compare(ours, peer) for ours, peer in pairs)

    def worst(self, values: Sequence[float]) -> float:
        """Return the run one would rather not show."""
        return min(values) if self.more else max(values)


def _over(ours: float, peer: float) -> float:
    """Nothing against nothing is a draw; anything else against nothing is lost."""
    if peer:
        return ours / peer
    return float("inf") if ours else 1.0
