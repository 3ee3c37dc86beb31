"""How much later a sound is in the microphone than in the reference: cross-correlation with phase transform.

C. Knapp and G. Carter, "The generalized correlation method for estimation of time delay", IEEE Trans. ASSP 24(4), 1976.
"""

from typing import NamedTuple

import numpy as np

from appliance.media.sound.blocks import Floats, spectrum, waveform
from hardware.ports import SAMPLE_RATE

WINDOW = 1 << 16
"""Samples compared at a time: 1.37 s."""
MOST_S = 0.6
_COARSER = 2
"""The correlation needs no more than half of the rate: there is no speech above 8 kHz worth the time."""
_LOWEST_HZ, _HIGHEST_HZ = 200, 7000
_BINS = slice(_LOWEST_HZ * WINDOW // SAMPLE_RATE, _HIGHEST_HZ * WINDOW // SAMPLE_RATE)
_TAPER = np.hanning(WINDOW // _COARSER).astype(np.float32)
_REACH = int(MOST_S * SAMPLE_RATE / _COARSER)


class Lag(NamedTuple):
    """One look."""

    samples: float
    """By which the microphone is later; negative when the reference comes too late."""
    clear: float
    """How far the peak stands out of the rest of the correlation: below 8 it may be chance."""


def lag(reference: Floats, microphone: Floats) -> Lag:
    """Compare the last `WINDOW` samples of both. Takes some milliseconds."""
    one, other = (spectrum(_coarser(it[-WINDOW:]) * _TAPER)[_BINS] for it in (reference, microphone))
    cross = other * np.conj(one)
    weight = np.abs(cross)
    # where the reference is silent its phase is noise
    power = np.abs(one)
    weight = np.maximum(weight, 1e-9 + 0.02 * float(np.mean(weight)))
    whole = np.zeros(WINDOW // _COARSER // 2 + 1, np.complex64)
    whole[_BINS] = cross / weight * (power > 0.1 * float(np.mean(power)))
    correlation = waveform(whole)
    near = np.concatenate((correlation[-_REACH:], correlation[: _REACH + 1]))
    peak = int(np.argmax(np.abs(near)))
    spread = float(np.sqrt(np.mean(np.square(near)))) + 1e-12
    return Lag((peak - _REACH + _vertex(np.abs(near), peak)) * _COARSER, float(abs(near[peak])) / spread)


def _coarser(samples: Floats) -> Floats:
    """Return half as many. What is folded back comes from above 17 kHz, where there is no speech."""
    return samples[::2] + samples[1::2]


def _vertex(values: Floats, peak: int) -> float:
    """Return the top of the parabola through the peak and its neighbours, relative to it."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = (float(values[peak + step]) for step in (-1, 0, 1))
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
