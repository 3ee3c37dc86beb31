"""Pictures as cameras send them: JPEG, or raw."""

from fractions import Fraction

import av
import numpy as np

PIXELS = {"YUYV": "yuyv422", "UYVY": "uyvy422", "NV12": "nv12", "YU12": "yuv420p", "MJPG": "yuvj422p"}


def picture(letters, size, luma):
    """Return one shade of grey in a format of V4L2's; of even size unless it is JPEG."""
    width, height = size
    rgb = np.full((height, width, 3), luma, np.uint8)
    shade = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=PIXELS[letters])
    shade.pts = 0
    coder = av.CodecContext.create("mjpeg" if letters == "MJPG" else "rawvideo", "w")
    coder.width, coder.height = size
    coder.pix_fmt, coder.time_base = PIXELS[letters], Fraction(1, 30)
    (packet,) = coder.encode(shade)
    return bytes(packet)
