"""`file:/path/clip.mp4?loop=1`: a microphone that hears a clip."""

import time
from collections.abc import Iterator
from typing import Self

from av import AudioResampler

from hardware.clip import Clip, clip_path
from hardware.pace import Pace
from hardware.ports import BACKLOG, BLOCK, SAMPLE_RATE, Array, AudioBlock, DeviceError
from hardware.uri import DeviceUri


class ClipMicrophone:
    """Plays a clip's sound as a microphone would give it."""

    simulated = True
    id = ""
    channels = 1
    xruns = 0

    def __init__(self, uri: DeviceUri) -> None:
        self._uri = uri.only("loop")
        self._loop = uri.flag("loop", default=True)
        self._pace = Pace(BLOCK / SAMPLE_RATE, backlog=BACKLOG)
        self._taken = -1
        self.name = f"Clip {uri.path.rpartition('/')[2]}"
        self.array = Array(self.name, cleans=True)

    @property
    def dropped(self) -> int:
        return self._pace.skipped

    def __enter__(self) -> Self:
        self._clip = Clip(clip_path(self._uri), "audio", loop=self._loop)
        self._blocks = _blocks(self._clip)
        self._pace.start()
        self._taken = -1
        return self

    def __exit__(self, *_: object) -> None:
        self._clip.close()

    def read(self, timeout_s: float) -> AudioBlock | None:
        tick = self._pace.wait(timeout_s)
        if tick is None:
            return None
        samples = None
        while self._taken < tick:
            samples = next(self._blocks, None)
            self._taken += 1
        if samples is None:
            raise DeviceError(f"{self._uri.path} is over; add ?loop=1 to play it again and again")
        return AudioBlock(samples, time.monotonic_ns())


def _blocks(clip: Clip) -> Iterator[bytes]:
    """Yield the sound in a microphone's blocks."""
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=BLOCK)
    for frame in clip.frames():
        # time stamps jump where the clip loops; without any the resampler counts samples
        frame.pts = None
        for block in resampler.resample(frame):
            yield bytes(block.planes[0])[: BLOCK * 2]
