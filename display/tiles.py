"""Draws one person's tile: the picture, or who it would be; round corners, the mark of who speaks, the name."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from appliance.state.layout import Source
from display import theme
from display.canvas import Blend, Canvas
from display.colour import Planes, Rgb, Sticker, to_planes
from display.fonts.library import Weight
from display.frames import Picture
from display.geometry import Rect, even
from display.pen import Pen, rounded_mask
from display.scenes import words
from display.scenes.banners import NameLabel
from display.scenes.scene import Corner, Overlay, TileView
from display.text import Style, Typesetter

_OVERSAMPLING: Final = 4
_CORNERS: Final = (Corner.TOP_LEFT, Corner.TOP_RIGHT, Corner.BOTTOM_LEFT, Corner.BOTTOM_RIGHT)


@dataclass(frozen=True, slots=True)
class RoundCorner:
    """One corner of a tile: the background outside the curve, and the speaking mark's bend inside it."""

    corner: Corner
    radius: int
    border: int
    """Thickness of the speaking mark; 0 without."""
    inset: int = 0

    def draw(self, typesetter: Typesetter) -> Image.Image:  # noqa: ARG002 - an overlay without text
        big = self.radius * _OVERSAMPLING
        outside = rounded_mask(2 * big, 2 * big, big).crop((0, 0, big, big)).point(lambda value: 255 - value)
        image = Image.new("RGBA", (big, big), (*theme.NIGHT, 0))
        if self.border:
            thick = self.border * _OVERSAMPLING
            ImageDraw.Draw(image).ellipse((0, 0, 2 * big - 1, 2 * big - 1), None, (*theme.GOOD, 255), thick)
        image.paste((*theme.NIGHT, 255), (0, 0), outside)
        right, bottom = self.corner.value
        if right:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if bottom:
            image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        return image.convert("RGBa").resize((self.radius, self.radius), Image.Resampling.BOX).convert("RGBA")


@dataclass(frozen=True, slots=True)
class Decor:
    """What goes over every new picture of a tile, worked out once."""

    mark: tuple[Rect, ...]
    """The straight parts of the speaking mark."""
    blends: tuple[Blend, ...]


class TilePainter:
    """Paints tiles; everything but the picture itself is drawn once and kept."""

    def __init__(self, canvas: Canvas, typesetter: Typesetter, sticker: Callable[[Overlay], Sticker]) -> None:
        self._canvas = canvas
        self._typesetter = typesetter
        self._sticker = sticker

    def paint(self, tile: TileView, picture: Picture | None, decor: Decor) -> None:
        """Draw the whole tile."""
        if picture is None:
            self._canvas.paste(tile.rect.x, tile.rect.y, self._avatar(tile))
        else:
            frame = picture.frame
            planes, colours = (frame.y, frame.u, frame.v), (frame.full_range, frame.matrix)
            self._canvas.place(tile.rect, planes, theme.SURFACE, full_range=colours[0], matrix=colours[1])
            if tile.dimmed or not picture.fresh:
                self._canvas.grey(tile.rect)
        for strip in decor.mark:
            self._canvas.fill(strip, theme.GOOD)
        for blend in decor.blends:
            blend.apply()

    def decor(self, tile: TileView, above: list[Blend]) -> Decor:
        """Work out corners, speaking mark and name; `above` are the parts of overlays over this tile."""
        radius = even(max(8, min(theme.RADIUS, tile.rect.h // 12)))
        border = even(max(4, min(8, tile.rect.h / 60))) if tile.speaking else 0
        corners = [blend for corner in _CORNERS for blend in self._blends(RoundCorner(corner, radius, border), tile)]
        label = self._blends(_label(tile), tile) if tile.name else []
        return Decor(_edges(tile.rect, border), (self._canvas.sparse(corners), *label, *above))

    def _blends(self, overlay: Overlay, tile: TileView) -> list[Blend]:
        sticker = self._sticker(overlay)
        x, y = overlay.corner.place(sticker.w, sticker.h, tile.rect, overlay.inset)
        return self._canvas.blends(sticker, x, y, tile.rect)

    def _avatar(self, tile: TileView) -> Planes:
        rect = tile.rect
        image = Image.new("RGB", (rect.w, rect.h), theme.SURFACE)
        pen = Pen(image, self._typesetter)
        radius = even(min(rect.h * 0.24, 150))
        colour = theme.LINE if tile.dimmed else _colour_of(tile)
        pen.disc(rect.w / 2, rect.h * 0.47, radius, colour)
        letters = words.initials(tile.name)
        style = Style(max(16, int(radius * 0.82)), Weight.SEMIBOLD)
        if letters:
            pen.text(rect.w / 2, rect.h * 0.47 + style.size * 0.36, letters, style, theme.TEXT, anchor="middle")
        return to_planes(image)


def _edges(rect: Rect, thick: int) -> tuple[Rect, ...]:
    if not thick:
        return ()
    return (
        Rect(rect.x, rect.y, rect.w, thick),
        Rect(rect.x, rect.bottom - thick, rect.w, thick),
        Rect(rect.x, rect.y, thick, rect.h),
        Rect(rect.right - thick, rect.y, thick, rect.h),
    )


def _label(tile: TileView) -> NameLabel:
    return NameLabel(tile.name, tile.mic_muted, tile.source is Source.SCREEN, tile.rect.w, tile.rect.h)


def _colour_of(tile: TileView) -> Rgb:
    """The same person has the same colour in every meeting."""
    return theme.AVATARS[zlib.crc32(tile.name.encode()) % len(theme.AVATARS)]
