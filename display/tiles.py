"""Draws one person's tile: the picture, or who it would be; round corners, the mark of who speaks, the name."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from appliance.link.frames import RingFrame
from appliance.state.layout import Source
from display import theme
from display.canvas import Blend, Canvas, Cover
from display.colour import Plane, Planes, Rgb, Sticker, to_planes, yuv
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


Strip = tuple[Plane, int]
"""A part of one of the canvas's planes, and what it is filled with."""


@dataclass(frozen=True, slots=True)
class Decor:
    """What surrounds and covers every new picture of a tile, worked out once."""

    inner: Planes
    """The canvas inside the gap."""
    cuts: tuple[tuple[slice, slice], ...]
    """The same part of a picture that has the tile's size, of which the gap hides an edge."""
    gap: tuple[Strip, ...]
    name: tuple[Blend | Cover, ...]
    mark: tuple[Strip, ...]
    """The straight parts of the speaking mark, over the name."""
    covers: tuple[Blend | Cover, ...]


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
            _fill(decor.gap)
        else:
            self._paint_frame(tile, picture.frame, decor)
            if tile.dimmed or not picture.fresh:
                self._canvas.grey(decor.inner)
        for part in decor.name:
            part.apply()
        _fill(decor.mark)
        for cover in decor.covers:
            cover.apply()

    def _paint_frame(self, tile: TileView, frame: RingFrame, decor: Decor) -> None:
        planes = (frame.y, frame.u, frame.v)
        if (frame.w, frame.h) == (tile.rect.w, tile.rect.h):
            y, u, v = (plane[cut] for plane, cut in zip(planes, decor.cuts, strict=True))
            self._canvas.put(decor.inner, (y, u, v), full_range=frame.full_range, matrix=frame.matrix)
        else:
            self._canvas.place(tile.rect, planes, theme.SURFACE, full_range=frame.full_range, matrix=frame.matrix)
            _fill(decor.gap)

    def decor(self, tile: TileView, above: list[Blend | Cover]) -> Decor:
        """Work out gap, corners, speaking mark and name; `above` are the parts of overlays over this tile."""
        rect, gap = tile.rect, self._gap(tile)
        inner = Rect(rect.x + gap, rect.y + gap, rect.w - 2 * gap, rect.h - 2 * gap)
        border = even(max(4, min(8, rect.h / 60))) if tile.speaking else 0
        corners: list[Blend | Cover] = []
        if gap and inner.h >= theme.ROUND_FROM:
            radius = even(max(8, min(theme.RADIUS, rect.h // 12)))
            corners.append(self._corners(inner, radius, border))
        return Decor(
            self._canvas.views(inner),
            tuple(_inset(gap // unit) for unit in (1, 2, 2)),
            self._strips(_edges(rect, gap), theme.NIGHT),
            tuple(self._label(tile, inner)) if tile.name else (),
            self._strips(_edges(inner, border), theme.GOOD),
            (*corners, *above),
        )

    def _gap(self, tile: TileView) -> int:
        """Return the dark edge of a tile. What covers the canvas has none, and nothing is cut off a shared screen."""
        if tile.rect == self._canvas.rect or tile.source is Source.SCREEN:
            return 0
        return even(max(2, min(6, tile.rect.h / 90)))

    def _strips(self, edges: tuple[Rect, ...], colour: Rgb) -> tuple[Strip, ...]:
        return tuple(
            (view, value) for edge in edges for view, value in zip(self._canvas.views(edge), yuv(colour), strict=True)
        )

    def _corners(self, inner: Rect, radius: int, border: int) -> Blend:
        blends: list[Blend] = []
        for corner in _CORNERS:
            sticker = self._sticker(RoundCorner(corner, radius, border))
            blends += self._canvas.blends(sticker, *corner.place(sticker.w, sticker.h, inner, 0), inner)
        return self._canvas.sparse(blends)

    def _label(self, tile: TileView, inner: Rect) -> list[Blend | Cover]:
        label = NameLabel(tile.name, tile.mic_muted, tile.source is Source.SCREEN, inner.w, inner.h)
        sticker = self._sticker(label)
        return self._canvas.covers(sticker, *label.corner.place(sticker.w, sticker.h, inner, label.inset), inner)

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


def _inset(by: int) -> tuple[slice, slice]:
    cut = slice(by, -by or None)
    return cut, cut


def _fill(strips: tuple[Strip, ...]) -> None:
    for view, value in strips:
        view[:] = value


def _colour_of(tile: TileView) -> Rgb:
    """The same person has the same colour in every meeting."""
    return theme.AVATARS[zlib.crc32(tile.name.encode()) % len(theme.AVATARS)]
