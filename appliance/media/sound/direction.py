"""Where a voice comes from: steered response power with phase transform.

J. DiBiase, "A high-accuracy, low-latency technique for talker localization in reverberant environments using
microphone arrays", Brown University, 2000. Far field, in the plane of the array.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import BLOCK, BLOCK_S, Floats, spectrum
from hardware.ports import SAMPLE_RATE

SPEED_OF_SOUND = 343.0
STEP_DEG = 5.0
_WINDOW, _HOP = 1536, 768
_LOWEST_HZ, _HIGHEST_HZ = 300, 6000
_BINS = slice(_LOWEST_HZ * _WINDOW // SAMPLE_RATE, _HIGHEST_HZ * _WINDOW // SAMPLE_RATE + 1)
_HZ = np.arange(_BINS.start, _BINS.stop) * SAMPLE_RATE / _WINDOW
_SILENT = 1e-3
"""Of a spectrum: what is weaker has no phase."""
_KEPT = -(-_WINDOW // BLOCK)
"""Blocks that hold a window."""
_SMOOTH = 0.9
_HOLD_S = 0.3
_LEAST = 0.12
"""Of 1: what a direction must have of the power that a single talker without any room would."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """A direction as seen by somebody who faces where the camera looks."""

    degrees: float
    """0 is straight ahead, + to the right, -180 to 180."""
    confidence: float
    """0 to 1."""


class DirectionFinder:
    """Listens to bare microphones; answers while somebody talks and for a moment after."""

    def __init__(self, places: tuple[tuple[float, float], ...]) -> None:
        """Take the microphones' places in metres, to the right and to the front; two at least."""
        at = np.array(places)
        self._grid = _grid(at)
        self._one, self._other = np.triu_indices(len(at), 1)
        self._steering = _steering(at, self._grid, self._one, self._other)
        self._taper = np.hanning(_WINDOW).astype(np.float32)
        silence = np.zeros((len(at), BLOCK), np.float32)
        self._recent = deque([silence] * _KEPT, maxlen=_KEPT)
        self._new = 0
        self._map = np.zeros(len(self._grid), np.float32)
        self._held_for_s = _HOLD_S
        self._bearing: Bearing | None = None

    def hear(self, block: Floats, *, voiced: bool) -> Bearing | None:
        """Take (BLOCK, microphones) to keep; return where the voice is or was until now, None when there is none."""
        self._recent.append(block.T)
        self._new += BLOCK
        self._held_for_s += BLOCK_S
        if voiced and self._new >= _HOP:
            self._new = 0
            self._look()
        if self._held_for_s > _HOLD_S:
            self._bearing = None
            self._map[:] = 0
        return self._bearing

    def _look(self) -> None:
        recent = np.concatenate(self._recent, axis=1)[:, -_WINDOW:]
        phases = spectrum(recent * self._taper)[:, _BINS]
        phases /= np.abs(phases) + _SILENT
        cross = phases[self._one] * np.conj(phases[self._other])
        power = self._steering @ cross.view(np.float32).ravel()
        # the first look counts in full, else the map would begin flat
        fresh = 1.0 if not self._map.any() else 1 - _SMOOTH
        self._map += fresh * (power - self._map)
        best = int(np.argmax(self._map))
        top = float(self._map[best])
        if top >= _LEAST:
            self._bearing = Bearing(self._refined(best), min(top, 1.0))
            self._held_for_s = 0.0

    def _refined(self, best: int) -> float:
        """Return the top of the parabola through the best direction and its neighbours."""
        count = len(self._grid)
        degrees = float(self._grid[best])
        whole_circle = count == round(360 / STEP_DEG)
        if whole_circle or 0 < best < count - 1:
            before, top, after = (float(self._map[(best + step) % count]) for step in (-1, 0, 1))
            bend = before - 2 * top + after
            if bend < 0:
                degrees += STEP_DEG * 0.5 * (before - after) / bend
        return (degrees + 180) % 360 - 180


def _grid(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions to try. A line cannot tell its two sides apart: then only those further to the front."""
    grid: NDArray[np.float64] = np.arange(-180, 180, STEP_DEG)
    _, sizes, axes = np.linalg.svd(at - at.mean(axis=0), full_matrices=False)
    if len(sizes) > 1 and sizes[1] > 0.1 * sizes[0]:
        return grid
    axis_deg = np.degrees(np.arctan2(axes[0, 0], axes[0, 1]))
    mirrored = (2 * axis_deg - grid + 180) % 360 - 180
    further = np.abs(grid) - np.abs(mirrored)
    # two sides equally far to the front, as of a line that points there: the right one
    return np.asarray(grid[(further < -1e-6) | ((np.abs(further) <= 1e-6) & (grid >= 0))], np.float64)


def _steering(
    at: NDArray[np.float64], grid: NDArray[np.float64], one: NDArray[np.intp], other: NDArray[np.intp]
) -> Floats:
    """Return (directions, pairs * bins * 2): what a plane wave's phases look like, each real and then imaginary."""
    angle = np.radians(grid)
    ahead_m = np.stack((np.sin(angle), np.cos(angle)), axis=1) @ (at[one] - at[other]).T
    turns = ahead_m[:, :, None] / SPEED_OF_SOUND * _HZ
    phases = np.exp(2j * np.pi * turns).reshape(len(grid), -1)
    return np.asarray((phases / phases.shape[1]).astype(np.complex64).view(np.float32))
