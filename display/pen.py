"""Draws shapes and text on a Pillow image, in canvas coordinates. Scenes draw with nothing else."""

from typing import Final, Literal

from PIL import Image, ImageDraw

from display.colour import Rgb
from display.geometry import Rect
from display.icons import Icon, icon_mask
from display.text import Line, Style, Typesetter

_OVERSAMPLING: Final = 4
_CAP_HEIGHT: Final = 0.727
"""Of Inter, in ems: what has to be centred so that a line looks centred."""

Anchor = Literal["left", "middle", "right"]


class Pen:
    """An image that shows one part of the canvas."""

    def __init__(self, image: Image.Image, typesetter: Typesetter, origin: tuple[int, int] = (0, 0)) -> None:
        self.image = image
        self.typesetter = typesetter
        self._x, self._y = origin

    def text(
        self,
        x: float,
        baseline: float,
        text: str | Line,
        style: Style,
        fill: Rgb,
        *,
        width: int | None = None,
        anchor: Anchor = "left",
    ) -> float:
        """Draw one line, at most `width` wide, and return how wide it is."""
        line = text if isinstance(text, Line) else self.typesetter.line(text, style, width)
        shift = {"left": 0.0, "middle": line.width / 2, "right": line.width}[anchor]
        self.typesetter.draw(self.image, (round(x - shift - self._x), round(baseline - self._y)), line, fill)
        return line.width

    def paragraph(
        self,
        x: float,
        baseline: float,
        text: str,
        style: Style,
        fill: Rgb,
        *,
        width: int,
        lines: int,
        lead: float = 1.35,
    ) -> float:
        """Draw text over several lines and return the last line's baseline."""
        for i, line in enumerate(self.typesetter.wrap(text, style, width, lines)):
            baseline += i and style.size * lead
            self.text(x, baseline, line, style, fill)
        return baseline

    def rounded(self, rect: Rect, radius: int, fill: Rgb, opacity: float = 1.0) -> None:
        """Fill a rectangle with smooth round corners."""
        mask = rounded_mask(rect.w, rect.h, radius)
        self._stamp(mask if opacity == 1 else mask.point(lambda value: value * opacity), rect.x, rect.y, fill)

    def disc(self, x: float, y: float, radius: int, fill: Rgb) -> None:
        """Fill a circle around a point."""
        mask = rounded_mask(2 * radius, 2 * radius, radius)
        self._stamp(mask, round(x - radius), round(y - radius), fill)

    def icon(self, icon: Icon, x: float, y: float, size: int, fill: Rgb) -> None:
        """Draw an icon with its upper left corner at the point."""
        self._stamp(icon_mask(icon, size), round(x), round(y), fill)

    def rule(self, x: int, y: int, w: int, fill: Rgb) -> None:
        """Draw a thin horizontal line."""
        left, top = x - self._x, y - self._y
        ImageDraw.Draw(self.image).rectangle((left, top, left + w - 1, top + 1), fill)

    def _stamp(self, mask: Image.Image, x: int, y: int, fill: Rgb) -> None:
        at = (x - self._x, y - self._y)
        if self.image.mode == "RGBA":
            solid = Image.new("RGBA", mask.size, (*fill, 255))
            solid.putalpha(mask)
            self.image.alpha_composite(solid, at)
        else:
            self.image.paste(fill, at, mask)


def centred_baseline(top: float, height: float, style: Style) -> float:
    """Return the baseline on which capitals stand in the middle of a box."""
    return top + (height + style.size * _CAP_HEIGHT) / 2


def rounded_mask(w: int, h: int, radius: int) -> Image.Image:
    """Return a mask of a rectangle with smooth corners."""
    radius = min(radius, w // 2, h // 2)
    mask = Image.new("L", (w, h), 255)
    if not radius:
        return mask
    big = Image.new("L", (radius * _OVERSAMPLING,) * 2)
    ImageDraw.Draw(big).ellipse((0, 0, 2 * big.width - 1, 2 * big.height - 1), 255)
    corner = big.resize((radius, radius), Image.Resampling.BOX)
    flip, mirror = Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT
    mask.paste(corner, (0, 0))
    mask.paste(corner.transpose(mirror), (w - radius, 0))
    mask.paste(corner.transpose(flip), (0, h - radius))
    mask.paste(corner.transpose(flip).transpose(mirror), (w - radius, h - radius))
    return mask
