"""The "joining soon" chime: two soft bell notes, made here, so no sound file is needed."""

import numpy as np

from appliance.media.libopus import Samples
from appliance.media.rtc.frames import AUDIO_CLOCK

_NOTES = ((0.0, 659.26), (0.22, 987.77))
"""When each begins, in seconds, and its pitch: E5, then B5."""
_SECONDS = 1.4
_PEAK = 9000


def chime() -> Samples:
    """Return the chime's samples, mono."""
    sound = np.zeros(int(_SECONDS * AUDIO_CLOCK))
    for start, pitch in _NOTES:
        begin = int(start * AUDIO_CLOCK)
        t = np.arange(len(sound) - begin) / AUDIO_CLOCK
        # a bell: partials die faster the higher they are; a short attack, so that it does not click
        note = sum(
            weight * np.sin(2 * np.pi * pitch * partial * t) * np.exp(-t * 4.0 * partial)
            for partial, weight in ((1, 1.0), (2, 0.35), (3, 0.12))
        )
        sound[begin:] += note * np.minimum(1.0, t / 0.008)
    fade = np.minimum(1.0, (len(sound) - np.arange(len(sound))) / (0.1 * AUDIO_CLOCK))
    return np.asarray(sound * fade / np.abs(sound).max() * _PEAK, dtype=np.int16)
