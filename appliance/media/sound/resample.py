"""Reading samples between samples, at a speed near 1: how one clock's sound is had on another's.

A Farrow structure: each tap of a windowed sinc is a polynomial of the fractional delay. Within a block the delay moves
by a fraction of a sample only, so the block's output is a cubic in time between four fixed filters.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import Floats

HALF = 20
"""Samples needed before the first and after the last position."""
_MOST_DRIFT = 0.5
"""Samples by which the reading point may drift in one go; more is cut in two."""
_DEGREE = 10
Doubles = NDArray[np.float64]


def read(samples: Floats, position: float, speed: float, count: int) -> Floats:
    """Return `count` samples at position, position + speed, ...; `HALF` more must lie on either side.

    Positions count from the first of `samples`. A whole position at speed 1 is a plain copy.
    """
    drift = (speed - 1) * count
    first = int(np.floor(position))
    if drift == 0 and position == first:
        return samples[first : first + count].copy()
    if abs(drift) > _MOST_DRIFT:
        half = count // 2
        rest = read(samples, position + half * speed, speed, count - half)
        return np.concatenate((read(samples, position, speed, half), rest))
    reach = max(abs(drift) / 2, 1e-9)
    nodes = position - first + drift / 2 + reach * _AT
    filters = _FIT @ _powers(nodes) @ _table()
    piece = np.ascontiguousarray(samples[first - HALF + 1 : first + HALF + count], np.float32)
    # as as_strided would, in a tenth of its time
    windows: Floats = np.ndarray((2 * HALF, count), np.float32, piece.data, 0, (4, 4))
    # BLAS wants rows of their own; without it this product takes three times as long
    cubic = filters.astype(np.float32) @ windows.copy()
    cubic *= _ramps(count, 1.0 if drift >= 0 else -1.0)
    return np.asarray(np.add.reduce(cubic, axis=0), np.float32)


@functools.lru_cache(maxsize=16)
def _ramps(count: int, end: float) -> Floats:
    """Return the powers of the block's time, towards `end`: (4, count)."""
    time = np.linspace(-end, end, count, endpoint=False)
    return np.asarray(np.vander(time, 4, increasing=True).T, np.float32, order="C")


def _powers(values: Doubles) -> Doubles:
    powers = np.ones((len(values), _DEGREE + 1))
    powers[:, 1:] = values[:, None] - 0.5
    return np.asarray(np.multiply.accumulate(powers, axis=1), np.float64)


def _sinc(fractions: Doubles) -> Doubles:
    """Return the filter that delays by each fraction, (fractions, 2 * HALF), with unit gain at zero frequency."""
    away = fractions[:, None] - np.arange(-HALF + 1, HALF + 1)[None, :]
    # Blackman-Harris, moving along with the sinc
    angle = np.pi * np.clip(away / (HALF + 0.5), -1, 1)
    window = 0.35875 + 0.48829 * np.cos(angle) + 0.14128 * np.cos(2 * angle) + 0.01168 * np.cos(3 * angle)
    filters = np.sinc(away) * window
    return np.asarray(filters / filters.sum(axis=1, keepdims=True), np.float64)


@functools.cache
def _table() -> Doubles:
    """Return each tap's polynomial: (degree + 1, 2 * HALF), fitted a little beyond the fractions 0 to 1."""
    fractions = 0.5 + 0.8 * np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    return np.asarray(np.linalg.lstsq(_powers(fractions), _sinc(fractions))[0], np.float64)


# Chebyshev's nodes on -1 to 1, and what turns values there into a cubic's coefficients
_AT = np.cos(np.pi * (2 * np.arange(4) + 1) / 8)
_FIT = np.linalg.inv(np.vander(_AT, increasing=True))
