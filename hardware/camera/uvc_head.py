"""`v4l2:SELECTOR` as a head: a USB camera that turns by itself, or moves a window over a wide picture.

UVC 1.5, 4.2.2.1.15: pan and tilt are in seconds of arc (3600 to a degree), positive to the right (clockwise seen from
above) and up. Zoom has no unit: only its ends are known.
"""

import contextlib
from collections.abc import Mapping
from typing import Self

from hardware.camera.aim import Aim
from hardware.camera.controls import Control, controls, set_control
from hardware.camera.node import in_words
from hardware.camera.v4l2 import LINUX, System, chosen
from hardware.ports import DeviceError
from hardware.uri import DeviceUri

_LEAST_DEG = 0.1
PAN, TILT, ZOOM = "pan_absolute", "tilt_absolute", "zoom_absolute"


class UvcHead:
    """Turns and zooms by a camera's own controls, while it streams or not."""

    simulated = False

    def __init__(self, uri: DeviceUri, system: System = LINUX) -> None:
        self._uri, self._system = uri.only(), system
        self._has: Mapping[str, Control] = {}
        self.name = f"head of camera {uri.path}".rstrip()

    @property
    def pan_deg(self) -> float:
        """Degrees from straight ahead to where the pan ends, by the camera; next to none for one that only zooms."""
        return max(self._has[PAN].highest / 3600 if PAN in self._has else 0.0, _LEAST_DEG)

    def __enter__(self) -> Self:
        found = chosen(self._uri, self._system, "camera")
        self.name, self._node = found.name, self._system.node(found.node)
        with contextlib.ExitStack() as undo:
            try:
                undo.enter_context(self._node)
                self._has = controls(self._node)
            except OSError as err:
                raise in_words(self.name, err) from err
            if not {PAN, TILT, ZOOM} & self._has.keys():
                raise DeviceError(f"{self.name} can neither turn nor zoom")
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._node.__exit__()

    def move(self, aim: Aim) -> None:
        try:
            for name, value in units(aim, self._has).items():
                set_control(self._node, self._has[name], value)
        except OSError as err:
            raise in_words(self.name, err) from err

    def check(self) -> None:
        try:
            _ = self._node.card
        except OSError as err:
            raise in_words(self.name, err) from err

    def aim(self) -> Aim | None:
        try:
            return aim_of(controls(self._node))
        except OSError as err:
            raise in_words(self.name, err) from err


def units(aim: Aim, has: Mapping[str, Control]) -> Mapping[str, int]:
    """Return the values of a camera's controls for an aim; only of those it has and takes."""
    part = {PAN: aim.pan, TILT: aim.tilt, ZOOM: aim.zoom}
    return {
        name: has[name].nearest(
            _from_zoom(has[name], part[name]) if name == ZOOM else _from_part(has[name], part[name])
        )
        for name in part
        if name in has and has[name].settable
    }


def aim_of(has: Mapping[str, Control]) -> Aim | None:
    """Return where a camera's controls say it looks; None when it has none."""
    if not {PAN, TILT, ZOOM} & has.keys():
        return None
    return Aim.within(
        _to_part(has[PAN]) if PAN in has else 0.0,
        _to_part(has[TILT]) if TILT in has else 0.0,
        _to_zoom(has[ZOOM]) if ZOOM in has else 0.0,
    )


def _from_part(control: Control, part: float) -> int:
    """Zero is straight ahead, whatever the ends: -1 and 1 reach as far as that side goes."""
    middle = min(max(0, control.lowest), control.highest)
    return round(middle + (part * (control.highest - middle) if part > 0 else part * (middle - control.lowest)))


def _to_part(control: Control) -> float:
    middle = min(max(0, control.lowest), control.highest)
    reach = control.highest - middle if control.value > middle else middle - control.lowest
    return (control.value - middle) / reach if reach else 0.0


def _from_zoom(control: Control, part: float) -> int:
    return round(control.lowest + part * (control.highest - control.lowest))


def _to_zoom(control: Control) -> float:
    reach = control.highest - control.lowest
    return (control.value - control.lowest) / reach if reach > 0 else 0.0
