"""Whether sound was lost while the sweep was recorded: a busy machine leaves gaps, and then every figure is wrong.

Silence slipped in moves what comes after it. The sweep's high notes then say when the loudspeaker began, and its low
ones seem to have been heard before that, which no room can do: that is measured. A piece that was cut out does little
harm to the figures; of a long one the blocks' times tell (`media/soundcheck.py`). A hole is plain digital silence.
"""

import numpy as np

from appliance.media.sound.acoustics import Doubles
from hardware.ports import BLOCK, SAMPLE_RATE

_BEFORE_S, _MARGIN = 0.25, 96
"""The second harmonic's response lies earlier still; rounding and filters spread a little."""
_MOST_EARLY = 0.03
"""Of the sound's power. Rooms, noise 12 dB below the sweep and loudspeakers that distort by 20 % stay below 0.004; 5 ms
of silence slipped in between 200 Hz and 6 kHz gives at least 0.09; what is higher no figure is about."""
_HOLES = 3
"""Blocks of nothing at all while the sweep is heard: 30 ms."""
_LOW_S = 0.5
"""The sweep's lowest notes a small loudspeaker leaves out, and a microphone's own gate may shut for them."""


def has_gaps(channel: Doubles, linear: Doubles, wave: Doubles, direct: int) -> bool:
    """Judge a microphone's sound by its response `linear` to the sweep `wave`, first heard at the sample `direct`."""
    heard = channel[direct : direct + len(wave)]
    return _early_share(heard, linear, wave, direct) > _MOST_EARLY or _holes(heard) >= _HOLES


def _early_share(heard: Doubles, linear: Doubles, wave: Doubles, direct: int) -> float:
    """Return how much of what was heard is explained only by a loudspeaker that was heard before it played."""
    first = max(direct - int(_BEFORE_S * SAMPLE_RATE), 0)
    early = linear[first : max(direct - _MARGIN, first)]
    power = float(np.sum(np.square(heard)))
    if not len(early) or power <= 0:
        return 0.0
    size = 1 << (len(early) + len(wave)).bit_length()
    sound = np.fft.irfft(np.fft.rfft(early, size) * np.fft.rfft(wave, size), size)[direct - first :][: len(heard)]
    return float(np.sum(np.square(sound))) / power


def _holes(heard: Doubles) -> int:
    later = heard[int(_LOW_S * SAMPLE_RATE) :]
    blocks = later[: len(later) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return int(np.count_nonzero(~blocks.any(axis=1)))
