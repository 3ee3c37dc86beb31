"""What others see while the room's camera gives no picture: a still that says so."""

import time
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

import av
from av.video.reformatter import ColorRange

from hardware.planes import planes_of
from hardware.ports import VideoFrame


class Slate:
    """The still, scaled to whatever size the camera's pictures have."""

    def __init__(self) -> None:
        self._still: Any = None
        self._scaled: tuple[tuple[int, int], VideoFrame] | None = None

    def __call__(self, size: tuple[int, int]) -> VideoFrame:
        """Return the still in this size (even numbers), as if captured now."""
        if self._scaled is None or self._scaled[0] != size:
            self._scaled = size, self._scale(size)
        return replace(self._scaled[1], captured_ns=time.monotonic_ns())

    def _scale(self, size: tuple[int, int]) -> VideoFrame:
        if self._still is None:
            with as_file(files("appliance.media") / "slate.png") as path, av.open(str(path)) as file:
                self._still = next(file.decode(video=0))
        # a PNG is of full range, and would stay so: others would see it darker than it was drawn
        i420 = self._still.reformat(*size, "yuv420p", dst_color_range=ColorRange.MPEG)
        y, u, v = (plane.copy() for plane in planes_of(i420))
        return VideoFrame(y, u, v, 0)
