"""Where each person's picture goes on the TV: pure geometry, in canvas pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

PersonId = NewType("PersonId", str)

GRID_SIZES = (1, 2, 4, 9, 16, 25, 49)
GAP = 16
"""Pixels between tiles and around the gallery; even, so that chroma planes line up."""


class Source(StrEnum):
    """What a person shows in a tile."""

    CAMERA = "camera"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Tile:
    """One person's place on the canvas; all four numbers are even (I420 halves them)."""

    person: PersonId
    source: Source
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole canvas. Media decodes just these tiles at these sizes, display draws just these."""

    rev: int = 0
    width: int = 1920
    height: int = 1080
    tiles: tuple[Tile, ...] = ()


def gallery(people: Sequence[tuple[PersonId, Source]], width: int = 1920, height: int = 1080) -> tuple[Tile, ...]:
    """Place people in reading order, in 16:9 tiles as large as fit, rows centred. More than 49: the first 49."""
    shown = people[: GRID_SIZES[-1]]
    if not shown:
        return ()
    columns, tile_w = _best_columns(len(shown), width, height)
    tile_h = _even(tile_w * 9 / 16)
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    top = _even((height - len(rows) * (tile_h + GAP) + GAP) / 2)
    return tuple(
        Tile(person, source, x, top + row * (tile_h + GAP), tile_w, tile_h)
        for row, members in enumerate(rows)
        for (person, source), x in zip(members, _row_xs(len(members), tile_w, width), strict=True)
    )


def _best_columns(count: int, width: int, height: int) -> tuple[int, int]:
    """Return (columns, tile width) of the grid with the largest tiles."""

    def tile_width(columns: int) -> int:
        rows = math.ceil(count / columns)
        by_width = (width - GAP * (columns + 1)) / columns
        by_height = (height - GAP * (rows + 1)) / rows * 16 / 9
        return _even(min(by_width, by_height))

    return max(((c, tile_width(c)) for c in range(1, count + 1)), key=lambda best: best[1])


def _row_xs(count: int, tile_w: int, width: int) -> list[int]:
    left = _even((width - count * (tile_w + GAP) + GAP) / 2)
    return [left + i * (tile_w + GAP) for i in range(count)]


def _even(value: float) -> int:
    return int(value) // 2 * 2
