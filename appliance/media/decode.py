"""Received video to pictures no larger than their tile, in I420 all the way."""

from dataclasses import dataclass
from typing import cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Interpolation, VideoReformatter

from appliance.errors import SalonError
from appliance.media.rtc.frames import EncodedFrame
from hardware.planes import Plane, plane_of

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
    full_range: bool
    matrix: int

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.planes[0].shape
        return int(width), int(height)


class VideoDecoder:
    """Decodes one person's stream; begins, and after an error begins again, at a key frame."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None
        self._name = ""
        self._shrink = VideoReformatter()

    def decode(self, frame: EncodedFrame) -> av.VideoFrame | None:
        """Return the decoded picture, or raise `Undecodable`."""
        if frame.codec != self._name:
            self._codec, self._name = None, frame.codec
        if self._codec is None:
            if not frame.keyframe:
                raise Undecodable("the picture begins with a key frame")
            self._codec = _codec(frame.codec)
        try:
            pictures = self._codec.decode(av.Packet(frame.data))
        except FFmpegError as err:
            self._codec = None
            raise Undecodable(f"a {frame.codec} frame is broken") from err
        return pictures[-1] if pictures else None

    def fit(self, picture: av.VideoFrame, width: int, height: int) -> Picture:
        """Return the picture no larger than `width` by `height`, in even sizes, shape kept, or raise `Undecodable`."""
        fitted = fitted_size(picture.width, picture.height, width, height)
        name = picture.format.name if picture.format.name in _I420 else "yuv420p"
        if fitted != (picture.width, picture.height) or name != picture.format.name:
            try:
                small = self._shrink.reformat(picture, *fitted, name, interpolation=Interpolation.AREA, threads=1)
            except (FFmpegError, ValueError) as err:
                raise Undecodable(f"a picture in {picture.format.name} cannot be shown") from err
        else:
            small = picture
        return Picture(
            (plane_of(small, 0), plane_of(small, 1), plane_of(small, 2)),
            full_range=name == "yuvj420p" or picture.color_range == av.video.reformatter.ColorRange.JPEG,
            matrix=BT709 if picture.colorspace == av.video.reformatter.Colorspace.ITU709 else BT601,
        )


def fitted_size(width: int, height: int, most_w: int, most_h: int) -> tuple[int, int]:
    """Return the largest even size of the same shape that is neither larger than the picture nor than the place."""
    scale = min(1.0, most_w / width, most_h / height)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _codec(name: str) -> VideoCodecContext:
    if name not in DECODERS:
        raise Undecodable(f"the room does not decode {name}")
    codec = cast("VideoCodecContext", VideoCodecContext.create(DECODERS[name], "r"))
    codec.thread_count = 1
    codec.options = {"max_pixels": str(MOST_PIXELS)}
    return codec
