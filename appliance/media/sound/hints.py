"""What the room's people should be told about their sound: pure, from one block's facts after another's.

Each hint says something a person can act on, so each would rather come late than wrongly.
"""

import math
from collections import deque
from dataclasses import dataclass

from appliance.media.sound.blocks import dbfs
from appliance.state.sound import SoundHint


@dataclass(frozen=True, slots=True)
class Facts:
    """One block of 10 ms."""

    captured_level: float
    """RMS of the loudest microphone, 0 to 1."""
    clipping: bool
    speech: bool
    far: bool
    """The loudspeaker plays, or the room still sounds of it."""
    muted: bool


_CLIPPED_FOR_S, _CLIPPED_WITHIN_S, _CLIPPED_UNTIL_S = 0.2, 3.0, 10.0
_SPOKEN_FOR_S, _SPOKEN_WITHIN_S, _SPOKEN_UNTIL_S = 0.7, 1.5, 4.0
_SPOKEN_DBFS = -55.0
_ZEROS_DBFS = -95.0
"""No real converter is as quiet; only zeros are."""
_ZEROS_FOR_S, _ZEROS_FOR_GATED_S = 10.0, 300.0
"""Devices that clean their sound send zeros in a quiet room; only very long ones are suspicious."""
_PLAYED_FOR_S = 20.0
_UNHEARD_DB = 1.0
"""While the loudspeaker played for so long, the microphone's level was within this of its level without."""
_BLOCK_S = 0.01


class Hints:
    """Remembers as little as the hysteresis needs. Time is seconds on any steady clock."""

    def __init__(self, *, cleans: bool = False) -> None:
        """Take whether the device cleans its sound: then no echo of the loudspeaker is to be expected."""
        self._cleans = cleans
        self._clipping = _Share(_CLIPPED_FOR_S, _CLIPPED_WITHIN_S, _CLIPPED_UNTIL_S)
        self._spoken = _Share(_SPOKEN_FOR_S, _SPOKEN_WITHIN_S, _SPOKEN_UNTIL_S)
        self._zeros_since_s: float | None = None
        self._with, self._without = _Level(), _Level()

    def update(self, now_s: float, facts: Facts) -> frozenset[SoundHint]:
        """Take one block; return what to tell now."""
        hints = set()
        if self._clipping.update(now_s, facts.clipping and not facts.muted):
            hints.add(SoundHint.CLIPPING)
        if self._muted_speech(now_s, facts):
            hints.add(SoundHint.MUTED_SPEECH)
        if self._hears_nothing(now_s, facts):
            hints.add(SoundHint.HEARS_NOTHING)
        return frozenset(hints)

    def _muted_speech(self, now_s: float, facts: Facts) -> bool:
        if not facts.muted:
            self._spoken.forget()
            return False
        # while the loudspeaker sounds, a voice may be its echo
        voice = facts.speech and not facts.far and dbfs(facts.captured_level) > _SPOKEN_DBFS
        return self._spoken.update(now_s, voice)

    def _hears_nothing(self, now_s: float, facts: Facts) -> bool:
        if facts.muted:
            # a mute switch in the line makes zeros, too
            self._zeros_since_s = None
            self._with, self._without = _Level(), _Level()
            return False
        if dbfs(facts.captured_level) > _ZEROS_DBFS:
            self._zeros_since_s = None
            return self._unheard(facts)
        if self._zeros_since_s is None:
            self._zeros_since_s = now_s
        return now_s - self._zeros_since_s >= (_ZEROS_FOR_GATED_S if self._cleans else _ZEROS_FOR_S)

    def _unheard(self, facts: Facts) -> bool:
        """Noise that is the same whether the loudspeaker plays or not comes from no microphone in this room."""
        if self._cleans:
            return False
        if facts.speech and not facts.far:
            self._with, self._without = _Level(), _Level()
            return False
        (self._with if facts.far else self._without).add(facts.captured_level)
        enough = min(self._with.seconds, self._without.seconds * 4) >= _PLAYED_FOR_S
        return enough and abs(self._with.mean_db - self._without.mean_db) < _UNHEARD_DB


class _Share:
    """On when something was so for long enough of late; off when it has not been for a while."""

    def __init__(self, for_s: float, within_s: float, until_s: float) -> None:
        self._count = max(round(for_s / _BLOCK_S), 1)
        self._within_s, self._until_s = within_s, until_s
        self._seen: deque[float] = deque(maxlen=self._count)
        self._last_s = -math.inf
        self._on = False

    def forget(self) -> None:
        self._seen.clear()
        self._on = False

    def update(self, now_s: float, so: bool) -> bool:
        if so:
            self._seen.append(now_s)
            self._last_s = now_s
        if len(self._seen) == self._count and now_s - self._seen[0] <= self._within_s:
            self._on = True
        if now_s - self._last_s > self._until_s:
            self._on = False
        return self._on


class _Level:
    """The mean level of many blocks, with a memory of some minutes."""

    _MOST_S = 60.0

    def __init__(self) -> None:
        self.seconds = 0.0
        self._power = 0.0

    @property
    def mean_db(self) -> float:
        return dbfs(math.sqrt(self._power))

    def add(self, level: float) -> None:
        self.seconds = min(self.seconds + _BLOCK_S, self._MOST_S)
        self._power += _BLOCK_S / self.seconds * (level * level - self._power)
