"""What bare microphones say before anything is made of it: without what converters add, and which of them are dead."""

import numpy as np
from numpy.typing import NDArray

from appliance.media.sound.blocks import BLOCK, FULL_SCALE, Floats, Shorts

_FOLLOW = 0.01
"""How fast offsets and powers are followed, for each block: within a second."""
_LOUD = (10 ** (-50 / 20) * FULL_SCALE) ** 2
"""Power that only sound has: in a quiet room a dead microphone is as loud as the others."""
_DEAD, _ALIVE = 0.003, 0.03
"""Of the loudest one's power."""


class BareMicrophones:
    """Some channels of one device."""

    def __init__(self, count: int) -> None:
        self._offset: Floats = np.zeros((count, 1), np.float32)
        self._power: NDArray[np.float64] = np.zeros(count)
        self.dead: tuple[int, ...] = ()
        self.leader = 0
        """Which of them stands for all where one is enough, and for the dead: the first that is alive."""

    def take(self, captured: Shorts) -> tuple[Floats, float]:
        """Take (BLOCK, microphones); return it without offset as (microphones, BLOCK), and the loudest one's power.

        An offset is no sound, but any power would be full of it.
        """
        bare = np.ascontiguousarray(captured.T, np.float32)
        bare -= self._offset
        self._offset += _FOLLOW / BLOCK * np.add.reduce(bare, axis=1, keepdims=True)
        power = np.vecdot(bare, bare) / BLOCK
        loudest = float(power.max())
        if loudest > _LOUD and len(power) > 1:
            self._compare(power)
        if self.dead:
            bare[list(self.dead)] = 0
        return bare, loudest

    def replaced(self, captured: Shorts) -> Shorts:
        """Return (BLOCK, microphones) with the leader's sound for that of the dead.

        WebRTC finds the echo's delay in the first channel and has one gain for all: a dead one would spoil both.
        """
        if not self.dead:
            return captured
        whole = captured.copy()
        whole[:, self.dead] = captured[:, self.leader, None]
        return whole

    def _compare(self, power: NDArray[np.floating]) -> None:
        self._power += _FOLLOW * (power - self._power)
        shares = (self._power / self._power.max()).tolist()
        dead = tuple(
            number for number, share in enumerate(shares) if share < (_ALIVE if number in self.dead else _DEAD)
        )
        if dead != self.dead:
            self.dead = dead
            self.leader = next(number for number in range(len(shares)) if number not in dead)


def without_stuck(captured: Shorts) -> Shorts:
    """Return (BLOCK, channels) with silence for a channel that stands at one value.

    At the end of the scale the canceller would take the whole array for overdriven.
    """
    return np.where((captured == captured[0]).all(axis=0), np.int16(0), captured)
