"""A mark burned into simulated pictures, so that whoever sees one at the far end knows whose it is and which one.

Divide the picture into 32 by 18 squares. Rows 1 to 3, columns 8 to 23 (from 0) hold three 16-bit numbers, one a row,
highest bit first, white is 1: the source's id, a counter, and their checksum
`(id * 31 + counter * 17 + 0x5A17) & 0xFFFF`.
To read a bit, average the luma of the middle half of its square; more than 128 is 1. It survives VP8 and 320x180.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hardware.planes import Plane

GRID_W, GRID_H = 32, 18
LEFT, TOP = 8, 1
BITS = 16
BLACK, WHITE, GREY = 16, 235, 128


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose picture this is, and which one."""

    source: int
    count: int


def source_id(name: str) -> int:
    """Return the 16-bit id of a named source."""
    return zlib.crc32(name.encode()) & 0xFFFF


def checksum(mark: Mark) -> int:
    """Return what the third row holds; black, white and striped pictures fail it."""
    return (mark.source * 31 + mark.count * 17 + 0x5A17) & 0xFFFF


def burn(y: Plane, u: Plane, v: Plane, mark: Mark) -> None:
    """Write the mark into an I420 picture, in place."""
    height, width = y.shape
    for line, number in enumerate((mark.source, mark.count, checksum(mark))):
        top, bottom = height * (TOP + line) // GRID_H, height * (TOP + line + 1) // GRID_H
        for bit in range(BITS):
            left, right = width * (LEFT + bit) // GRID_W, width * (LEFT + bit + 1) // GRID_W
            y[top:bottom, left:right] = WHITE if number >> (BITS - 1 - bit) & 1 else BLACK
    rows = slice(height * TOP // GRID_H // 2, height * (TOP + 3) // GRID_H // 2)
    columns = slice(width * LEFT // GRID_W // 2, width * (LEFT + BITS) // GRID_W // 2)
    u[rows, columns] = GREY
    v[rows, columns] = GREY


def decode(luma: NDArray[np.generic[Any]], source: int | None = None) -> Mark | None:
    """Read the mark from a picture's luma, or return None where there is none.

    Who knows whose picture it is gives the `source`: then something else may cover the first row.
    """
    found, count, check = (_number(luma, TOP + line) for line in range(3))
    mark = Mark(found if source is None else source, count)
    return mark if checksum(mark) == check else None


def _number(luma: NDArray[np.generic[Any]], row: int) -> int:
    height, width = luma.shape
    middle = luma[int(height * (row + 0.25) / GRID_H) : int(height * (row + 0.75) / GRID_H) + 1]
    number = 0
    for column in range(LEFT, LEFT + BITS):
        square = middle[:, int(width * (column + 0.25) / GRID_W) : int(width * (column + 0.75) / GRID_W) + 1]
        number = number << 1 | bool(square.mean() > GREY)
    return number
