"""How far the heads of common cameras turn and zoom, in their own steps, and what of it an `Aim` means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardware.camera.aim import Aim
from hardware.camera.visca import Request, pan_tilt, zoom
from hardware.ports import BadUri
from hardware.uri import DeviceUri

_RANGE = re.compile(r"(-?\d{1,6})\.\.(-?\d{1,6})")


@dataclass(frozen=True, slots=True)
class Axis:
    """One motor: its position at -1 and at 1; straight ahead is 0, or the middle where 0 is out of reach."""

    lowest: int
    highest: int

    @property
    def ahead(self) -> int:
        inside = min(self.lowest, self.highest) < 0 < max(self.lowest, self.highest)
        return 0 if inside else (self.lowest + self.highest) // 2

    def position(self, part: float) -> int:
        end = self.highest if part >= 0 else self.lowest
        return self.ahead + round(abs(part) * (end - self.ahead))

    def part(self, position: int) -> float:
        """Return what part of the way a position is; the opposite of `position`."""
        way = position - self.ahead
        end = self.highest if way * (self.highest - self.ahead) >= 0 else self.lowest
        whole = abs(end - self.ahead)
        size = min(abs(way) / whole, 1.0) if whole else 0.0
        return size if end == self.highest else -size


@dataclass(frozen=True, slots=True)
class Model:
    """The head of one kind of camera."""

    pan: Axis
    """From left to right, as the camera sees it."""
    tilt: Axis
    """From down to up."""
    pan_deg: float
    """Degrees from straight ahead to the end of the pan, for those who know a direction in degrees."""
    tele: int = 0x4000
    """Where the lens ends; digital zoom, beyond, only loses sharpness."""
    pan_speed: int = 0x0C
    tilt_speed: int = 0x0A
    """Half of the fastest: the room watches."""
    pan_digits: int = 4

    def moves(self, aim: Aim) -> tuple[Request, Request]:
        """Return what turns the head towards an aim, and what zooms it."""
        pan, tilt = self.pan.position(aim.pan), self.tilt.position(aim.tilt)
        speeds = {"pan_speed": self.pan_speed, "tilt_speed": self.tilt_speed}
        return pan_tilt(pan, tilt, **speeds, pan_digits=self.pan_digits), zoom(round(aim.zoom * self.tele))

    def aim(self, position: tuple[int, int], zoomed: int) -> Aim:
        """Return the aim that positions mean."""
        pan, tilt = position
        return Aim.within(self.pan.part(pan), self.tilt.part(tilt), zoomed / self.tele)


MODELS: Mapping[str, Model] = {
    # "VISCA pan tilt absolute position value", -170 to 170 and -30 to 90 degrees: the same table in the manuals of
    # Telycam's TLC-700-S (page 13) and CleverMic's 4035UHS (page 17); PTZOptics' lists give no positions
    "common": Model(Axis(-0x0990, 0x0990), Axis(-0x01B0, 0x0510), 170.0),
    # EVI-D70 Technical Manual (2003), pages 42 and 51: F725 to 08DB, FE70 to 04B0
    "sony-evi-d70": Model(Axis(-0x08DB, 0x08DB), Axis(-0x0190, 0x04B0), 170.0),
    # EVI-D80/D90 Technical Manual, page 46: E1E5 to 1E1B, FC75 to 0FF0
    "sony-evi-d80": Model(Axis(-0x1E1B, 0x1E1B), Axis(-0x038B, 0x0FF0), 170.0),
    # EVI-D100 Technical Manual, page 45: FA60 to 05A0, FE98 to 0168
    "sony-evi-d100": Model(Axis(-0x05A0, 0x05A0), Axis(-0x0168, 0x0168), 100.0),
    # BRC-H700 Command List (4/5): the left end is 08A58, five digits, and one speed for both motors
    "sony-brc-h700": Model(Axis(0x8A58, -0x8A58), Axis(-0x186A, 0x493D), 170.0, tilt_speed=0, pan_digits=5),
}


def model_of(uri: DeviceUri) -> Model:
    """Return the head that `model=`, `pan=LEFT..RIGHT`, `tilt=DOWN..UP` and `tele=` describe, or raise `BadUri`.

    A camera that hangs upside down, or whose maker counts the other way round, has its ends exchanged.
    """
    name = uri.options.get("model", "common")
    if name not in MODELS:
        raise BadUri(
            f"{uri.scheme}: knows no head {name!r}; it knows {', '.join(MODELS)}; or give pan=, tilt= and tele="
        )
    model = MODELS[name]
    pan = _axis(uri, "pan", model.pan, most=(8 << 4 * (model.pan_digits - 1)) - 1)
    tilt = _axis(uri, "tilt", model.tilt, most=0x7FFF)
    return replace(model, pan=pan, tilt=tilt, tele=uri.integer("tele", model.tele, 1, 0x7FFF))


def _axis(uri: DeviceUri, key: str, default: Axis, *, most: int) -> Axis:
    text = uri.options.get(key)
    if text is None:
        return default
    found = _RANGE.fullmatch(text)
    if not found or found[1] == found[2] or max(abs(int(end)) for end in found.groups()) > most:
        raise BadUri(f"{uri.scheme}: {key}={text} should look like {key}={default.lowest}..{default.highest}")
    return Axis(int(found[1]), int(found[2]))
