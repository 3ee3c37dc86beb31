"""A clip with a picture and a tone in it, made on the spot."""

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip one.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = container.add_stream("aac", rate=44100, layout="stereo")
        for n in range(10):
            luma = np.full((270, 320), 128, np.uint8)
            luma[:180, n * 20 : n * 20 + 40] = 230
            frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            container.mux(video.encode(frame))
        tone = [0.3 * math.sin(math.tau * 1000 * n / 44100) for n in range(17640)]
        for start in range(0, 17640 - 1024, 1024):
            block = np.array([tone[start : start + 1024]] * 2, np.float32)
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 44100, start, Fraction(1, 44100)
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def silent_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "silent.webm"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for n in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 90 + n, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path
