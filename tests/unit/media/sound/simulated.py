"""A made-up room for quick tests: noise that comes and goes like speech, and echoes that die away."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import BLOCK
from hardware.ports import SAMPLE_RATE, AudioBlock

Samples = NDArray[np.float64]


def babble(seconds: float, seed: int, level: float = 2000.0) -> Samples:
    """Pink-ish noise in syllables of a fifth of a second."""
    rng = np.random.default_rng(seed)
    count = int(seconds * SAMPLE_RATE)
    white = rng.standard_normal(count + 200)
    pink = np.convolve(white, np.exp(-np.arange(200) / 12), "valid")[:count]
    syllables = np.repeat(rng.uniform(0.05, 1, count // 9600 + 1), 9600)[:count]
    smooth = np.convolve(syllables, np.hanning(1920) / 960, "same")
    signal = pink * smooth
    return np.asarray(signal / np.sqrt(np.mean(signal**2)) * level, np.float64)


def path(rt60_s: float, seed: int, delay: int = 200, gain: float = 0.5) -> Samples:
    """An impulse response with its direct sound after `delay` samples."""
    count = int(rt60_s * SAMPLE_RATE)
    rng = np.random.default_rng(seed)
    tail = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail *= 0.7 / np.sqrt(np.sum(tail**2))
    response = np.concatenate((np.zeros(delay), [1.0], tail))
    return np.asarray(response * gain / np.sqrt(np.sum(response**2)), np.float64)


def echo(signal: Samples, response: Samples) -> Samples:
    size = 1 << (len(signal) + len(response)).bit_length()
    whole = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)
    return np.asarray(whole[: len(signal)], np.float64)


def later(signal: Samples, seconds: float) -> Samples:
    count = round(seconds * SAMPLE_RATE)
    return np.concatenate((np.zeros(count), signal))[: len(signal)]


def hiss(count: int, level: float, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(count) * level


def block(samples: NDArray[np.floating], at_s: float) -> AudioBlock:
    """A block whose last sample is at `at_s`."""
    channels = samples.shape[1] if samples.ndim == 2 else 1
    whole = np.clip(np.rint(samples), -32768, 32767).astype("<i2")
    return AudioBlock(whole.tobytes(), int((500 + at_s) * 1e9), channels)


def blocks(
    samples: NDArray[np.floating], *, ppm: float = 0.0, jitter_s: float = 0.0, seed: int = 0, offset_s: float = 0.0
) -> Iterator[AudioBlock]:
    """Cut a stream into blocks, stamped by a clock that is `ppm` fast, by callbacks that come late."""
    late = np.random.default_rng(seed).uniform(0, jitter_s, len(samples) // BLOCK + 1)
    for number in range(len(samples) // BLOCK):
        at_s = (number + 1) * BLOCK / (SAMPLE_RATE * (1 + ppm * 1e-6)) + late[number] + offset_s
        yield block(samples[number * BLOCK : (number + 1) * BLOCK], at_s)


def db(one: Samples, other: Samples) -> float:
    """By how much one is louder."""
    return float(10 * np.log10(np.mean(np.square(one)) / (np.mean(np.square(other)) + 1e-9)))
