"""Draws scenes on the canvas, and of each only what has changed since the last time, in the compose thread."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from display import theme
from display.canvas import Blend, Canvas, Cover
from display.colour import Sticker, to_planes, to_sticker
from display.frames import Picture, PictureBook
from display.geometry import Design, Rect, even, even_up
from display.pen import Pen
from display.scenes.scene import Overlay, Patch, Scene, TileView
from display.text import Typesetter
from display.tiles import Decor, TilePainter

_TRIES: Final = 3
"""How often a picture is drawn anew that media wrote over while it was drawn."""
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
        self._given = self._scene = Scene("dark")
        self._actors: list[_Actor] = []

    def draw(self, scene: Scene, now_ns: int) -> Drawn:
        """Bring the canvas up to date."""
        if scene is not self._given:
            self._given = scene
            self._change(_inside(scene, self._canvas.rect))
        return self._draw_tiles(now_ns)

    def _change(self, scene: Scene) -> None:
        afresh = _ground(scene) != _ground(self._scene)
        if afresh:
            self._canvas.fill(self._canvas.rect, theme.NIGHT)
            self._actors = []
            self._book.forget_others(scene.tiles)
        if scene != self._scene:
            kept = () if afresh else self._scene.patches
            for patch in scene.patches:
                if patch not in kept:
                    self._paint(patch)
            self._scene = scene
            on_stage = {actor.tile: actor for actor in self._actors}
            self._actors = [on_stage.get(tile) or self._actor(tile, scene.overlays) for tile in scene.tiles]
        if afresh:
            for overlay in scene.overlays:
                for cover in self._covers(overlay, self._canvas.rect):
                    cover.apply()

    def _paint(self, patch: Patch) -> None:
        rect, place = patch.rect, self._design.on_canvas(patch.rect)
        image = Image.new("RGB", (rect.w, rect.h), theme.NIGHT)
        patch.paint(Pen(image, self._typesetter, (rect.x, rect.y)))
        self._canvas.paste(place.x, place.y, to_planes(_resized(image, place.w, place.h)))

    def _draw_tiles(self, now_ns: int) -> Drawn:
        stale, remote = [], False
        self._book.look(self._scene.layout_rev)
        for actor in self._actors:
            new = self._draw_tile(actor, now_ns)
            remote = remote or (new and actor.tile.remote)
            if actor.look == (False,):
                stale.append(str(actor.tile.person))
        return Drawn(tuple(dict.fromkeys(stale)), remote)

    def _draw_tile(self, actor: "_Actor", now_ns: int) -> bool:
        """Draw it if it changed; return whether a new picture is in it."""
        tile, new = actor.tile, False
        for _ in range(_TRIES):
            picture = _shown(tile, self._book.turn(tile, now_ns))
            look = (picture.fresh if picture else None,)
            new = new or (picture is not None and picture.new)
            if not new and actor.look == look:
                break
            self._tiles.paint(tile, picture, actor.decor)
            actor.look = look
            if picture is None or picture.frame.whole():
                break
            self._book.again(tile)
        return new

    def _actor(self, tile: TileView, overlays: tuple[Overlay, ...]) -> "_Actor":
        above = [cover for overlay in overlays for cover in self._covers(overlay, tile.rect)]
        return _Actor(tile, self._tiles.decor(tile, above))

    def _covers(self, overlay: Overlay, clip: Rect) -> list[Blend | Cover]:
        sticker = self._stickers.get(overlay, self._design.scale)
        inset = even(overlay.inset * self._design.scale)
        x, y = overlay.corner.place(sticker.w, sticker.h, self._canvas.rect, inset)
        return self._canvas.covers(sticker, x, y, clip)


@dataclass(slots=True)
class _Actor:
    """One tile of the scene and how it was last drawn."""

    tile: TileView
    decor: Decor
    look: tuple[bool | None] | None = None
    """With a fresh picture, a stale one, or without; None before it was drawn at all."""


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
