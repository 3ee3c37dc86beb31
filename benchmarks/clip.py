"""The synthetic webcam: a textured room, somebody who moves, a sensor's noise, and in each picture its number."""

import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from benchmarks.settings import CACHE, LOOP_S, WEBCAM, Stream
from hardware.camera import mark
from hardware.planes import planes_of

Plane = NDArray[np.uint8]
SOURCE = mark.source_id(WEBCAM)
_NOISES = 7
_RAW_S = 3
_OPTIONS = {
    "VP8": {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
    },
    "H264": {"preset": "superfast", "tune": "zerolatency", "forced-idr": "1"},
}
_ENCODERS = {"VP8": "libvpx", "H264": "libx264"}


class Webcam:
    """Pictures of the synthetic webcam; the same number is always the same picture."""

    def __init__(self, width: int, height: int) -> None:
        random = np.random.default_rng(7)
        coarse = random.integers(40, 200, (height // 40 + 2, width // 40 + 2)).astype(np.float32)
        fine = np.kron(coarse, np.ones((40, 40), np.float32))[:height, :width]
        self._room = fine + 12 * np.sin(np.arange(width) / 3)[None, :]
        self._noise = [random.normal(0, 2.5, (height, width)).astype(np.float32) for _ in range(_NOISES)]
        self._tint = random.integers(118, 139, (height // 2, width // 2)).astype(np.uint8)

    def picture(self, number: int, count: int | None = None) -> av.VideoFrame:
        """Return a picture, stamped with `count` if that is not its number."""
        height, width = self._room.shape
        luma = self._room + self._noise[number % _NOISES]
        self._person(luma, number)
        picture = av.VideoFrame(width, height, "yuv420p")
        y, u, v = planes_of(picture)
        y[:], u[:], v[:] = np.clip(luma, 16, 235), self._tint, 255 - self._tint
        mark.burn(y, u, v, mark.Mark(SOURCE, (number if count is None else count) & 0xFFFF))
        return picture

    def _person(self, luma: NDArray[np.float32], number: int) -> None:
        height, width = luma.shape
        x = int(width * (0.5 + 0.08 * np.sin(number / 11)))
        y = int(height * (0.62 + 0.02 * np.sin(number / 5)))
        reach, rise = width // 8, height // 5
        luma[y - rise : y + rise, x - reach : x + reach] = 0.3 * luma[y - rise : y + rise, x - reach : x + reach] + 120
        luma[y + rise :, x - 2 * reach : x + 2 * reach] = 70 + 20 * np.sin(np.arange(4 * reach) / 9 + number / 7)


def encoder(stream: Stream) -> VideoCodecContext:
    """Return an encoder with constant bit rate; key frames come only when asked for."""
    codec = cast("VideoCodecContext", VideoCodecContext.create(_ENCODERS[stream.codec], "w"))
    codec.width, codec.height, codec.pix_fmt = stream.width, stream.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, stream.fps), Fraction(stream.fps)
    codec.bit_rate, codec.gop_size = stream.kbps * 1000, 100_000
    codec.thread_count = 1
    rate = str(stream.kbps * 1000)
    codec.options = {"minrate": rate, "maxrate": rate, "bufsize": rate, **_OPTIONS[stream.codec]}
    return codec


def is_key(stream: Stream, number: int) -> bool:
    """Tell which frames of the film are key frames."""
    return number % (stream.key_every or LOOP_S * stream.fps) == 0


def bitstream(stream: Stream) -> list[bytes]:
    """Return the film's encoded frames, from the cache if they were made before."""
    name = f"{stream.codec}-{stream.height}p{stream.fps}-{stream.kbps}k-{stream.key_every}.pickle"
    path = CACHE / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(list(_encoded(stream))))
    frames: list[bytes] = pickle.loads(path.read_bytes())
    return frames


def _encoded(stream: Stream) -> Iterator[bytes]:
    webcam, codec = Webcam(stream.width, stream.height), encoder(stream)
    for number in range(LOOP_S * stream.fps):
        picture = webcam.picture(number)
        picture.pts = number
        keyframe = is_key(stream, number)
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = codec.encode(picture)
        assert len(packets) == 1
        assert packets[0].is_keyframe is keyframe
        yield bytes(packets[0])


def raw_film(stream: Stream) -> Path:
    """Return a YUV4MPEG2 file of the film's first seconds, which cameras that play files take."""
    path = (CACHE / f"{stream.height}p{stream.fps}.y4m").resolve()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".new")
        webcam = Webcam(stream.width, stream.height)
        with scratch.open("wb") as file:
            file.write(f"YUV4MPEG2 W{stream.width} H{stream.height} F{stream.fps}:1 Ip A1:1 C420jpeg\n".encode())
            for number in range(_RAW_S * stream.fps):
                picture = webcam.picture(number)
                file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes_of(picture)))
        scratch.rename(path)
    return path
