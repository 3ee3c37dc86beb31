"""The newest picture of each tile: taken from media's ring, and held until there is a newer one."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.link.frames import RingFrame
from appliance.state.layout import Layout, PersonId, Source
from display.scenes.scene import TileView

_STALE_NS: Final = {Source.CAMERA: 500_000_000, Source.SCREEN: 3_000_000_000}
"""After this long without a new picture it is not live any more. A still screen is sent about once a second."""


Key = tuple[PersonId, Source]


class Ring(Protocol):
    """What of `RingReader` the display uses."""

    layout: Layout

    def numbers(self) -> NDArray[np.uint64]: ...

    def newest(self, person: PersonId, source: Source) -> RingFrame | None: ...


class FrameSource(Protocol):
    """Where rings come from; `FrameClient` in real life."""

    @property
    def ring(self) -> Ring | None: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """What a tile shows now."""

    frame: RingFrame
    fresh: bool
    new: bool
    """It was not on the canvas yet."""


def _own(frame: RingFrame) -> RingFrame:
    """Copy a picture, so that a still one does not hold the memory of a whole ring that is gone."""
    return replace(frame, y=frame.y.copy(), u=frame.u.copy(), v=frame.v.copy(), whole=lambda: True)


class PictureBook:
    """Remembers each person's last picture; a frame only ever gets in under its own person and source."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._pictures: dict[Key, RingFrame] = {}
        self._new: set[Key] = set()
        self._ring: Ring | None = None
        self._numbers = np.zeros(0, np.uint64)
        """Of the pictures that were taken from the ring."""

    def forget_others(self, tiles: tuple[TileView, ...]) -> None:
        """Drop the pictures of people who are not shown any more."""
        shown = {(tile.person, tile.source) for tile in tiles}
        for gone in self._pictures.keys() - shown:
            del self._pictures[gone]

    def look(self, layout_rev: int) -> None:
        """Take what is new in the ring, if that is of the scene's layout.

        Until media has moved to a new layout the old pictures go on being shown.
        """
        ring = self._source.ring
        self._new.clear()
        if ring is None or ring.layout.rev != layout_rev:
            return
        numbers = ring.numbers()
        if ring is not self._ring:
            self._ring, self._numbers = ring, np.zeros_like(numbers)
            self._pictures = {key: _own(frame) for key, frame in self._pictures.items()}
        for index in np.flatnonzero(numbers != self._numbers).tolist():
            tile = ring.layout.tiles[index]
            if not self._take(ring, (tile.person, tile.source)):
                numbers[index] = 0
        self._numbers = numbers

    def again(self, tile: TileView) -> None:
        """Take the tile's newest picture, since media wrote over the one that was taken."""
        if self._source.ring is not None and self._source.ring is self._ring:
            self._take(self._source.ring, (tile.person, tile.source))

    def turn(self, tile: TileView, now_ns: int) -> Picture | None:
        """Return the tile's picture."""
        key = (tile.person, tile.source)
        frame = self._pictures.get(key)
        if frame is None:
            return None
        fresh = self._source.ring is not None and now_ns - frame.monotonic_ns <= _STALE_NS[tile.source]
        return Picture(frame, fresh, key in self._new)

    def _take(self, ring: Ring, key: Key) -> bool:
        frame = ring.newest(*key)
        if frame is None:
            return False
        self._pictures[key] = frame
        self._new.add(key)
        return True
