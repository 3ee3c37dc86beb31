"""Quietens the reverberation that is left of the far end's voice after its words, which WebRTC's model lets through.

A room's echo dies away exponentially, so what is expected of it is the played power through a leaky sum; the leak
(the reverberation time) and the coupling are learnt. Whatever is louder than that is somebody in the room, and passes.
"""

import math

from appliance.media.sound.blocks import BLOCK_S

_FLOOR = 1e-8
"""Power of full scale: -80 dB, below which nothing is learnt."""
_QUIETER_DB = 10.0
"""The reference is so far below the expected echo when only the room still sounds."""
_OVER_DB, _PLAIN_DB = 5.0, 9.0
"""So much louder than expected the microphone may be and still be all echo; and from when on it surely is not."""
_MOST_DB = 18.0
_HOLD, _NEAR_HOLD = 6, 20
"""Blocks: a tail goes on between two ripples, somebody in the room between two syllables."""
_LEARN_DB = 0.15
"""By which the coupling moves in a block; up more slowly than down, for near talkers only ever add."""
_UP = 0.6
_FALLING_FROM, _FALLING_TO = 4, 24
"""Blocks after the last word in which the decay is measured."""


class EchoTail:
    """A gain for each block."""

    def __init__(self) -> None:
        self._expected = 0.0
        self._coupling_db = 0.0
        self._known = 0
        self._rt60_s = 0.5
        self._since_word = 1000
        self._fall_from = (0.0, 0)
        self._hold = self._near = 0
        self._gain_db = self._over_db = 0.0

    def gain(self, played: float, captured: float) -> float:
        """Return by what to multiply a block, from the levels (0 to 1) of what was played and captured with it."""
        played, captured = played * played, captured * captured
        self._expected = self._expected * 10 ** (-6 * BLOCK_S / self._rt60_s) + played
        expected_db, captured_db, played_db = map(_db, (self._expected, captured, played))
        over_db = captured_db - expected_db - self._coupling_db
        tail = played_db < expected_db - _QUIETER_DB
        self._learn(expected_db, captured_db, tail=tail)
        self._over_db += 0.12 * (over_db - self._over_db)
        self._near = _NEAR_HOLD if self._over_db > _OVER_DB else self._near - 1
        self._hold = _HOLD if tail and over_db < _OVER_DB else self._hold - 1
        wanted_db = 0.0
        if self._hold > 0 and self._near <= 0 and self._known > 100 and expected_db + self._coupling_db > _db(_FLOOR):
            wanted_db = -_MOST_DB * min(max((_PLAIN_DB - over_db) / (_PLAIN_DB - _OVER_DB), 0.0), 1.0)
        # a talker in the room is let in within a block; the room itself fades in three
        self._gain_db = max(wanted_db, self._gain_db - 6.0)
        return float(10 ** (self._gain_db / 20))

    def _learn(self, expected_db: float, captured_db: float, *, tail: bool) -> None:
        if expected_db < -60:
            return
        self._since_word = self._since_word + 1 if tail else 0
        if not tail:
            over = captured_db - expected_db - self._coupling_db
            rate = 1.0 if self._known < 100 else _LEARN_DB
            self._coupling_db += rate * (max(min(over, 3.0), -3.0) * 0.1 if over < 0 else min(over, 3.0) * 0.1 * _UP)
            self._known += 1
        elif self._since_word == _FALLING_FROM:
            self._fall_from = captured_db, self._since_word
        elif self._since_word == _FALLING_TO:
            fallen_db = self._fall_from[0] - captured_db
            seconds = (_FALLING_TO - _FALLING_FROM) * BLOCK_S
            if fallen_db > 3:
                measured = min(max(60 * seconds / fallen_db, 0.15), 1.5)
                # whoever talks into the tail makes it longer, nobody makes it shorter
                self._rt60_s += (0.3 if measured < self._rt60_s else 0.1) * (measured - self._rt60_s)


def _db(power: float) -> float:
    return 10 * math.log10(power + 1e-12)
