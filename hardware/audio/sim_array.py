"""`sim:array?channels=4&direction=30&geometry=circle:0.0325`: an array that hears a voice from one direction.

Each microphone hears it as early or late as a plane wave from there would reach its place, to a fraction of a sample:
what finds directions and forms beams can be shown without a device.
"""

import time
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hardware.audio.arrays import SPEED_OF_SOUND, from_geometry
from hardware.pace import Pace
from hardware.ports import BACKLOG, BLOCK, SAMPLE_RATE, Array, AudioBlock
from hardware.uri import DeviceUri

_BLOCKS = 400
"""Four seconds, then the same again: the voice is made to fit, so that it does not click."""
_PITCH_HZ = 130.0
_FORMANTS = ((650.0, 90.0, 1.0), (1080.0, 110.0, 0.6), (2650.0, 170.0, 0.35))
"""Of a man's open a: middle and width in Hz, and how strong."""
_PEAK = 9000
_NOISE_RMS = 12
"""What each microphone adds of its own: about 57 dB below the voice."""


class SimulatedArray:
    """Hears somebody say "a, a, a" in the direction asked for: degrees to the right of where the camera looks."""

    simulated = True
    id = ""
    xruns = 0

    def __init__(self, uri: DeviceUri) -> None:
        uri.only("channels", "direction", "geometry")
        self.channels = uri.integer("channels", 4, 2, 16)
        self._direction = uri.integer("direction", 0, 0, 359)
        self.name = f"Simulated array ({self.channels} microphones)"
        places = from_geometry(uri, self.channels)
        self.array = Array(self.name, tuple(range(self.channels)), places)
        self._pace = Pace(BLOCK / SAMPLE_RATE, backlog=BACKLOG)

    @property
    def dropped(self) -> int:
        return self._pace.skipped

    def __enter__(self) -> Self:
        self._sound = heard(self.array.places, self._direction)
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        del self._sound

    def read(self, timeout_s: float) -> AudioBlock | None:
        tick = self._pace.wait(timeout_s)
        if tick is None:
            return None
        first = tick % _BLOCKS * BLOCK
        return AudioBlock(self._sound[first : first + BLOCK].tobytes(), time.monotonic_ns(), self.channels)


def heard(places: tuple[tuple[float, float], ...], direction: float) -> NDArray[np.int16]:
    """Return what microphones at these places hear of a far voice: samples by channels, one round of it."""
    angle = np.radians(direction)
    towards = np.array([np.sin(angle), np.cos(angle)])
    delays_s = -(np.array(places) @ towards) / SPEED_OF_SOUND
    frequencies = np.fft.rfftfreq(_BLOCKS * BLOCK, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(_voice())
    turns = np.exp(-2j * np.pi * frequencies[:, None] * delays_s)
    sound = np.fft.irfft(spectrum[:, None] * turns, _BLOCKS * BLOCK, axis=0)
    noise = np.random.default_rng(1).normal(0, _NOISE_RMS, sound.shape)
    return np.clip(sound + noise, -32768, 32767).astype("<i2")


def _voice() -> NDArray[np.float64]:
    """Return syllables of a vowel: the harmonics of a wavering pitch, as strong as the formants let them through."""
    t = np.arange(_BLOCKS * BLOCK) / SAMPLE_RATE
    # two wavers and eight syllables in the round, so that its end meets its beginning
    phase = 2 * np.pi * _PITCH_HZ * t + 4 * np.sin(2 * np.pi * t / 2)
    voice = np.zeros_like(t)
    for harmonic in range(1, 40):
        hz = harmonic * _PITCH_HZ
        gain = sum(weight / (1 + ((hz - middle) / width) ** 2) for middle, width, weight in _FORMANTS)
        voice += gain * np.sin(harmonic * phase)
    voice *= np.clip(np.sin(2 * np.pi * 2 * t), 0, None) ** 0.5
    return np.asarray(voice * (_PEAK / np.abs(voice).max()), np.float64)
