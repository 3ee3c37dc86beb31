"""From a decoder's picture to a frame of I420, with as little work as its format allows."""

from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from hardware.camera.stream import Layout
from hardware.planes import Plane, planes_of
from hardware.ports import VideoFrame

_I420 = {"yuv420p", "yuvj420p"}
_I422 = {"yuv422p", "yuvj422p"}


class Converter:
    """Makes frames of one camera's pictures; they may change their size and format between two of them."""

    def __init__(self, *, full_range: bool = False, bt709: bool = False) -> None:
        """`full_range` and `bt709` are what the driver says; JPEG is known to be of full range."""
        self._full_range, self._bt709 = full_range, bt709
        self._reformatter = VideoReformatter()

    def frame(self, picture: Any, captured_ns: int) -> VideoFrame:
        """Return a picture as a frame; an odd last row or column is left out."""
        full = self._full_range or picture.format.name.startswith("yuvj") or picture.color_range == ColorRange.JPEG
        y, u, v = self._planes(picture, full)
        height, width = y.shape[0] // 2, y.shape[1] // 2
        return VideoFrame(
            y[: height * 2, : width * 2], u[:height, :width], v[:height, :width], captured_ns, full, self._bt709
        )

    def _planes(self, picture: Any, full: bool) -> tuple[Plane, Plane, Plane]:
        name = picture.format.name
        if name in _I420:
            return planes_of(picture)
        if name in _I422:
            # most webcams' JPEG: only the colours have too many rows
            y, u, v = planes_of(picture)
            return y, _halved(u), _halved(v)
        # the range is only named, so that it is not converted; a second thread would cost more than it saves
        span = ColorRange.JPEG if full else ColorRange.MPEG
        i420 = self._reformatter.reformat(
            picture, format="yuv420p", src_color_range=span, dst_color_range=span, threads=1
        )
        return planes_of(i420)


def packed(data: bytes, layout: Layout) -> bytes:
    """Return a raw picture without the padding of its rows; empty when it is not all there."""
    rows, tight = layout.height, layout.width * (2 if layout.format in {"YUYV", "UYVY"} else 1)
    stride = max(layout.stride, tight)
    if layout.format in {"NV12", "YU12"}:
        # chroma of NV12 has rows like luma's; YU12 has two planes of half a row, which makes as many bytes
        rows = rows * 3 // 2
    if len(data) < stride * rows:
        return b""
    if stride == tight:
        return data[: tight * rows]
    if layout.format == "YU12":
        luma = np.frombuffer(data, np.uint8, stride * layout.height).reshape(layout.height, stride)
        chroma = np.frombuffer(data, np.uint8, stride * (rows - layout.height), stride * layout.height)
        return luma[:, :tight].tobytes() + chroma.reshape(-1, stride // 2)[:, : tight // 2].tobytes()
    return np.frombuffer(data, np.uint8, stride * rows).reshape(rows, stride)[:, :tight].tobytes()


def _halved(plane: Plane) -> Plane:
    """Return the mean of every two rows, rounded down; without leaving eight bits, which is three times as fast."""
    upper, lower = plane[0 : plane.shape[0] // 2 * 2 : 2], plane[1::2]
    return np.asarray((upper & lower) + ((upper ^ lower) >> 1), np.uint8)
