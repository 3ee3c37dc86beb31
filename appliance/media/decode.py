"""Received video to pictures no larger than their tile, in I420 all the way."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from appliance.errors import SalonError
from appliance.link.scale import scale
from appliance.media.rtc.frames import EncodedFrame
from hardware.planes import Plane, planes_of

DECODERS = {"VP8": "vp8", "H264": "h264"}
"""FFmpeg's own, not libvpx: cheaper for many small pictures."""
_I420 = frozenset({"yuv420p", "yuvj420p"})
MOST_PIXELS = 3840 * 2160
"""A frame of a few bytes may claim to be of 16000x16000, for which the decoder would take nearly half a gigabyte."""
BT601, BT709 = 6, 1
"""H.273 matrix coefficients."""


class Undecodable(SalonError):
    """A frame that needs another before it, or that is broken; a key frame helps."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture; the planes may have a stride."""

    planes: tuple[Plane, Plane, Plane]
    size: tuple[int, int]
    """Width and height to show it in: its own, or at least half of that, which `copy_plane` takes care of."""
    full_range: bool
    matrix: int


class VideoDecoder:
    """Decodes one person's stream; begins, and after an error begins again, at a key frame."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None
        self._name = ""
        self._hurry = False
        self._shrink = VideoReformatter()

    def decode(self, frame: EncodedFrame, *, hurry: bool = False) -> av.VideoFrame | None:
        """Return the decoded picture, or raise `Undecodable`. In a hurry, pictures no other needs are left out."""
        if frame.codec != self._name:
            self._codec, self._name = None, frame.codec
        if self._codec is None:
            if not frame.keyframe:
                raise Undecodable("the picture begins with a key frame")
            self._codec, self._hurry = _codec(frame.codec), False
        if hurry != self._hurry:
            self._codec.skip_frame, self._hurry = "NONREF" if hurry else "DEFAULT", hurry
        try:
            pictures = self._codec.decode(av.Packet(frame.data))
        except FFmpegError as err:
            self._codec = None
            raise Undecodable(f"a {frame.codec} frame is broken") from err
        return pictures[-1] if pictures else None

    def fit(self, picture: av.VideoFrame, width: int, height: int) -> Picture:
        """Return the picture no larger than `width` by `height`, in even sizes, shape kept, or raise `Undecodable`."""
        size = fitted_size(picture.width, picture.height, width, height)
        small = picture
        if not _copied(picture.width, picture.height, size) or picture.format.name not in _I420:
            small = self._shrunk(picture, size)
        return Picture(
            planes_of(small),
            size,
            full_range=picture.format.name == "yuvj420p" or picture.color_range == ColorRange.JPEG,
            matrix=BT709 if picture.colorspace == Colorspace.ITU709 else BT601,
        )

    def _shrunk(self, picture: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        name = picture.format.name if picture.format.name in _I420 else "yuv420p"
        try:
            return self._shrink.reformat(picture, *size, name, interpolation=Interpolation.AREA, threads=1)
        except (FFmpegError, ValueError) as err:
            raise Undecodable(f"a picture in {picture.format.name} cannot be shown") from err


def copy_plane(to: Plane, plane: Plane) -> None:
    """Copy a plane to where it is shown, scaled if that is smaller, by half at most.

    OpenCV halves three times as fast as FFmpeg, scales as fast, and needs no copy in between; below half FFmpeg's
    averaging looks better.
    """
    if to.shape == plane.shape:
        np.copyto(to, plane)
    else:
        scale(plane, to)


def _copied(width: int, height: int, size: tuple[int, int]) -> bool:
    """Whether `copy_plane` brings a picture to this size."""
    return width <= 2 * size[0] and height <= 2 * size[1]


@lru_cache(maxsize=64)
def fitted_size(width: int, height: int, most_w: int, most_h: int) -> tuple[int, int]:
    """Return the largest even size of the same shape that is neither larger than the picture nor than the place."""
    scale = min(1.0, most_w / width, most_h / height)
    return _even(width * scale, min(width, most_w)), _even(height * scale, min(height, most_h))


def _even(side: float, most: int) -> int:
    # a rounding error must not leave a hairline beside a picture that fits
    return max(2, int(most if most - side < 2 else side) // 2 * 2)


def _codec(name: str) -> VideoCodecContext:
    if name not in DECODERS:
        raise Undecodable(f"the room does not decode {name}")
    codec = cast("VideoCodecContext", VideoCodecContext.create(DECODERS[name], "r"))
    codec.thread_count = 1
    codec.options = {"max_pixels": str(MOST_PIXELS)}
    return codec
