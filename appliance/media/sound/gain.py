"""As loud for the far end whoever talks from wherever: follows voices only, so neither echoes nor noise are raised.

WebRTC's own control is not used: with nobody in the room talking it raised what was left of the echo by 16 dB.
"""

import numpy as np

from appliance.media.sound.blocks import BLOCK_S, FULL_SCALE, Floats, dbfs, glide, rms

_WANTED_DBFS = -24.0
"""Of a voice's block, not of its pauses."""
_LEAST_DB, _MOST_DB = -6.0, 15.0
_UP_DB, _DOWN_DB = 2.0 * BLOCK_S, 6.0 * BLOCK_S
"""At most, in a block."""
_CEILING = 0.9 * FULL_SCALE
_RELEASE = 0.02


class GainControl:
    """Slow for the level, at once for what would clip."""

    def __init__(self) -> None:
        self._gain_db = 0.0
        self._limit = 1.0
        self._used = 1.0

    @property
    def gain_db(self) -> float:
        return self._gain_db

    def process(self, block: Floats, *, voiced: bool) -> Floats:
        """Return the block at its level; `voiced` when it is a voice of this room and nothing else."""
        level_db = dbfs(rms(block))
        if voiced and level_db > -55:
            off_db = _WANTED_DBFS - level_db - self._gain_db
            self._gain_db += min(max(0.02 * off_db, -_DOWN_DB), _UP_DB)
            self._gain_db = min(max(self._gain_db, _LEAST_DB), _MOST_DB)
        gain = float(10 ** (self._gain_db / 20))
        peak = float(np.abs(block).max()) * gain
        self._limit = min(_CEILING / peak if peak > _CEILING else 1.0, self._limit + _RELEASE)
        used = gain * self._limit
        # what comes too suddenly for a glide is turned down in whole
        out = block * (glide(self._used, used) if self._used * peak <= _CEILING * gain else np.float32(used))
        self._used = used
        return np.asarray(out, np.float32)
