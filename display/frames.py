"""The newest picture of each tile: taken from media's ring, kept as the display's own copy."""

from dataclasses import dataclass
from typing import Final, Protocol

from appliance.link.frames import RingFrame
from appliance.state.layout import Layout, PersonId, Source
from display.scenes.scene import TileView

_STALE_NS: Final = {Source.CAMERA: 500_000_000, Source.SCREEN: 3_000_000_000}
"""After this long without a new picture it is not live any more. A still screen is sent about once a second."""


class Ring(Protocol):
    """What of `RingReader` the display uses."""

    layout: Layout

    def newest_number(self, person: PersonId, source: Source) -> int: ...

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


class PictureBook:
    """Remembers each person's last picture; a frame only ever gets in under its own person and source."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._pictures: dict[tuple[PersonId, Source], RingFrame] = {}
        self._seen: dict[tuple[PersonId, Source], tuple[Ring, int]] = {}

    def forget_others(self, tiles: tuple[TileView, ...]) -> None:
        """Drop the pictures of people who are not shown any more."""
        shown = {(tile.person, tile.source) for tile in tiles}
        for gone in self._pictures.keys() - shown:
            del self._pictures[gone]
            self._seen.pop(gone, None)

    def turn(self, tile: TileView, layout_rev: int, now_ns: int) -> tuple[Picture | None, bool]:
        """Return the tile's picture and whether it is a new one.

        The ring must be of the scene's layout. Until media has moved to a new layout the copy goes on being shown.
        """
        key = (tile.person, tile.source)
        ring = self._source.ring
        new = ring is not None and ring.layout.rev == layout_rev and self._take(ring, key)
        frame = self._pictures.get(key)
        if frame is None:
            return None, False
        fresh = ring is not None and now_ns - frame.monotonic_ns <= _STALE_NS[tile.source]
        return Picture(frame, fresh), new

    def _take(self, ring: Ring, key: tuple[PersonId, Source]) -> bool:
        number = ring.newest_number(*key)
        if not number or self._seen.get(key) == (ring, number):
            return False
        frame = ring.newest(*key)
        if frame is None:
            return False
        self._pictures[key] = frame
        self._seen[key] = (ring, frame.number)
        return True
