"""Which numbers have arrived, as text in a database column: "1-400,500-812". Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of whole numbers from 1, as stretches that neither touch nor overlap, in order."""

    stretches: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` wrote."""
        parts = (part.partition("-") for part in text.split(",") if part)
        return cls(tuple((int(first), int(last)) for first, _, last in parts))

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" for first, last in self.stretches)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.stretches, number, key=lambda stretch: stretch[0])
        return place > 0 and number <= self.stretches[place - 1][1]

    def with_stretch(self, first: int, last: int) -> "Ranges":
        """Return these numbers and all from first to last."""
        before = [stretch for stretch in self.stretches if stretch[1] < first - 1]
        after = [stretch for stretch in self.stretches if stretch[0] > last + 1]
        touched = self.stretches[len(before) : len(self.stretches) - len(after)]
        if touched:
            first, last = min(first, touched[0][0]), max(last, touched[-1][1])
        return Ranges((*before, (first, last), *after))
