"""`sim:pattern?mark=ROOM&size=1280x720&fps=30&plug=/path`: a camera that sees slow lights over dusk, and a mark."""

import math
import time
from typing import Self

import numpy as np

from hardware.camera.mark import Mark, burn, source_id
from hardware.pace import Pace
from hardware.planes import Plane
from hardware.plug import Plug
from hardware.ports import VideoFrame
from hardware.uri import DeviceUri

SIZE = (1280, 720)
_LIGHTS = ((0.30, 0.55, 0.23, 22, -14), (0.62, 0.60, 0.31, -12, 26), (0.50, 0.70, 0.17, -24, 8))
"""Where a light circles (x, y), how fast, and its colour (u, v)."""


def present(uri: DeviceUri) -> bool:
    """Whether its plug is in."""
    return Plug(uri).is_in


class PatternCamera:
    """A generated picture at a steady pace. The newest picture wins; what nobody read was never drawn."""

    simulated = True

    def __init__(self, uri: DeviceUri) -> None:
        self._width, self._height = uri.only("mark", "size", "fps", "plug").size() or SIZE
        self._fps = uri.integer("fps", 30, 1, 60)
        self._plug = Plug(uri)
        self._source = source_id(uri.options.get("mark", "pattern"))
        self._pace = Pace(1 / self._fps, backlog=1)
        self.name = "Simulated camera"

    @property
    def dropped(self) -> int:
        return self._pace.skipped

    def __enter__(self) -> Self:
        self._plug.open()
        self._scene = _Scene(self._width, self._height)
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        vars(self).pop("_scene", None)  # closing twice is harmless

    def has_signal(self) -> bool | None:
        return None

    def read(self, timeout_s: float) -> VideoFrame | None:
        tick = self._pace.wait(timeout_s)
        if tick is None:
            return None
        self._plug.check()
        captured_ns = time.monotonic_ns()
        y, u, v = self._scene.draw(tick / self._fps)
        burn(y, u, v, Mark(self._source, tick & 0xFFFF))
        return VideoFrame(y, u, v, captured_ns)


class _Scene:
    """A dusk gradient with drifting lights, drawn by adding prepared planes, so it costs little."""

    def __init__(self, width: int, height: int) -> None:
        down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
        self._dusk = (
            (34 + 46 * down + 10 * np.sin(across * 3 + down * 2)).astype(np.uint8),
            (150 - 18 * down + 8 * across)[::2, ::2].astype(np.uint8),
            (122 + 16 * down - 6 * across)[::2, ::2].astype(np.uint8),
        )
        # a light's whole path stays inside the picture
        self._side = min(width, height) // 2 // 4 * 4
        self._glow = _glow(self._side, 52.0)
        self._tints = [(_tint(self._glow, u), _tint(self._glow, v)) for *_, u, v in _LIGHTS]

    def draw(self, seconds: float) -> tuple[Plane, Plane, Plane]:
        y, u, v = (plane.copy() for plane in self._dusk)
        height, width = y.shape
        for phase, ((x, down, speed, *_), (tint_u, tint_v)) in enumerate(zip(_LIGHTS, self._tints, strict=True)):
            angle = phase * 2.1 + seconds * speed * math.tau / 2
            left = int((x + 0.22 * math.cos(angle)) * (width - self._side)) // 2 * 2
            top = int((down + 0.22 * math.sin(angle * 1.3)) * (height - self._side)) // 2 * 2
            _add(y, self._glow, left, top)
            _add(u, tint_u, left // 2, top // 2)
            _add(v, tint_v, left // 2, top // 2)
        return y, u, v


def _glow(side: int, brightness: float) -> Plane:
    axis = np.linspace(-1, 1, side)
    distance = np.hypot(axis[:, None], axis[None, :])
    return np.asarray(brightness * np.clip(1 - distance, 0, 1) ** 1.5, dtype=np.uint8)


def _tint(glow: Plane, colour: int) -> Plane:
    """Return what to add to a chroma plane; below zero wraps, and adding it wraps back."""
    return np.asarray(glow[::2, ::2].astype(np.int16) * colour // 32, dtype=np.int16).astype(np.uint8)


def _add(plane: Plane, light: Plane, left: int, top: int) -> None:
    height, width = light.shape
    plane[top : top + height, left : left + width] += light
