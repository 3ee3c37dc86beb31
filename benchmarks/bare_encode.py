"""A loop that reads a camera and encodes its pictures and does nothing else: `… CAMERA STREAM`, the stream as JSON."""

import asyncio
import itertools
import json
import sys

from appliance.media.encode import picture_of
from appliance.service import run_program
from benchmarks.clip import encoder
from benchmarks.settings import Stream
from hardware import registry

_SLICE_S = 0.25


def encode(uri: str, stream: Stream) -> None:
    """Encode for ever."""
    codec = encoder(stream)
    with registry.camera(uri) as camera:
        print("encoding", flush=True)
        for number in itertools.count():
            frame = camera.read(_SLICE_S)
            if frame is None:
                continue
            picture = picture_of(frame)
            picture.pts = number
            codec.encode(picture)


if __name__ == "__main__":
    sys.exit(run_program(lambda: asyncio.to_thread(encode, sys.argv[1], Stream(**json.loads(sys.argv[2])))))
