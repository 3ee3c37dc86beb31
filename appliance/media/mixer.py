"""Everybody's sound into one: sum, volume, peak limiter. The loudspeaker's clock pulls; the network pushes."""

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from appliance.media.chime import chime
from appliance.media.opus import Samples
from appliance.media.playout import Playout
from appliance.media.rtc.frames import EncodedFrame

_CEILING = 0.95 * 32767
_RELEASE = 0.02
"""How far the limiter lets go in each block of 10 ms: back to full in half a second."""


class Mixer:
    """Thread-safe: `push` comes from the event loop, `pull` from the loudspeaker's thread."""

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._playouts: dict[object, Playout] = {}
        self._chime: Samples | None = None
        self._chime_at = 0
        self._limit = 1.0
        self._gain = 0.0
        self.volume = 60
        """Percent."""
        self.level = 0.0
        """RMS of the newest block, 0 to 1."""

    def push(self, stream: object, frame: EncodedFrame) -> None:
        """Take one Opus packet of a stream; a new stream begins by itself. Any other codec would be noise."""
        if frame.codec.lower() != "opus":
            return
        with self._lock:
            playout = self._playouts.get(stream)
            if playout is None:
                playout = self._playouts[stream] = Playout()
            playout.push(frame, self._clock_ns())

    def remove(self, stream: object) -> None:
        """Forget a stream that ended."""
        with self._lock:
            self._playouts.pop(stream, None)

    def ring(self) -> None:
        """Sound the chime, from its beginning."""
        with self._lock:
            self._chime, self._chime_at = chime(), 0

    @property
    def ringing(self) -> bool:
        """Whether some of the chime is still to come."""
        return self._chime is not None

    @property
    def lost(self) -> int:
        """Packets of the present streams that had to be concealed."""
        with self._lock:
            return sum(playout.lost for playout in self._playouts.values())

    def pull(self, count: int) -> bytes:
        """Return the next `count` samples of the mix, mono s16."""
        mix = np.zeros(count, np.float32)
        now_ns = self._clock_ns()
        with self._lock:
            for playout in self._playouts.values():
                samples = playout.pull(count, now_ns)
                if samples is not None:
                    mix += samples
            self._add_chime(mix)
        out = self._finished(mix)
        self.level = float(np.sqrt(np.mean(np.square(out)))) / 32768
        return out.astype("<i2").tobytes()

    def _add_chime(self, mix: NDArray[np.float32]) -> None:
        if self._chime is None:
            return
        piece = self._chime[self._chime_at : self._chime_at + len(mix)]
        mix[: len(piece)] += piece
        self._chime_at += len(piece)
        if self._chime_at >= len(self._chime):
            self._chime = None

    def _finished(self, mix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply volume and limiter; gains glide within the block, so nothing clicks."""
        # loudness is felt by ratio: half way on the panel should sound half as loud
        volume = (self.volume / 100) ** 2
        peak = float(np.abs(mix).max()) * volume
        self._limit = min(_CEILING / peak if peak > _CEILING else 1.0, self._limit + _RELEASE)
        gain = volume * self._limit
        glide = np.linspace(self._gain, gain, len(mix), dtype=np.float32)
        self._gain = gain
        return np.asarray(np.clip(mix * glide, -32768, 32767), np.float32)
