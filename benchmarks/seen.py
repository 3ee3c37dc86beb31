"""What a receiver presented and when, and the freezes in it."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.settings import FREEZE_S


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was presented, different from the one before."""

    at_s: float
    """By the clock on the wall, as all programs on a machine share it."""
    count: int
    """The stamp in its pixels."""

    @classmethod
    def now(cls, count: int) -> "Seen":
        return cls(time.time(), count)


@dataclass(frozen=True, slots=True)
class Freezes:
    """How a picture stood still."""

    longest_s: float
    """The largest gap between two different pictures, also when it is no freeze."""
    total_s: float
    """All freezes together."""
    count: int


def freezes(pictures: Sequence[Seen], begin_s: float, end_s: float) -> Freezes:
    """Find the gaps between two instants, which bound the first and the last."""
    shown = [begin_s, *(seen.at_s for seen in pictures if begin_s < seen.at_s < end_s), end_s]
    gaps = [b - a for a, b in itertools.pairwise(shown)]
    frozen = [gap for gap in gaps if gap > FREEZE_S]
    return Freezes(max(gaps), sum(frozen), len(frozen))
