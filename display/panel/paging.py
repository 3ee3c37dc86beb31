"""Lists without scrolling: as many rows as fit, and a key for the next ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.state.buttons import Button


@dataclass(frozen=True, slots=True)
class Page:
    """A window on a list."""

    start: int
    count: int
    left: int
    """How many rows are neither here nor on an earlier page."""
    paged: bool
    """Whether there is more than one page."""

    @property
    def more(self) -> Button:
        """The key that turns the page; after the last page comes the first."""
        if self.left:
            return Button("More", enabled=True, detail=f"{self.left} more")
        return Button("Back", enabled=True, detail="to the first")


def page(total: int, number: int, *, fits: int, fits_paged: int) -> Page:
    """Return page `number`; `fits` rows have room without a paging key, `fits_paged` beside one."""
    if total <= fits:
        return Page(0, total, 0, paged=False)
    size = max(1, fits_paged)
    last = (total - 1) // size
    start = number % (last + 1) * size
    count = min(size, total - start)
    return Page(start, count, total - start - count, paged=True)


def pages(heights: Sequence[int], number: int, *, fits: int) -> Page:
    """Return page `number` of rows that are not equally high; one that is too high has a page of its own."""
    starts, used = [0], 0
    for place, height in enumerate(heights):
        if used and used + height > fits:
            starts, used = [*starts, place], 0
        used += height
    place = number % len(starts)
    start, end = [*starts, len(heights)][place : place + 2]
    return Page(start, end - start, len(heights) - end, paged=len(starts) > 1)
