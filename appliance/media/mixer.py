"""Everybody's sound into one: sum, volume, peak limiter. The loudspeaker's clock pulls; the network pushes."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from appliance.media.chime import chime
from appliance.media.libopus import Samples
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.voice import SILENT_DB, Voice

MOST_VOICES = 10
"""Decoded at a time: the loudest. More at once are not understood anyway, and each costs CPU."""
_CHOOSE_EVERY = 10
"""Blocks from one choice of voices to the next: 0.1 s."""
_STAY_DB = 6.0
"""By so much somebody must be louder to take another's place."""
_CEILING = 0.95 * 32767
_RELEASE = 0.02
"""How far the limiter lets go in each block of 10 ms: back to full in half a second."""


class Mixer:
    """`pull` is for the loudspeaker's thread, all else for the event loop; neither ever waits for the other."""

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._streams: dict[object, Voice] = {}
        self._voices: tuple[Voice, ...] = ()
        """All of them, as one value for the other thread."""
        self._chosen: tuple[Voice, ...] = ()
        self._until_choice = 0
        self._rung = False
        self._chime: Samples | None = None
        self._alone: Samples | None = None
        """What is still to be played, instead of all else."""
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
        voice = self._streams.get(stream)
        if voice is None:
            voice = self._streams[stream] = Voice()
            self._voices = tuple(self._streams.values())
        voice.put(frame, self._clock_ns())

    def remove(self, stream: object) -> None:
        """Forget a stream that ended."""
        self._streams.pop(stream, None)
        self._voices = tuple(self._streams.values())

    def voice(self, stream: object) -> Voice | None:
        """Return what is known of a stream, None before its first packet."""
        return self._streams.get(stream)

    def ring(self) -> None:
        """Sound the chime, from its beginning."""
        self._rung = True

    @property
    def ringing(self) -> bool:
        """Whether some of the chime is still to come."""
        return self._rung or self._chime is not None

    def play(self, sound: Samples | None) -> None:
        """Play this as it is instead of everything else, whatever the volume; None ends it."""
        self._alone = sound

    def pull(self, count: int) -> bytes:
        """Return the next `count` samples of the mix, mono s16."""
        if self._alone is not None:
            return self._pull_alone(self._alone, count)
        mix = np.zeros(count, np.float32)
        now_ns = self._clock_ns()
        self._choose(mix, now_ns)
        for voice in self._chosen:
            samples = voice.pull(count, now_ns)
            if samples is not None:
                mix += samples
        self._add_chime(mix)
        out = self._finished(mix)
        self.level = float(np.sqrt(np.mean(np.square(out)))) / 32768
        return out.astype("<i2").tobytes()

    def _pull_alone(self, sound: Samples, count: int) -> bytes:
        piece = sound[:count]
        if self._alone is sound:  # nobody ended it meanwhile
            self._alone = sound[count:]
        return np.pad(piece, (0, count - len(piece))).astype("<i2").tobytes()

    def _choose(self, mix: NDArray[np.float32], now_ns: int) -> None:
        """Choose whom to decode; who falls out fades out."""
        voices = self._voices
        if len(voices) <= MOST_VOICES:
            self._chosen = voices
            return
        self._until_choice -= 1
        if self._until_choice > 0 and all(voice in voices for voice in self._chosen):
            return
        self._until_choice = _CHOOSE_EVERY
        before = self._chosen
        self._chosen = loudest(voices, before, now_ns)
        for voice in voices:
            if voice in before and voice not in self._chosen:
                samples = voice.pull(len(mix), now_ns)
                if samples is not None:
                    mix += samples * np.linspace(1.0, 0.0, len(mix), dtype=np.float32)
            if voice not in before or voice not in self._chosen:
                voice.rest(now_ns)

    def _add_chime(self, mix: NDArray[np.float32]) -> None:
        if self._rung:
            self._chime, self._rung = chime(), False
        if self._chime is None:
            return
        piece, rest = self._chime[: len(mix)], self._chime[len(mix) :]
        mix[: len(piece)] += piece
        self._chime = rest if len(rest) else None

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


def loudest(voices: tuple[Voice, ...], before: tuple[Voice, ...], now_ns: int) -> tuple[Voice, ...]:
    """Return the `MOST_VOICES` to be heard; of two about as loud, the one that is heard already."""

    def rank(voice: Voice) -> float:
        loudness = voice.loudness(now_ns)
        return -loudness - (_STAY_DB if voice in before and loudness > SILENT_DB else 0.0)

    return tuple(sorted(voices, key=rank)[:MOST_VOICES])
