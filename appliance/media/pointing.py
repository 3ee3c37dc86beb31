"""Where a head with motors should look: at who speaks, or at all of the room. Pure; time is an argument.

Calmer than a crop of the picture can be: everybody in the room sees a camera turn. The head moves by itself.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

from appliance.media.turns import Turns, apart, wrapped
from hardware.camera.aim import Aim


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where the head was sent, and what led to it."""

    pan_deg: float
    """How far the head turns to either side."""
    array_deg: float = 0.0
    """Where the head looks at rest, as the microphone array counts."""
    rest: Aim = Aim()
    """All of the room."""
    close: float = 0.3
    """The zoom with which one speaker is shown."""
    hold_s: float = 6.0
    silence_s: float = 8.0
    dead_band_deg: float = 8.0
    turns: Turns = Turns()
    degrees: float | None = None
    """Where the speaker sits who is shown; None shows all."""
    since: float = -math.inf

    def heard(self, degrees: float | None, now: float) -> Self:
        """Take in the direction of the voice, as the array counts; None when nobody speaks."""
        return replace(self, turns=self.turns.heard(degrees, now))

    def step(self, now: float) -> Self:
        """Decide anew; move the head when `aim` has changed."""
        speaker = self.turns.speaker(now, self.silence_s)
        wanted = None if speaker is None or self.turns.alternating(now) else speaker.degrees
        if wanted is not None and abs(wrapped(wanted - self.array_deg)) > self.pan_deg:
            wanted = None
        if now - self.since < self.hold_s or self._near(wanted):
            return self
        return replace(self, degrees=wanted, since=now)

    @property
    def aim(self) -> Aim:
        """Where the head should look now."""
        if self.degrees is None:
            return self.rest
        return Aim.within(wrapped(self.degrees - self.array_deg) / self.pan_deg, self.rest.tilt, self.close)

    def _near(self, wanted: float | None) -> bool:
        if wanted is None or self.degrees is None:
            return wanted is self.degrees
        return apart(wanted, self.degrees) <= self.dead_band_deg
