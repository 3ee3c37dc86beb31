"""A part of a camera's picture in the size that is sent: the pan, tilt and zoom of a camera without motors."""

from dataclasses import replace

from av.video.reformatter import Interpolation, VideoReformatter

from appliance.media.encode import picture_of
from appliance.media.view import Box
from hardware.planes import planes_of
from hardware.ports import VideoFrame


def cut(frame: VideoFrame, box: Box) -> VideoFrame:
    """Return a part of a picture: the same memory, nothing is copied."""
    if (box.width, box.height) == (frame.width, frame.height):
        return frame
    rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    chroma = (slice(box.top // 2, rows.stop // 2), slice(box.left // 2, columns.stop // 2))
    return replace(frame, y=frame.y[rows, columns], u=frame.u[chroma], v=frame.v[chroma])


class Scaler:
    """Brings pictures to one size. It averages where it shrinks and interpolates where it enlarges.

    By swscale and not OpenCV: the same time to shrink 1080p to 720p as OpenCV's bilinear, which aliases, and a fifth of
    its area average; half the time to enlarge.
    """

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def fit(self, frame: VideoFrame, size: tuple[int, int]) -> VideoFrame:
        """Return the frame in a size; as it is where it has that size."""
        if (frame.width, frame.height) == size:
            return frame
        fitted = self._scaler.reformat(picture_of(frame), *size, "yuv420p", interpolation=Interpolation.AREA, threads=1)
        y, u, v = planes_of(fitted)
        return replace(frame, y=y, u=u, v=v)
