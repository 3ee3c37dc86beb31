"""`salon display` as it is, on a screen that reads the stamps in its tiles: `python -m benchmarks.tv PEOPLE …`.

The file `tv.shown` beside the settings says how many new pictures of everybody came onto the canvas. With one person,
each new stamp is a line, when and which, in `tv.seen`.
"""

import os
import sys
from pathlib import Path

import numpy as np

from appliance import cli
from appliance.state.layout import PersonId, Source, Tile, gallery
from benchmarks.seen import COUNT, SeenFile
from benchmarks.settings import WEBCAM
from display import renderer
from display.canvas import Canvas
from hardware.camera import mark


class Tv:
    """A presenter that looks at each canvas."""

    def __init__(self, people: int, shown: int, seen: SeenFile) -> None:
        """`shown` is the descriptor of the file that holds the count."""
        self._people, self._shown, self._seen = people, shown, seen
        self._count = 0

    def open(self, width: int, height: int) -> None:
        people = [(PersonId(str(number)), Source.CAMERA) for number in range(self._people)]
        self._tiles = gallery(people, width, height)
        self._bits = [_bits(tile) for tile in self._tiles]
        self._before = [b""] * len(self._tiles)

    def present(self, canvas: Canvas) -> None:
        for number, (row, columns) in enumerate(self._bits):
            stamp = (canvas.y[row, columns] > mark.GREY).tobytes()
            self._count += stamp != self._before[number]
            self._before[number] = stamp
        os.pwrite(self._shown, COUNT.pack(self._count), 0)
        if len(self._tiles) == 1:
            tile = self._tiles[0]
            self._seen.note(canvas.y[tile.y : tile.y + tile.h, tile.x : tile.x + tile.w])

    def close(self) -> None:
        """Nothing was taken."""


def _bits(tile: Tile) -> tuple[int, np.ndarray]:
    """Return where the bits of a stamp's counter are on the canvas: the row, and the columns."""
    columns = tile.x + (mark.LEFT + np.arange(mark.BITS) + 0.5) * tile.w / mark.GRID_W
    return int(tile.y + (mark.TOP + 1.5) * tile.h / mark.GRID_H), columns.astype(np.intp)


if __name__ == "__main__":
    people, folder = int(sys.argv.pop(1)), Path(sys.argv[sys.argv.index("--config") + 1]).parent
    with (folder / "tv.shown").open("wb") as shown, (folder / "tv.seen").open("w", buffering=1) as seen:
        # the only part of the display that is not the room's own; its status covers some of the stamp's first row
        vars(renderer)["presenter_for"] = lambda _uri: Tv(
            people, shown.fileno(), SeenFile(seen, mark.source_id(WEBCAM))
        )
        sys.exit(cli.main())
