"""A linear echo canceller before WebRTC's, so that less is left to suppress when both ends talk at once.

The partitioned-block frequency-domain adaptive Kalman filter: G. Enzner and P. Vary, "Frequency-domain adaptive Kalman
filter for acoustic echo control in hands-free telephones", Signal Processing 86(6), 2006; partitions after F. Kuech,
E. Mabande, G. Enzner, "State-space architecture of the partitioned-block-based acoustic echo controller", ICASSP 2014.
It stands on both devices having one clock: it learns slower than two clocks drift apart.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import BLOCK, Floats

_TAIL_BLOCKS = 24
"""0.24 s of echo."""
_CONSTRAINED = 4
"""Partitions that are cut back to their length in each block, in turn: costs a sixth, and does the same."""
_FORGETTING = 0.9995
_SMOOTH = 0.7
_SURE = 1e-3
_BINS = BLOCK + 1


class EchoFilter:
    """One for each bare microphone."""

    def __init__(self) -> None:
        self._played: NDArray[np.complex64] = np.zeros((_TAIL_BLOCKS, _BINS), np.complex64)
        self._filter: NDArray[np.complex64] = np.zeros((_TAIL_BLOCKS, _BINS), np.complex64)
        # rooms die away: later parts of the echo path are expected to be smaller
        decay = np.exp(-np.arange(_TAIL_BLOCKS) / 8.0).astype(np.float32)
        self._variance: Floats = np.repeat((0.1 * decay)[:, None], _BINS, axis=1)
        self._disturbance: Floats = np.full(_BINS, 1e4, np.float32)
        self._before = np.zeros(BLOCK, np.float32)
        self._turn = 0

    def process(self, captured: Floats, played: Floats) -> Floats:
        """Return captured without the echo as far as it is understood; all of (BLOCK,)."""
        self._played = np.roll(self._played, 1, axis=0)
        self._played[0] = np.fft.rfft(np.concatenate((self._before, played)))
        self._before = played
        spectra = self._played
        echo = np.fft.irfft(np.einsum("pk,pk->k", spectra, self._filter))[BLOCK:]
        left = captured - echo
        self._learn(np.fft.rfft(np.concatenate((np.zeros(BLOCK, np.float32), left))).astype(np.complex64))
        return np.asarray(left, np.float32)

    def _learn(self, error: NDArray[np.complex64]) -> None:
        spectra = self._played
        power = np.square(spectra.real) + np.square(spectra.imag)
        expected = np.einsum("pk,pk->k", power, self._variance)
        loud = np.square(error.real) + np.square(error.imag)
        self._disturbance += (1 - _SMOOTH) * (loud - self._disturbance)
        gain = self._variance / (0.5 * expected + self._disturbance + 1e3)
        update = gain * np.conj(spectra)
        self._filter += update * error
        self._variance *= 1 - 0.5 * gain * power
        size = np.square(self._filter.real) + np.square(self._filter.imag)
        self._variance *= _FORGETTING**2
        self._variance += (1 - _FORGETTING**2) * size
        self._constrain()

    def _constrain(self) -> None:
        turn = slice(self._turn, self._turn + _CONSTRAINED)
        paths = np.fft.irfft(self._filter[turn], axis=1)
        paths[:, BLOCK:] = 0
        self._filter[turn] = np.fft.rfft(paths, axis=1)
        self._turn = (self._turn + _CONSTRAINED) % _TAIL_BLOCKS
