"""Which part of the picture to show: who speaks, nearer, or all of the room. Pure; time is an argument.

It should not be noticed: it stays with a speaker for seconds, takes no notice of small movements, shows all when people
take turns fast or nobody speaks, and moves slowly, starting and stopping gently.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from appliance.media.turns import SAME_DEG, Turn, Turns, apart
from appliance.media.view import Crop, View
from hardware.camera.aim import Aim

_ALL = Crop()
_STILL = (0.0, 0.0, 0.0)
_ARRIVED = 5e-4
"""A pixel of 1080p."""


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in parts of the picture; x and y are its middle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How restless the picture may be."""

    hold_s: float = 4.0
    """The least time with one shot."""
    silence_s: float = 8.0
    """After so long without a voice all of the room is shown."""
    dead_band: float = 0.15
    """Of the crop: what moves less is not followed."""
    close_deg: float = 28.0
    """How much a shot of one speaker shows where no face says how far away he is."""
    faces_high: float = 4.5
    """How many times the face's height a shot of one speaker is high."""
    headroom: float = 0.1
    """How much above the middle a face is, in heights of the crop."""
    speed: float = 0.35
    """Of the picture, per second at most."""
    ease_s: float = 0.45
    """How long starting takes, about; a shot is reached in some five times that."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What is shown, what is to be shown, and what led to it."""

    view: View
    rules: Rules = Rules()
    wished: Aim | None = None
    """What somebody in the room chose to see; None frames by itself."""
    turns: Turns = Turns()
    faces: tuple[Face, ...] = ()
    goal: Crop = _ALL
    since: float = -math.inf
    """When the goal was chosen."""
    crop: Crop = _ALL
    velocity: tuple[float, float, float] = _STILL
    """Of x, y and size, per second."""
    at: float | None = None
    """When the crop was that."""

    def heard(self, degrees: float | None, now: float) -> Self:
        """Take in the direction of the voice, as the array counts; None when nobody speaks. Some 10 times a second."""
        return replace(self, turns=self.turns.heard(degrees, now))

    def seen(self, faces: Sequence[Face]) -> Self:
        """Take in all faces in the picture, or none where nobody looks for them."""
        return replace(self, faces=tuple(faces))

    def aimed(self, aim: Aim | None) -> Self:
        """Let somebody in the room choose what is shown; None goes on by itself."""
        if aim is None:
            return replace(self, wished=None, since=-math.inf)
        return replace(self, wished=aim, goal=self.view.inside(self.view.crop(aim)))

    def seeing(self, view: View) -> Self:
        """Go on with a picture of another size, or with other proportions to send."""
        goal = self.goal if self.wished is None else view.crop(self.wished)
        return replace(self, view=view, goal=view.inside(goal), crop=view.inside(self.crop), velocity=_STILL)

    def step(self, now: float) -> Self:
        """Return what is shown at a time."""
        chosen = self._chosen(now) if self.wished is None else self
        return chosen._moved(now)  # noqa: SLF001 - its own

    def _chosen(self, now: float) -> Self:
        goal = self._wanted(now)
        if now - self.since < self.rules.hold_s or not self._worth(goal):
            return self
        return replace(self, goal=goal, since=now)

    def _wanted(self, now: float) -> Crop:
        speaker = self.turns.speaker(now, self.rules.silence_s)
        if speaker is None or self.turns.alternating(now):
            return _ALL
        face = self._face_of(speaker)
        if face is not None:
            return self._portrait(face)
        x = self.view.place(speaker.degrees)
        return _ALL if x is None else self.view.inside(Crop(x, 0.5, self.view.size_of(self.rules.close_deg)))

    def _face_of(self, speaker: Turn) -> Face | None:
        """Return the face that a voice comes from."""
        off = [(apart(self.view.direction(face.x), speaker.degrees), face) for face in self.faces]
        nearest = min(off, key=lambda pair: pair[0], default=None)
        return nearest[1] if nearest is not None and nearest[0] <= SAME_DEG else None

    def _portrait(self, face: Face) -> Crop:
        down = self.view.widest[1]
        size = max(self.view.least, min(1.0, face.height * self.rules.faces_high / down))
        return self.view.inside(Crop(face.x, face.y + self.rules.headroom * size * down, size))

    def _worth(self, goal: Crop) -> bool:
        """Whether a goal differs from the present one by more than the dead band."""
        across, down = (part * self.goal.size * self.rules.dead_band for part in self.view.widest)
        grown = goal.size / self.goal.size
        near = abs(goal.x - self.goal.x) <= across and abs(goal.y - self.goal.y) <= down
        return not (near and 1 / (1 + 2 * self.rules.dead_band) <= grown <= 1 + 2 * self.rules.dead_band)

    def _moved(self, now: float) -> Self:
        if self.at is None or now <= self.at:
            return self if self.at is not None else replace(self, at=now)
        crop, velocity = _eased(self.crop, self.goal, self.velocity, now - self.at, self.rules)
        if math.dist(_parts(crop), _parts(self.goal)) < _ARRIVED and math.hypot(*velocity) < _ARRIVED:
            crop, velocity = self.goal, _STILL
        return replace(self, crop=self.view.inside(crop), velocity=velocity, at=now)


def _parts(crop: Crop) -> tuple[float, float, float]:
    return crop.x, crop.y, crop.size


def _eased(
    crop: Crop, goal: Crop, velocity: tuple[float, float, float], passed_s: float, rules: Rules
) -> tuple[Crop, tuple[float, float, float]]:
    """Pull a crop to its goal by a critically damped spring, solved exactly, so that no step is too long for it.

    The pull is limited (Lowe, "Critically Damped Ease-In/Ease-Out Smoothing", Game Programming Gems 4, 2004): at
    twice the speed over the spring's frequency, it drives at that speed and no faster.
    """
    frequency = 1 / rules.ease_s
    ways = [there - here for here, there in zip(_parts(crop), _parts(goal), strict=True)]
    longest = 2 * rules.speed / frequency
    shorter = min(1.0, longest / max(math.hypot(*ways), 1e-12))
    decay = math.exp(-frequency * passed_s)
    parts, speeds = [], []
    for here, way, speed in zip(_parts(crop), ways, velocity, strict=True):
        pulled = -way * shorter
        push = (speed + frequency * pulled) * passed_s
        parts.append(here + way * shorter + (pulled + push) * decay)
        speeds.append((speed - frequency * push) * decay)
    return Crop(*parts), (speeds[0], speeds[1], speeds[2])
