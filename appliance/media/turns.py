"""Whose turn it is to speak, told from directions alone: pure, and time is an argument."""

import itertools
import math
from dataclasses import dataclass, replace

SAME_DEG = 10.0
"""Voices this close together are one person: chairs are further apart, and arrays are exact to a few degrees."""
SETTLE_S = 1.0
"""Shorter is an interjection, a cough or a chair."""
PAUSE_S = 2.0
"""A speaker who goes on within this time has not stopped."""
RECENT_S = 12.0
_FOLLOW_S = 1.0
"""How fast a direction follows somebody who walks while speaking."""
_MOST = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody spoke, from one direction."""

    degrees: float
    since: float
    """Seconds, as are all times here."""
    until: float

    @property
    def settled(self) -> bool:
        return self.until - self.since >= SETTLE_S


@dataclass(frozen=True, slots=True)
class Turns:
    """Who spoke lately, the latest last."""

    all: tuple[Turn, ...] = ()

    def heard(self, degrees: float | None, now: float) -> "Turns":
        """Take in where a voice comes from; None when nobody speaks."""
        recent = tuple(turn for turn in self.all if now - turn.until <= RECENT_S)[-_MOST:]
        if degrees is None or not math.isfinite(degrees):
            return Turns(recent)
        for place in reversed(range(len(recent))):
            turn = recent[place]
            if apart(turn.degrees, degrees) <= SAME_DEG and now - turn.until <= PAUSE_S:
                # what came in between was an interjection
                return Turns((*recent[:place], _continued(turn, degrees, now)))
            if turn.settled:
                break
        return Turns((*recent, Turn(wrapped(degrees), now, now)))

    def speaker(self, now: float, silence_s: float) -> Turn | None:
        """Return who speaks, or spoke last; None after `silence_s` without a word."""
        settled = [turn for turn in self.all if turn.settled and now - turn.until <= silence_s]
        return settled[-1] if settled else None

    def alternating(self, now: float) -> bool:
        """Whether two or more people take turns so fast that following them would be a tennis match."""
        said = [turn for turn in self.all if turn.settled and now - turn.until <= RECENT_S]
        changes = sum(apart(one.degrees, next_.degrees) > SAME_DEG for one, next_ in itertools.pairwise(said))
        return changes >= 2


def wrapped(degrees: float) -> float:
    """Return the same direction between -180 and 180."""
    return (degrees + 180.0) % 360.0 - 180.0


def apart(one: float, other: float) -> float:
    """Return the angle between two directions, 0 to 180."""
    return abs(wrapped(one - other))


def _continued(turn: Turn, degrees: float, now: float) -> Turn:
    follow = 1.0 - math.exp(-max(now - turn.until, 0.0) / _FOLLOW_S)
    followed = wrapped(turn.degrees + follow * wrapped(degrees - turn.degrees))
    return replace(turn, degrees=followed, until=max(now, turn.until))
