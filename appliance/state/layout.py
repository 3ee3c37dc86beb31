"""Where each person's picture goes on the TV: pure geometry, in canvas pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

PersonId = NewType("PersonId", str)

OURS = PersonId("")
"""Whose what the room itself shares is; nobody on a roster is called nothing."""
GRID_SIZES = (1, 2, 4, 9, 16, 25, 49)
_STRIP_SHARE = 6
"""The strip takes a sixth of the width: on a 1080p canvas 320x180 for each of five, and 1600x900 for the main one."""
_FREE_ABOVE = 0.75
"""Of the height the main picture leaves free, this much is above it, where the meeting's title and the clock are."""
Showing = tuple[PersonId, "Source"]
"""One picture: whose, and of what."""


class Source(StrEnum):
    """What a person shows in a tile."""

    CAMERA = "camera"
    SCREEN = "screen"


class View(StrEnum):
    """How people are shown while nobody shares a screen."""

    GALLERY = "gallery"
    """All of the same size."""
    SPEAKER = "speaker"
    """Who speaks large, the others in a strip beside."""


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


def gallery(shown: Sequence[Showing], width: int = 1920, height: int = 1080) -> tuple[Tile, ...]:
    """Place pictures in reading order, in 16:9 tiles as large as fit, rows centred. More than 49: the first 49.

    Tiles touch: so nine on a 1080p canvas are 640x360, which is what cameras send, and need no scaling. The display
    draws the gaps.
    """
    shown = shown[: GRID_SIZES[-1]]
    if not shown:
        return ()
    columns, tile_w = _best_columns(len(shown), width, height)
    tile_h = _tile_height(tile_w)
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    top = _even((height - len(rows) * tile_h) / 2)
    return tuple(
        Tile(person, source, x + column * tile_w, top + row * tile_h, tile_w, tile_h)
        for row, members in enumerate(rows)
        for x in [_even((width - len(members) * tile_w) / 2)]
        for column, (person, source) in enumerate(members)
    )


def stage(main: Showing, strip: Sequence[Showing], width: int = 1920, height: int = 1080) -> tuple[Tile, ...]:
    """Place one picture large and the others in a strip beside it; as many as fit. Nobody else: the whole canvas."""
    strip_w = _even(min(width / _STRIP_SHARE, height / _STRIP_SHARE * 16 / 9)) if strip else 0
    main_w = _even(min(width - strip_w, height * 16 / 9))
    main_h, strip_h = _tile_height(main_w), _tile_height(strip_w)
    left, top = _even((width - main_w - strip_w) / 2), _even((height - main_h) * _FREE_ABOVE)
    beside = strip[: main_h // strip_h] if strip else ()
    first = top + _even((main_h - len(beside) * strip_h) / 2)
    others = (Tile(*it, left + main_w, first + row * strip_h, strip_w, strip_h) for row, it in enumerate(beside))
    return (Tile(*main, left, top, main_w, main_h), *others)


def _best_columns(count: int, width: int, height: int) -> tuple[int, int]:
    """Return (columns, tile width) of the grid with the largest tiles; side by side rather than stacked."""

    def tile_width(columns: int) -> int:
        rows = math.ceil(count / columns)
        return _even(min(width / columns, height / rows * 16 / 9))

    return max(((c, tile_width(c)) for c in range(1, count + 1)), key=lambda best: (best[1], best[0]))


def _tile_height(width: int) -> int:
    return _even(width * 9 / 16)


def _even(value: float) -> int:
    return int(value) // 2 * 2
