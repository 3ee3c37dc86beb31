"""What every stage agrees on: the rate, the block, and how loud something is."""

import math

import numpy as np
from numpy.typing import NDArray

from hardware.ports import SAMPLE_RATE

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]
Spectrum = NDArray[np.complex64]

BLOCK = SAMPLE_RATE // 100
"""Samples of 10 ms: what WebRTC's audio processing takes at a time."""
BLOCK_S = BLOCK / SAMPLE_RATE
FULL_SCALE = 32768.0
SILENT_DBFS = -120.0
_RAMP = np.linspace(0, 1, BLOCK, dtype=np.float32)


def rms(samples: NDArray[np.floating] | Shorts) -> float:
    """Return the root mean square of int16 or of floats as large as int16; 1 is full scale."""
    flat = samples.astype(np.float32, copy=False).ravel()
    return math.sqrt(float(np.dot(flat, flat)) / max(len(flat), 1)) / FULL_SCALE


def dbfs(level: float) -> float:
    """Return a level of 0 to 1 in dB below full scale."""
    return 20 * math.log10(level) if level > 1e-6 else SILENT_DBFS


def shorts(samples: NDArray[np.floating]) -> Shorts:
    """Round to int16, without wrapping round."""
    whole: NDArray[np.floating] = np.rint(samples)
    np.maximum(whole, -32768, out=whole)
    np.minimum(whole, 32767, out=whole)
    return np.asarray(whole, np.int16)


def spectrum(samples: Floats) -> Spectrum:
    """Return the orthonormal spectrum along the last axis. With the usual norm NumPy would compute in double."""
    return np.asarray(np.fft.rfft(samples, norm="ortho"), np.complex64)


def waveform(of: Spectrum) -> Floats:
    """Return what has this orthonormal spectrum."""
    return np.asarray(np.fft.irfft(of, norm="ortho"), np.float32)


def glide(begin: float, end: float) -> Floats | np.float32:
    """Return gains from one block's to the next's, so that nothing clicks."""
    if begin == end:
        return np.float32(end)
    return np.asarray(begin + (end - begin) * _RAMP, np.float32)
