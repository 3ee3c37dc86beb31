"""The TV's few pictograms, drawn on a grid of 24 and scaled, so they are sharp at any size."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from PIL import Image, ImageDraw

_OVERSAMPLING: Final = 4
_STROKE: Final = 2.0


class _Grid:
    """A mask with 24 x 24 units."""

    def __init__(self, pixels: int) -> None:
        self.mask = Image.new("L", (pixels, pixels))
        self._draw = ImageDraw.Draw(self.mask)
        self._unit = pixels / 24

    def line(self, *points: tuple[float, float], width: float = _STROKE, ink: int = 255) -> None:
        at = [(x * self._unit, y * self._unit) for x, y in points]
        thick = width * self._unit
        self._draw.line(at, ink, round(thick), joint="curve")
        for x, y in at:
            self._draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), ink)

    def arc(self, box: tuple[float, float, float, float], start: int, end: int) -> None:
        self._draw.arc([v * self._unit for v in box], start, end, 255, round(_STROKE * self._unit))

    def block(self, box: tuple[float, float, float, float], radius: float) -> None:
        self._draw.rounded_rectangle([v * self._unit for v in box], radius * self._unit, 255)

    def outline(self, box: tuple[float, float, float, float], radius: float) -> None:
        thick = round(_STROKE * self._unit)
        self._draw.rounded_rectangle([v * self._unit for v in box], radius * self._unit, outline=255, width=thick)

    def dot(self, x: float, y: float, radius: float, ink: int = 255) -> None:
        self._draw.ellipse([v * self._unit for v in (x - radius, y - radius, x + radius, y + radius)], ink)

    def area(self, *points: tuple[float, float]) -> None:
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], 255)

    def strike(self) -> None:
        """Cross the icon out, with a gap beside the stroke so that it reads at a distance."""
        self.line((5.4, 2.6), (21.4, 18.6), width=2.2, ink=0)
        self.line((3.5, 3.5), (20.5, 20.5), width=2.2)


def _microphone(grid: _Grid) -> None:
    grid.block((8.8, 2.5, 15.2, 14), 3.2)
    grid.arc((5, 4.6, 19, 18.6), 5, 175)
    grid.line((12, 18.6), (12, 21.5))


def _microphone_off(grid: _Grid) -> None:
    _microphone(grid)
    grid.strike()


def _camera(grid: _Grid) -> None:
    grid.block((2, 6, 15.6, 18), 2.6)
    grid.area((17, 10.6), (22, 7), (22, 17), (17, 13.4))


def _camera_off(grid: _Grid) -> None:
    _camera(grid)
    grid.strike()


def _warning(grid: _Grid) -> None:
    grid.line((12, 3.6), (21.6, 20), (2.4, 20), (12, 3.6))
    grid.line((12, 10), (12, 14))
    grid.dot(12, 17, 1.2)


def _people(grid: _Grid) -> None:
    grid.dot(9, 8, 3.6)
    grid.block((2.4, 13.6, 15.6, 24), 6)
    grid.dot(16.6, 9, 2.6)
    grid.block((17, 14.4, 21.8, 24), 3)


def _clock(grid: _Grid) -> None:
    grid.arc((3, 3, 21, 21), 0, 360)
    grid.line((12, 7.4), (12, 12), (15.4, 14))


def _enter(grid: _Grid) -> None:
    grid.line((4, 12), (15, 12))
    grid.line((11, 7.6), (15.4, 12), (11, 16.4))
    grid.line((14, 4), (20, 4), (20, 20), (14, 20))


def _touch(grid: _Grid) -> None:
    grid.outline((6, 2.6, 18, 21.4), 2.6)
    grid.dot(12, 17.8, 1.3)


def _refresh(grid: _Grid) -> None:
    grid.arc((4, 4, 20, 20), 300, 220)
    grid.area((14.6, 1.6), (20.8, 5.6), (14.2, 8.8))


def _screen(grid: _Grid) -> None:
    grid.outline((2.4, 4, 21.6, 17), 2)
    grid.line((8, 20.6), (16, 20.6))


class Icon(Enum):
    """What there is."""

    MICROPHONE = "microphone"
    MICROPHONE_OFF = "microphone off"
    CAMERA = "camera"
    CAMERA_OFF = "camera off"
    WARNING = "warning"
    PEOPLE = "people"
    CLOCK = "clock"
    ENTER = "enter"
    TOUCH = "touch"
    REFRESH = "refresh"
    SCREEN = "screen"


_DRAWINGS: Final[dict[Icon, Callable[[_Grid], None]]] = {
    Icon.MICROPHONE: _microphone,
    Icon.MICROPHONE_OFF: _microphone_off,
    Icon.CAMERA: _camera,
    Icon.CAMERA_OFF: _camera_off,
    Icon.WARNING: _warning,
    Icon.PEOPLE: _people,
    Icon.CLOCK: _clock,
    Icon.ENTER: _enter,
    Icon.TOUCH: _touch,
    Icon.REFRESH: _refresh,
    Icon.SCREEN: _screen,
}


def icon_mask(icon: Icon, pixels: int) -> Image.Image:
    """Draw an icon as a mask of this size."""
    grid = _Grid(pixels * _OVERSAMPLING)
    _DRAWINGS[icon](grid)
    return grid.mask.resize((pixels, pixels), Image.Resampling.BOX)
