"""`salon display` as it is, on a screen that reads the stamp in the first tile: `python -m benchmarks.tv --config …`.

Each new stamp on the composed canvas is a line, when and which, in the file `tv.seen` beside the settings.
"""

import sys
from pathlib import Path

from appliance import cli
from appliance.state.layout import PersonId, Source, gallery
from benchmarks.clip import SOURCE
from benchmarks.seen import SeenFile
from display import renderer
from display.canvas import Canvas


class StampReader:
    """A presenter that looks at each canvas."""

    def __init__(self, seen: SeenFile) -> None:
        self._seen = seen

    def open(self, width: int, height: int) -> None:
        self._tile = gallery([(PersonId("webcam-00"), Source.CAMERA)], width, height)[0]

    def present(self, canvas: Canvas) -> None:
        tile = self._tile
        self._seen.note(canvas.y[tile.y : tile.y + tile.h, tile.x : tile.x + tile.w])

    def close(self) -> None:
        """Nothing was taken."""


if __name__ == "__main__":
    config = Path(sys.argv[sys.argv.index("--config") + 1])
    with config.with_name("tv.seen").open("w", buffering=1) as file:
        # the only part of the display that is not the room's own; its status covers some of the stamp's first row
        vars(renderer)["presenter_for"] = lambda _uri: StampReader(SeenFile(file, SOURCE))
        sys.exit(cli.main())
