"""How much of a known talker is left in what a canceller gives, however late that comes and whatever else is in it."""

import numpy as np

from benchmarks.sound_scene import RATE, Samples

_SEGMENT = RATE // 2
_LATEST = RATE // 5
"""Samples by which it may be late: PipeWire takes 80 ms."""
_TALKS = 0.1
"""Of the talker's mean power: what has less is a pause."""


def loss_db(talker: Samples, out: Samples) -> float:
    """Return by how much the talker is weaker in `out`: the least-squares gain of each half second of him.

    Each has a delay of its own, where most of him is found, so that a stream that slips is not taken for a loss.
    """
    size = min(len(talker), len(out) - _LATEST)
    if size < _SEGMENT:
        raise ValueError(f"{len(out)} samples are too few to look for a talker")
    segments = [slice(at, at + _SEGMENT) for at in range(0, size - _SEGMENT + 1, _SEGMENT)]
    least = _TALKS * np.mean(talker[:size] ** 2) * _SEGMENT
    said = [part for part in segments if np.dot(talker[part], talker[part]) >= least]
    found = sum(_matching(talker[part], out[part.start : part.stop + _LATEST]) for part in said)
    return float(-20 * np.log10(found / sum(np.dot(talker[part], talker[part]) for part in said)))


def _matching(talker: Samples, out: Samples) -> float:
    """Return the greatest inner product of both, whichever way round, over all delays."""
    size = 1 << (len(talker) + len(out)).bit_length()
    products = np.fft.irfft(np.fft.rfft(out, size) * np.conj(np.fft.rfft(talker, size)), size)
    return float(np.abs(products[:_LATEST]).max())
