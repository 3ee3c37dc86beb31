"""One microphone out of several, that listens where the voice is: a superdirective beam.

M. Brandstein and D. Ward (eds.), "Microphone Arrays", Springer 2001, chapter 2: the least power of diffuse noise for
an unchanged plane wave, with loading against the microphones' own noise and unlikeness.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import BLOCK, Floats, Shorts, spectrum, waveform
from appliance.media.sound.direction import SPEED_OF_SOUND
from hardware.ports import SAMPLE_RATE

LOADING = 0.3
_TURN_DEG = 7.0
"""Less than this is not worth turning."""
_FADE_BLOCKS = 12
_BINS = BLOCK + 1
_HZ = np.arange(_BINS) * SAMPLE_RATE / (2 * BLOCK)
Weights = NDArray[np.complex64]


class Beam:
    """Adds 10 ms of delay. Points ahead until it is steered."""

    def __init__(self, places: tuple[tuple[float, float], ...]) -> None:
        at = np.array(places)
        self._places = at - at.mean(axis=0)
        self._diffuse = _inverse_coherence(self._places)
        self.degrees = 0.0
        self._weights = self._old = self._towards(0.0)
        self._fading = 0
        self._taper = np.sqrt(np.hanning(2 * BLOCK + 1)[:-1]).astype(np.float32)
        self._window, self._next = (np.zeros((len(at), 2 * BLOCK), np.float32) for _ in range(2))
        self._overlap: Floats = np.zeros(BLOCK, np.float32)

    def steer(self, degrees: float) -> None:
        """Listen there from now on; turns within a tenth of a second."""
        if self._fading or abs((degrees - self.degrees + 180) % 360 - 180) < _TURN_DEG:
            return
        self.degrees = degrees
        self._old, self._weights = self._weights, self._towards(degrees)
        self._fading = _FADE_BLOCKS

    def process(self, block: Floats | Shorts) -> Floats:
        """Take (BLOCK, microphones); return what was heard 10 ms earlier, (BLOCK,)."""
        np.multiply(block.T, self._taper[BLOCK:], out=self._window[:, BLOCK:])
        np.multiply(block.T, self._taper[:BLOCK], out=self._next[:, :BLOCK])
        spectra = spectrum(self._window)
        spectra *= self._now()
        self._window, self._next = self._next, self._window
        whole = waveform(np.add.reduce(spectra, axis=0))
        whole *= self._taper
        out = self._overlap
        out += whole[:BLOCK]
        self._overlap = whole[BLOCK:]
        return out

    def _now(self) -> Weights:
        if not self._fading:
            return self._weights
        self._fading -= 1
        share = np.float32(self._fading / _FADE_BLOCKS)
        return np.asarray(share * self._old + (1 - share) * self._weights, np.complex64)

    def _towards(self, degrees: float) -> Weights:
        """Return each microphone's weights, conjugate: (microphones, bins)."""
        angle = np.radians(degrees)
        ahead_m = self._places @ np.array((np.sin(angle), np.cos(angle)))
        wave = np.exp(2j * np.pi * _HZ[:, None] * ahead_m[None, :] / SPEED_OF_SOUND)
        turned = np.einsum("kmn,kn->km", self._diffuse, wave)
        weights = turned / np.einsum("km,km->k", np.conj(wave), turned)[:, None]
        return np.ascontiguousarray(np.conj(weights).T, np.complex64)


def _inverse_coherence(places: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the inverse of the coherence of diffuse noise, loaded: (bins, microphones, microphones)."""
    apart_m = np.linalg.norm(places[:, None, :] - places[None, :, :], axis=2)
    coherence = np.sinc(2 * _HZ[:, None, None] * apart_m[None] / SPEED_OF_SOUND)
    return np.asarray(np.linalg.inv(coherence + LOADING * np.eye(len(places))), np.complex128)
