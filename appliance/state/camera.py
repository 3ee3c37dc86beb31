"""Where the room's camera looks: set by hand, kept as presets, or left to the room itself."""

from dataclasses import dataclass, replace

PRESETS = 6
"""How many a room keeps, numbered from 1."""
STEP = 0.1
ZOOM_STEP = 0.125


@dataclass(frozen=True, slots=True)
class CameraAim:
    """A direction and a zoom as parts of what the camera's head, or a crop of its picture, can reach."""

    pan: float = 0.0
    """-1 as far left as it goes, 1 as far right, as seen in the picture."""
    tilt: float = 0.0
    """-1 down, 1 up."""
    zoom: float = 0.0
    """0 widest, 1 nearest."""
    framing: bool = False
    """The room frames whoever speaks by itself; pan, tilt and zoom are what it returns to."""

    def moved(self, pan: float = 0.0, tilt: float = 0.0, zoom: float = 0.0) -> "CameraAim":
        """Return the aim some steps further, within reach, by hand from now on."""
        return CameraAim(
            round(_within(self.pan + pan, -1.0), 3),
            round(_within(self.tilt + tilt, -1.0), 3),
            round(_within(self.zoom + zoom, 0.0), 3),
        )

    def by_itself(self, *, framing: bool) -> "CameraAim":
        """Return the same aim with automatic framing, or without."""
        return replace(self, framing=framing)


@dataclass(frozen=True, slots=True)
class CameraPreset:
    """An aim somebody kept."""

    number: int
    aim: CameraAim


def keep(presets: tuple[CameraPreset, ...], number: int, aim: CameraAim) -> tuple[CameraPreset, ...]:
    """Return the presets with this one kept; the one with its number before is gone."""
    others = [preset for preset in presets if preset.number != number]
    kept = CameraPreset(number, aim.by_itself(framing=False))
    return tuple(sorted([*others, kept], key=lambda preset: preset.number))


def recall(presets: tuple[CameraPreset, ...], number: int) -> CameraAim | None:
    """Return the aim of a preset, None if there is none with this number."""
    return next((preset.aim for preset in presets if preset.number == number), None)


def _within(value: float, least: float) -> float:
    # what is no number is the middle
    return max(least, min(1.0, value)) if value == value else 0.0  # noqa: PLR0124 - only a NaN differs from itself
