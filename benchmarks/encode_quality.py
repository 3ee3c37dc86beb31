"""Quality per CPU of the encoders' settings: `python -m benchmarks.encode_quality` prints the table of docs/media.md.

Both pictures are 1280x720 at 30 fps: the demo's clip, and a synthetic webcam (a head that sways before a still wall,
with a sensor's noise). The rates are what the encoder is told; what it made of them stands in the table.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from appliance.media.decode import VideoDecoder
from appliance.media.encode import H264Encoder, Vp8Encoder, h264_context, vp8_context
from hardware.planes import plane_of, planes_of
from hardware.ports import VideoFrame

WIDTH, HEIGHT, FPS, FRAMES = 1280, 720, 30, 150
CLIP = Path("appliance/demo/clips/big-buck-bunny.mp4")
RATES = (500_000, 1_500_000)
Luma = NDArray[np.float32]


class H264Variant(H264Encoder):
    """x264 with another preset or number of threads."""

    def __init__(self, *, preset: str, threads: int = 1, bitrate: int) -> None:
        super().__init__(bitrate=bitrate)
        self._make = partial(h264_context, preset=preset, threads=threads)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        super()._open(width, height)
        return self._make(width, height)


class Vp8Variant(Vp8Encoder):
    """libvpx at another speed."""

    def __init__(self, *, cpu_used: int, bitrate: int) -> None:
        super().__init__(bitrate=bitrate)
        self._make = partial(vp8_context, cpu_used=cpu_used)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        return self._make(width, height)


VARIANTS: dict[str, Callable[..., H264Encoder | Vp8Encoder]] = {
    **{f"x264 {preset}": partial(H264Variant, preset=preset) for preset in ("ultrafast", "superfast", "veryfast")},
    "x264 superfast, 2 threads": partial(H264Variant, preset="superfast", threads=2),
    **{f"VP8 cpu-used {speed}": partial(Vp8Variant, cpu_used=speed) for speed in range(-6, -17, -2)},
}


def clip() -> Iterator[VideoFrame]:
    """Return the demo's clip, scaled and repeated."""
    shown = 0
    while True:
        with av.open(str(CLIP)) as container:
            for picture in container.decode(video=0):
                scaled = picture.reformat(WIDTH, HEIGHT, "yuv420p", threads=1)
                y, u, v = map(np.array, planes_of(scaled))
                yield VideoFrame(y, u, v, captured_ns=10**9 + shown * 10**9 // FPS)
                shown += 1


def webcam() -> Iterator[VideoFrame]:
    """Return a head that sways and talks."""
    dice = np.random.default_rng(1)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    wall = 110 + 25 * np.sin(columns / 17) * np.sin(rows / 23) - 25 * ((columns // 90 + rows // 70) % 2)
    wall += dice.normal(0, 6, wall.shape)
    skin = dice.normal(0, 7, (2 * HEIGHT, 2 * WIDTH)).astype(np.float32)
    for shown in range(10**6):
        second = shown / FPS
        across = WIDTH * (0.5 + 0.04 * np.sin(1.3 * second))
        down = HEIGHT * (0.55 + 0.02 * np.sin(2.1 * second))
        head = ((columns - across) / (0.16 * WIDTH)) ** 2 + ((rows - down) / (0.32 * HEIGHT)) ** 2
        open_px = 0.02 * HEIGHT * (1 + np.sin(9 * second) ** 2)
        mouth = ((columns - across) / (0.05 * WIDTH)) ** 2 + ((rows - down - 0.13 * HEIGHT) / open_px) ** 2
        at_x, at_y = int(across), int(down)
        face = np.where(mouth < 1, 70, 170 - 30 * head + skin[at_y : at_y + HEIGHT, at_x : at_x + WIDTH])
        luma = np.where(head < 1, face, wall) + dice.normal(0, 2, wall.shape)
        small = head[::2, ::2] < 1
        planes = (luma, np.where(small, 112, 126), np.where(small, 150, 128))
        y, u, v = (np.clip(plane, 0, 255).astype(np.uint8) for plane in planes)
        yield VideoFrame(y, u, v, captured_ns=10**9 + shown * 10**9 // FPS)


def ssim(one: Luma, other: Luma) -> float:
    """Return the structural similarity (Wang et al. 2004), Gaussian windows of 11."""
    blur = partial(cv2.GaussianBlur, ksize=(11, 11), sigmaX=1.5)
    mean_1, mean_2 = blur(one), blur(other)
    var_1, var_2 = blur(one * one) - mean_1**2, blur(other * other) - mean_2**2
    both = blur(one * other) - mean_1 * mean_2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_1 * mean_2 + c1) * (2 * both + c2) / ((mean_1**2 + mean_2**2 + c1) * (var_1 + var_2 + c2))
    return float(similar.mean())


def measure(make: Callable[..., H264Encoder | Vp8Encoder], shown: Sequence[VideoFrame], rate: int) -> str:
    """Return one setting's cells of the table."""
    encoder, decoder = make(bitrate=rate), VideoDecoder()
    begin = time.process_time()
    encoded = [encoder.encode(frame) for frame in shown]
    spent = time.process_time() - begin
    errors, similar = [], []
    for number, (frame, packet) in enumerate(zip(shown, encoded, strict=True)):
        picture = decoder.decode(packet) if packet is not None else None
        if picture is None:
            continue
        luma, true = np.array(plane_of(picture, 0)).astype(np.float32), frame.y.astype(np.float32)
        errors.append(float(np.mean((luma - true) ** 2)))
        if number % 10 == 5:
            similar.append(ssim(luma, true))
    kbps = sum(len(packet.data) for packet in encoded if packet is not None) * 8 * FPS / len(shown) / 1000
    psnr = 10 * np.log10(255**2 / np.mean(errors[FPS:]))
    return f"{kbps:.0f} | {psnr:.2f} | {np.mean(similar):.4f} | {spent / len(shown) * 1000:.1f}"


def main() -> int:
    """Print the table."""
    sources = {
        source.__name__: [frame for frame, _ in zip(source(), range(FRAMES), strict=False)] for source in (clip, webcam)
    }
    print("| source, rate | setting | kb/s | PSNR dB | SSIM | CPU ms/picture |")
    print("|---|---|---|---|---|---|")
    for name, shown in sources.items():
        for rate in RATES:
            for label, make in VARIANTS.items():
                print(f"| {name}, {rate // 1000} | {label} | {measure(make, shown, rate)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
