"""What is measured: each row is a function that returns its runs, in the row's unit."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Run = tuple[float, float | None]
"""What ours took and, in the same minute, what the peer took, if there is one."""


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
    of_medians: bool = False
    """The ratio is that of the medians; else it is the median of the pairs' ratios."""
    picture: Callable[[], str] | None = None
    """Draws what was measured, as SVG."""

    def ratio(self, runs: list[Run]) -> float | None:
        """Return ours over the peer's."""
        pairs = [(ours, peer) for ours, peer in runs if peer is not None]
        if not pairs:
            return None
        if self.of_medians:
            return median(ours for ours, _ in pairs) / median(peer for _, peer in pairs)
        return median(ours / peer for ours, peer in pairs)
