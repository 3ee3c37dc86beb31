"""Tells Chromium's fake camera and microphone in what arrived at the far end.

The camera draws into the luma plane only (both chroma planes are 0, so everything is green): luma 0 behind, a pie of
luma 255 in the middle, four patches in the corners and a clock. The microphone beeps twice a second for 20 ms, a
400 Hz square wave, so 1200 and 2000 Hz sound too and nothing even does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BEEP_HZ = 400
BEEP_EVERY_S = 0.5
_HOP_S, _WINDOW_S = 0.005, 0.02
_LOOK_S = 4.0
"""The fake clock drifts against the period by a few ms a second: longer recordings are looked at piece by piece."""


def looks_like_fake_camera(rgb: NDArray[np.uint8]) -> bool:
    """Tell whether an RGB picture is the fake camera's; up to a tenth may be covered by names and rounded corners."""
    red, green, blue = (rgb[..., channel].astype(np.int16) for channel in range(3))
    only_green = (green - np.maximum(red, blue) > 80) & (blue < 110)
    behind = only_green & (green < 180)
    pie = only_green & (green > 215)
    return bool(behind.mean() + pie.mean() > 0.9 and behind.mean() > 0.5 and 0.005 < pie.mean() < 0.5)


def has_beep(pcm: NDArray[Any], rate: int) -> bool:
    """Tell whether the fake microphone's beep is in mono PCM, also under a steady tone, after an Opus or two."""
    sound = np.asarray(pcm, np.float64)
    look = int(_LOOK_S * rate)
    pieces = [sound[start : start + look] for start in range(0, max(1, len(sound) - look // 2), look)]
    return any(_beeps(piece, rate) for piece in pieces)


def _beeps(sound: NDArray[np.float64], rate: int) -> bool:
    periods = int(len(sound) / rate / BEEP_EVERY_S)
    if periods < 3:
        return False
    odd = _power(sound, rate, 3 * BEEP_HZ) + _power(sound, rate, 5 * BEEP_HZ)
    even = _power(sound, rate, 2 * BEEP_HZ) + _power(sound, rate, 4 * BEEP_HZ)
    bins = round(BEEP_EVERY_S / _HOP_S)
    table = odd[: len(odd) // bins * bins].reshape(-1, bins)
    folded = table.sum(axis=0)
    width = round(0.06 / _HOP_S)
    start = int(np.argmax(_circular_sums(folded, width)))
    when = (start + np.arange(width)) % bins
    inside = table[:, when].sum(axis=1)
    outside = even[: len(odd) // bins * bins].reshape(-1, bins)[:, when].sum()
    # At its moment twice a second, in most periods, and with odd harmonics only.
    regular = inside.sum() > 0.5 * folded.sum()
    often = np.mean(inside > 0.1 * inside.max()) > 0.6
    return bool(inside.sum() > 0 and regular and often and inside.sum() > 2 * outside)


def _circular_sums(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.asarray([np.roll(values, -start)[:width].sum() for start in range(len(values))])


def _power(sound: NDArray[np.float64], rate: int, hz: int) -> NDArray[np.float64]:
    """Return the power at one frequency, a value every hop."""
    window = round(_WINDOW_S * rate)
    wave = np.exp(-2j * np.pi * hz * np.arange(len(sound)) / rate) * sound
    summed = np.concatenate([[0], np.cumsum(wave)])
    starts = (np.arange(0, len(sound) - window, _HOP_S * rate)).astype(int)
    return np.abs(summed[starts + window] - summed[starts]) ** 2
