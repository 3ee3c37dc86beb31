"""Presets of a room: names for aims. They are the room's and not the camera's, so they outlive it and fit any head."""

from collections.abc import Iterable
from dataclasses import dataclass

from hardware.camera.aim import Aim


@dataclass(frozen=True, slots=True)
class Preset:
    """Where to look when somebody says so."""

    name: str
    aim: Aim


def with_preset(presets: Iterable[Preset], new: Preset) -> tuple[Preset, ...]:
    """Return the presets with one more, in the place of the one of that name where there is one."""
    before = tuple(presets)
    if find(before, new.name) is None:
        return (*before, new)
    return tuple(new if _same(old.name, new.name) else old for old in before)


def without(presets: Iterable[Preset], name: str) -> tuple[Preset, ...]:
    """Return the presets but one."""
    return tuple(preset for preset in presets if not _same(preset.name, name))


def find(presets: Iterable[Preset], name: str) -> Preset | None:
    """Return the preset of a name, whatever its capitals."""
    return next((preset for preset in presets if _same(preset.name, name)), None)


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
