"""A loop that reads a camera and encodes its pictures with the room's settings and does nothing else.

`python -m benchmarks.bare_encode CAMERA KBPS COUNT`: the file COUNT holds how many pictures were encoded.
"""

import asyncio
import os
import sys
from pathlib import Path

from appliance.media.encode import h264_context, picture_of
from appliance.media.rtc.frames import VIDEO_CLOCK
from appliance.service import run_program
from benchmarks.seen import COUNT
from benchmarks.settings import CAMERA_720P30
from hardware import registry

_SLICE_S = 0.25


def encode(uri: str, kbps: int, count: Path) -> None:
    """Encode for ever."""
    codec = h264_context(CAMERA_720P30.width, CAMERA_720P30.height)
    codec.bit_rate = kbps * 1000
    number = 0
    with registry.camera(uri) as camera, count.open("wb") as file:
        while True:
            frame = camera.read(_SLICE_S)
            if frame is None:
                continue
            picture = picture_of(frame)
            picture.pts = number * VIDEO_CLOCK // CAMERA_720P30.fps
            codec.encode(picture)
            number += 1
            os.pwrite(file.fileno(), COUNT.pack(number), 0)


if __name__ == "__main__":
    sys.exit(run_program(lambda: asyncio.to_thread(encode, sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
