"""Simulated rooms with talkers in them: speech by espeak-ng, echoes by pyroomacoustics, a clock for each device.

Everything follows from its arguments, so each run of a row hears the same.
"""

import functools
import io
import random
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyroomacoustics
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter, resample_poly

from hardware.ports import AudioBlock

RATE, BLOCK = 48_000, 480
VOICES = ("en-us+m3", "en-gb+f2", "en-gb-scotland+m7", "en-us+f4", "en-029+m1", "en-gb-x-rp+f5")
SQUARE = tuple((0.0325 * x, 0.0325 * y) for x, y in ((1, 1), (1, -1), (-1, -1), (-1, 1)))
"""Four microphones on a square of 65 mm, like the ReSpeaker's."""
_SABINE = 1.04
# the first of the Harvard sentences (IEEE Recommended Practice for Speech Quality Measurements, 1969)
_SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "The source of the huge river is the clear spring.",
    "Kick the ball straight and follow through.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
)
Samples = NDArray[np.float64]


@functools.lru_cache(maxsize=64)
def speech(voice: str, seconds: float, seed: int, dbfs: float = -26.0) -> Samples:
    """Return somebody who talks without long pauses, as loud as that while he talks; int16's scale."""
    order = random.Random(seed)
    words = [sentence for _ in range(4) for sentence in order.sample(_SENTENCES, len(_SENTENCES))]
    wanted = int(seconds * RATE)
    pieces: list[Samples] = []
    while sum(map(len, pieces)) < wanted:
        pieces.append(_spoken(voice, " ".join(words[:4])))
        words = words[4:]
    whole = np.concatenate(pieces)[:wanted]
    active = np.abs(whole) > 0.02 * np.abs(whole).max()
    loud = np.sqrt(np.mean(whole[active] ** 2))
    return np.asarray(whole / loud * 32768 * 10 ** (dbfs / 20), np.float64)


@functools.lru_cache(maxsize=256)
def _spoken(voice: str, words: str) -> Samples:
    made = subprocess.run(["espeak-ng", "-v", voice, "-s", "165", "--stdout", words], capture_output=True, check=True)
    # espeak-ng writes to a pipe, so the header's length is a guess
    with wave.open(io.BytesIO(made.stdout)) as file:
        rate, raw = file.getframerate(), file.readframes(1 << 24)
    return np.asarray(resample_poly(np.frombuffer(raw, "<i2").astype(float), 320, rate * 320 // RATE), np.float64)


@dataclass(frozen=True, slots=True)
class Place:
    """A room, and where everybody is in it."""

    rt60_s: float
    size: tuple[float, float, float] = (6.0, 4.0, 2.8)
    speaker: tuple[float, float, float] = (3.0, 0.3, 1.2)
    talker_deg: float = 20.0
    talker_m: float = 1.5
    other_deg: float = 140.0
    """Somebody else, as far away."""
    array: tuple[float, float, float] = (3.0, 1.7, 0.9)
    microphones: tuple[tuple[float, float], ...] = ((0.0, 0.0),)

    def towards(self, degrees: float) -> tuple[float, float, float]:
        """Return a mouth's place: 0 degrees is along the second axis, + to the first axis's right."""
        angle = np.radians(degrees)
        x, y, z = self.array
        return (x + self.talker_m * float(np.sin(angle)), y + self.talker_m * float(np.cos(angle)), z + 0.3)


@functools.lru_cache(maxsize=64)
def responses(place: Place) -> tuple[tuple[Samples, ...], ...]:
    """Return the impulse responses of loudspeaker, talker and other, each to all microphones."""
    # Sabine's formula promises more than the mirror images then have: asked for so much, T30 is what was wanted
    absorption, order = pyroomacoustics.inverse_sabine(place.rt60_s * _SABINE, place.size)
    room = pyroomacoustics.ShoeBox(
        place.size,
        fs=RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, 60),
        air_absorption=True,
    )
    x, y, z = place.array
    room.add_microphone_array(np.array([(x + right, y + front, z) for right, front in place.microphones]).T)
    for source in (place.speaker, place.towards(place.talker_deg), place.towards(place.other_deg)):
        room.add_source(source)
    room.compute_rir()
    return tuple(tuple(np.asarray(at[who], np.float64) for at in room.rir) for who in range(3))


def heard(signal: Samples, paths: tuple[Samples, ...]) -> Samples:
    """Return what each microphone hears of a source: (samples, microphones)."""
    return np.stack([fftconvolve(signal, path)[: len(signal)] for path in paths], axis=1)


def on_clock(signal: Samples, ppm: float) -> Samples:
    """Return what a device sampling that much faster takes of a signal that was on the nominal clock."""
    if ppm == 0:
        return signal
    positions = np.arange(int(len(signal) / (1 + abs(ppm) * 1e-6)) - 64) / (1 + ppm * 1e-6)
    whole = np.floor(positions).astype(int)
    taps = np.arange(-31, 33)
    padded = np.pad(signal, (31, 96))
    out = np.empty(len(positions))
    for begin in range(0, len(positions), 1 << 15):
        part = slice(begin, begin + (1 << 15))
        away = (positions[part] - whole[part])[:, None] - taps
        kernel = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * np.clip(away / 32.5, -1, 1)))
        out[part] = np.einsum("ij,ij->i", padded[whole[part][:, None] + taps + 31], kernel)
    return out


def noise(count: int, channels: int, dbfs: float, seed: int) -> Samples:
    """Return pink noise, different at each microphone."""
    white = np.random.default_rng(seed).standard_normal((count, channels))
    pink = lfilter([0.049922, -0.095993, 0.050612, -0.004409], [1, -2.494956, 2.017266, -0.522189], white, axis=0)
    return np.asarray(pink / np.sqrt(np.mean(pink**2)) * 32768 * 10 ** (dbfs / 20), np.float64)


@dataclass(frozen=True, slots=True)
class Clocks:
    """How the two devices count time, and how truly their callbacks say so."""

    drift_ppm: float = 0.0
    """By how much the microphone's is faster than the loudspeaker's."""
    delay_s: float = 0.25
    """From when the loudspeaker's driver says sound leaves it until it does."""
    jitter_s: float = 0.004
    """Callbacks are late by up to so much."""
    latency_s: float = 0.02
    """From the loudspeaker's callback until, as it says, sound leaves."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What went to the loudspeaker and what came from the microphones, int16, each on its own clock."""

    played: NDArray[np.int16]
    captured: NDArray[np.int16]
    """(samples, microphones)"""
    clocks: Clocks
    seed: int = 0

    def blocks(self) -> Iterator[tuple[bool, AudioBlock]]:
        """Yield (is it from the microphone, block) in the order in which the callbacks come."""
        rng = np.random.default_rng(self.seed)
        late = rng.uniform(0, self.clocks.jitter_s, (2, len(self.captured) // BLOCK + 80))
        out, inward = [], []
        for number in range(len(self.played) // BLOCK):
            stamp = (number + 1) * BLOCK / RATE + self.clocks.latency_s + late[0, number]
            at = stamp - 0.01 - self.clocks.latency_s
            out.append((at, False, _block(self.played[number * BLOCK : (number + 1) * BLOCK], stamp)))
        for number in range(len(self.captured) // BLOCK):
            stamp = (number + 1) * BLOCK / (RATE * (1 + self.clocks.drift_ppm * 1e-6)) + late[1, number]
            inward.append((stamp, True, _block(self.captured[number * BLOCK : (number + 1) * BLOCK], stamp)))
        for _, captured, block in sorted([*out, *inward], key=lambda it: it[:2]):
            yield captured, block


def _block(samples: NDArray[np.int16], stamp_s: float) -> AudioBlock:
    channels = samples.shape[1] if samples.ndim == 2 else 1
    return AudioBlock(samples.astype("<i2").tobytes(), int((1000 + stamp_s) * 1e9), channels)


def delayed(sound: Samples, seconds: float) -> Samples:
    """Return it later, as long as before."""
    count = round(seconds * RATE)
    return np.concatenate((np.zeros((count, *sound.shape[1:])), sound))[: len(sound)]


def as_int16(sound: Samples) -> NDArray[np.int16]:
    """Round, and clip what is too loud."""
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
