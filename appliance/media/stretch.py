"""Sound a little longer or shorter, without a click and at the same pitch: a period is repeated or left out (WSOLA)."""

import numpy as np
from numpy.typing import NDArray

from appliance.media.libopus import RATE, Samples

SHORTEST, LONGEST = RATE * 25 // 10_000, RATE * 15 // 1000
"""Periods looked for: 2.5 to 15 ms, voices of 67 to 400 Hz and multiples of higher ones."""
MATCHED = RATE * 5 // 1000
"""How much must look alike."""
LEAST = LONGEST + MATCHED
"""Samples needed."""
_ALIKE = 0.9
_QUIET = 60.0
"""RMS of s16 under which nobody hears what is done: -55 dB."""
_COARSE = 4

_Sound = NDArray[np.float32]


def shortened(samples: Samples, *, force: bool = False) -> Samples:
    """Return the samples less one period, or as they are if they have none; `force` takes the best there is."""
    if len(samples) < LEAST:
        return samples
    sound = samples.astype(np.float32)
    found = _period(sound[:MATCHED], sound[SHORTEST:LEAST], force=force)
    if found is None:
        return samples
    lag = SHORTEST + found
    overlap = min(lag, len(sound) - lag)
    return _joined(sound[:overlap], sound[lag:])


def lengthened(before: Samples, samples: Samples, *, force: bool = False) -> Samples:
    """Return the samples with one period more, or as they are; `before` is what was played last."""
    if len(before) < LONGEST or len(samples) < MATCHED:
        return samples
    sound = np.concatenate((before[-LONGEST:], samples)).astype(np.float32)
    found = _period(sound[LONGEST : LONGEST + MATCHED], sound[: LEAST - SHORTEST], force=force)
    if found is None:
        return samples
    overlap = min(LONGEST - found, len(samples))
    return _joined(sound[LONGEST : LONGEST + overlap], sound[found:])


def _period(pattern: _Sound, where: _Sound, *, force: bool) -> int | None:
    """Return where the pattern is found again, first roughly, then exactly."""
    rough, _ = _best(pattern[::_COARSE], where[::_COARSE])
    start = max(rough * _COARSE - _COARSE, 0)
    near = where[start : rough * _COARSE + _COARSE + len(pattern)]
    exact, likeness = _best(pattern, near)
    quiet = float(np.sqrt(np.mean(np.square(pattern)))) < _QUIET
    return start + exact if force or quiet or likeness > _ALIKE else None


def _best(pattern: _Sound, where: _Sound) -> tuple[int, float]:
    """Return the place of the highest normalised correlation, and its value."""
    products = np.correlate(where, pattern, "valid")
    power = np.concatenate(([0.0], np.cumsum(np.square(where, dtype=np.float64))))
    energy = power[len(pattern) :] - power[: -len(pattern)]
    likeness = products / np.sqrt(np.maximum(energy * np.sum(np.square(pattern, dtype=np.float64)), 1.0))
    best = int(np.argmax(likeness))
    return best, float(likeness[best])


def _joined(fading: _Sound, rest: _Sound) -> Samples:
    """Cross-fade from one sound into another."""
    rise = np.linspace(0.0, 1.0, len(fading), endpoint=False, dtype=np.float32)
    rest = rest.copy()
    rest[: len(fading)] = fading * (1 - rise) + rest[: len(fading)] * rise
    return rest.round().astype(np.int16)
