"""Draws scenes on the canvas, and of each only what has changed since the last time, in the compose thread."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from display import theme
from display.canvas import Blend, Canvas
from display.colour import Sticker, to_planes, to_sticker
from display.frames import Picture, PictureBook
from display.geometry import Design, Rect, even, even_up
from display.pen import Pen
from display.scenes.scene import Overlay, Patch, Scene, TileView
from display.text import Typesetter
from display.tiles import Decor, TilePainter

_STICKERS: Final = 160
"""More than 49 tiles need; a sticker is some tens of kilobytes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one drawing did."""

    stale: tuple[str, ...] = ()
    """People whose picture stopped."""
    remote: bool = False
    """A new picture of somebody else is on the canvas."""


class Stickers:
    """Overlays, drawn once each."""

    def __init__(self, typesetter: Typesetter) -> None:
        self._typesetter = typesetter
        self._kept: OrderedDict[tuple[Overlay, float], Sticker] = OrderedDict()

    def get(self, overlay: Overlay, scale: float = 1.0) -> Sticker:
        """Return the sticker; the least used ones are thrown away."""
        key = (overlay, scale)
        if key not in self._kept:
            image = overlay.draw(self._typesetter)
            self._kept[key] = to_sticker(_resized(image, even_up(image.width * scale), even_up(image.height * scale)))
            if len(self._kept) > _STICKERS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class Stage:
    """The canvas and what is on it."""

    def __init__(self, canvas: Canvas, book: PictureBook, typesetter: Typesetter | None = None) -> None:
        self._canvas = canvas
        self._book = book
        self._typesetter = typesetter or Typesetter()
        self._design = Design(canvas.width, canvas.height)
        self._stickers = Stickers(self._typesetter)
        self._tiles = TilePainter(canvas, self._typesetter, self._stickers.get)
        self._scene = Scene("dark")
        self._looks: dict[TileView, bool | None] = {}
        """How each tile was drawn: with a fresh picture, a stale one, or none."""
        self._decors: dict[TileView, Decor] = {}

    def draw(self, scene: Scene, now_ns: int) -> Drawn:
        """Bring the canvas up to date."""
        scene = _inside(scene, self._canvas.rect)
        afresh = _ground(scene) != _ground(self._scene)
        if afresh:
            self._canvas.fill(self._canvas.rect, theme.NIGHT)
            self._looks, self._decors = {}, {}
            self._book.forget_others(scene.tiles)
        if scene != self._scene:
            kept = () if afresh else self._scene.patches
            for patch in scene.patches:
                if patch not in kept:
                    self._paint(patch)
            self._scene = scene
        if afresh:
            for overlay in scene.overlays:
                for blend in self._blends(overlay, self._canvas.rect):
                    blend.apply()
        return self._draw_tiles(scene, now_ns)

    def _paint(self, patch: Patch) -> None:
        rect, place = patch.rect, self._design.on_canvas(patch.rect)
        image = Image.new("RGB", (rect.w, rect.h), theme.NIGHT)
        patch.paint(Pen(image, self._typesetter, (rect.x, rect.y)))
        self._canvas.paste(place.x, place.y, to_planes(_resized(image, place.w, place.h)))

    def _draw_tiles(self, scene: Scene, now_ns: int) -> Drawn:
        stale, remote, looks = [], False, {}
        for tile in scene.tiles:
            picture, new = self._book.turn(tile, scene.layout_rev, now_ns)
            picture = _shown(tile, picture)
            looks[tile] = look = picture.fresh if picture else None
            if new or tile not in self._looks or self._looks[tile] != look:
                self._tiles.paint(tile, picture, self._decor(tile, scene.overlays))
                remote = remote or (new and tile.remote and picture is not None)
            if look is False:
                stale.append(str(tile.person))
        self._looks = looks
        for gone in self._decors.keys() - looks.keys():
            del self._decors[gone]
        return Drawn(tuple(dict.fromkeys(stale)), remote)

    def _decor(self, tile: TileView, overlays: tuple[Overlay, ...]) -> Decor:
        if tile not in self._decors:
            above = [blend for overlay in overlays for blend in self._blends(overlay, tile.rect)]
            self._decors[tile] = self._tiles.decor(tile, above)
        return self._decors[tile]

    def _blends(self, overlay: Overlay, clip: Rect) -> list[Blend]:
        sticker = self._stickers.get(overlay, self._design.scale)
        inset = even(overlay.inset * self._design.scale)
        x, y = overlay.corner.place(sticker.w, sticker.h, self._canvas.rect, inset)
        return self._canvas.blends(sticker, x, y, clip)


def _shown(tile: TileView, picture: Picture | None) -> Picture | None:
    """A camera that was switched off leaves no grey face behind."""
    return None if picture and not picture.fresh and not tile.camera_on else picture


def _inside(scene: Scene, canvas: Rect) -> Scene:
    """Leave out tiles of a layout for a larger canvas; a wrong setting must not darken the TV."""
    tiles = tuple(tile for tile in scene.tiles if tile.rect.intersect(canvas) == tile.rect)
    return scene if len(tiles) == len(scene.tiles) else replace(scene, tiles=tiles)


def _ground(scene: Scene) -> tuple[object, ...]:
    """Return what forces everything to be drawn again when it changes."""
    return (
        tuple(patch.rect for patch in scene.patches),
        tuple((tile.person, tile.source, tile.rect) for tile in scene.tiles),
        scene.overlays,
    )


def _resized(image: Image.Image, w: int, h: int) -> Image.Image:
    return image if image.size == (w, h) else image.resize((w, h), Image.Resampling.LANCZOS)
