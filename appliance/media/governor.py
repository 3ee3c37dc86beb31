"""Sheds pictures before the machine sheds sound: decides what it can bear from how it does; time is an argument."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.state.layout import Layout, Source, stage
from appliance.state.room import Call, Limits

LATE_S = 0.1
"""Pictures may lag this far behind."""
HOT_C = 80.0
"""A Raspberry Pi slows itself down from here on."""
COOL_C = 75.0
_FULL = Limits()
_LADDER = (
    *(replace(_FULL, fps=15, height=height) for height in (1080, 720, 360, 180)),
    *(replace(_FULL, fps=15, height=180, tiles=tiles) for tiles in (25, 16, 9, 4)),
)
"""First fewer pictures a second, then smaller ones, then fewer people: four small ones every machine can bear.

Fewer a second spare no decoding unless the server sends fewer, but they are what people miss least.
"""
_PATIENCE = 2
"""So many looks in a row must show the strain: one late picture is none."""
_SETTLES_S = 3.0
"""How long a step down takes to show."""
_COOLS_S = 15.0
"""The same for heat."""
_CALM_S = 10.0
_LONGEST_CALM_S = 160.0
_RELAPSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Strain:
    """How the machine does at one look."""

    decode_lag_s: float = 0.0
    """How far decoding was behind at the worst moment since the last look."""
    display_behind: bool = False
    temperature_c: float | None = None

    @property
    def why(self) -> str:
        """What hurts, in words; empty when nothing does."""
        if self.decode_lag_s > LATE_S:
            return "decoding pictures takes too long"
        if self.display_behind:
            return "drawing on the TV takes too long"
        if self.temperature_c is not None and self.temperature_c >= HOT_C:
            return f"the machine is hot ({self.temperature_c:.0f} °C)"
        return ""

    @property
    def calm(self) -> bool:
        """Whether there is room for more."""
        cool = self.temperature_c is None or self.temperature_c < COOL_C
        return cool and not self.display_behind and self.decode_lag_s < LATE_S / 2


@dataclass(frozen=True, slots=True)
class Load:
    """What there would be to show without limits."""

    pictures: int
    """Of all people and screens for whom the layout has places, also those that limits have taken away."""
    lines: int
    """Height of the largest person's tile."""

    @classmethod
    def of(cls, call: Call, layout: Layout) -> "Load":
        """Count what the call would show in this layout."""
        pictures = len(call.participants) + sum(person.screen_on for person in call.participants)
        if len({(tile.w, tile.h) for tile in layout.tiles}) > 1:
            # beside a large picture there is room for few, whatever the limits
            shown = (layout.tiles[0].person, layout.tiles[0].source)
            pictures = len(stage(shown, [shown] * (pictures - 1), layout.width, layout.height))
        return cls(pictures, max((tile.h for tile in layout.tiles if tile.source is Source.CAMERA), default=0))


class Governor:
    """Steps down a ladder under strain, and up again after a calm that is longer the more often it was in vain."""

    def __init__(self, now: float) -> None:
        """`now` is when the call begins: everybody's key frame comes at once then, and that strain passes by itself."""
        self.limits = _FULL
        self._rung = -1
        self._strained = 0
        self._down_at = now
        self._up_at = self._uneasy_at = float("-inf")
        self._calm_s = _CALM_S

    def look(self, strain: Strain, load: Load, now: float) -> Limits:
        """Return what the machine can bear, once more."""
        why = strain.why
        self._strained = self._strained + 1 if why else 0
        if not strain.calm:
            self._uneasy_at = now
        if self._strained >= _PATIENCE and now - self._down_at >= (_SETTLES_S if _quick(strain) else _COOLS_S):
            self._step_down(why, load, now)
        elif self._rung >= 0 and now - max(self._uneasy_at, self._down_at, self._up_at) >= self._calm_s:
            self._step_up(load, now)
        return self.limits

    def _step_down(self, why: str, load: Load, now: float) -> None:
        steps = [rung for rung in range(self._rung + 1, len(_LADDER)) if _matters(self.limits, _LADDER[rung], load)]
        if not steps:
            return
        self._calm_s = min(self._calm_s * 2, _LONGEST_CALM_S) if now - self._up_at < _RELAPSE_S else _CALM_S
        self._rung, self._down_at = steps[0], now
        self.limits = replace(_LADDER[self._rung], why=why)

    def _step_up(self, load: Load, now: float) -> None:
        why = self.limits.why
        before = self.limits
        while self._rung >= 0 and not _matters(before, self.limits, load):
            self._rung -= 1
            self.limits = replace(_LADDER[self._rung], why=why) if self._rung >= 0 else _FULL
        self._up_at = now


def hottest_c(sys: Path = Path("/sys")) -> float | None:
    """Return the temperature of the machine's hottest part, None where it has no thermometer."""
    found = []
    for zone in (sys / "class/thermal").glob("thermal_zone*/temp"):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(zone.read_text()) / 1000)
    return max(found, default=None)


def _quick(strain: Strain) -> bool:
    return strain.decode_lag_s > LATE_S or strain.display_behind


def _matters(before: Limits, after: Limits, load: Load) -> bool:
    """Whether a step changes anything of what is shown."""
    return _effect(before, load) != _effect(after, load)


def _effect(limits: Limits, load: Load) -> tuple[int, int, int]:
    return limits.fps, min(limits.height, load.lines), min(limits.tiles, load.pictures)
