"""The TV's picture: one I420 buffer that everything is drawn into, in place. Only the compose thread writes it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.link.scale import scale
from display.colour import Plane, Planes, Rgb, Sticker, adapt, yuv
from display.geometry import Rect, letterbox

_GREY_KEEPS: Final = 0.45
"""How much of its brightness a picture keeps that is not live any more."""


@dataclass(frozen=True, slots=True)
class Blend:
    """One plane of a sticker at one place of the canvas."""

    view: Plane
    clear: NDArray[np.uint16]
    colour: NDArray[np.uint16]
    where: NDArray[np.intp] | None = None
    """Only these pixels of the (then flat) view."""

    def apply(self) -> None:
        """Blend it in."""
        mixed = (self.view if self.where is None else self.view[self.where]) * self.clear
        mixed += self.colour
        mixed >>= 8
        self.view[... if self.where is None else self.where] = mixed


@dataclass(frozen=True, slots=True)
class Cover:
    """One plane of a sticker at one place, where it is more solid than clear: for colour that is as good as a blend."""

    view: Plane
    solid: NDArray[np.bool_] | bool
    colour: Plane

    def apply(self) -> None:
        """Paint it over."""
        np.copyto(self.view, self.colour, where=self.solid)


class Canvas:
    """Three planes in one block of memory, as SDL's IYUV textures and video encoders take it."""

    def __init__(self, width: int = 1920, height: int = 1080) -> None:
        self.width = width
        self.height = height
        self.rev = 0
        """Rises with every change, so that presenters can skip what they have shown."""
        luma, chroma = width * height, width * height // 4
        self.memory: Plane = np.zeros(luma + 2 * chroma, np.uint8)
        self.y: Plane = self.memory[:luma].reshape(height, width)
        self.uv: tuple[Plane, Plane] = (
            self.memory[luma : luma + chroma].reshape(height // 2, width // 2),
            self.memory[luma + chroma :].reshape(height // 2, width // 2),
        )
        self.fill(self.rect, (0, 0, 0))

    @property
    def rect(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    def copy(self) -> "Canvas":
        """Return a canvas of its own with the same picture."""
        other = Canvas(self.width, self.height)
        other.memory[:] = self.memory
        other.rev = self.rev
        return other

    def views(self, rect: Rect) -> Planes:
        """Return the planes' parts inside the rectangle; writing to them draws."""
        if rect.x < 0 or rect.y < 0 or rect.right > self.width or rect.bottom > self.height:
            raise ValueError(f"{rect} is not inside the {self.width}x{self.height} canvas")
        half = (slice(rect.y // 2, rect.bottom // 2), slice(rect.x // 2, rect.right // 2))
        return self.y[rect.y : rect.bottom, rect.x : rect.right], self.uv[0][half], self.uv[1][half]

    def fill(self, rect: Rect, rgb: Rgb) -> None:
        """Paint the rectangle in one colour."""
        for view, value in zip(self.views(rect), yuv(rgb), strict=True):
            view[:] = value
        self.rev += 1

    def paste(self, x: int, y: int, planes: Planes) -> None:
        """Copy a drawing of the same scale."""
        h, w = planes[0].shape
        for view, plane in zip(self.views(Rect(x, y, w, h)), planes, strict=True):
            view[:] = plane
        self.rev += 1

    def place(self, rect: Rect, planes: Planes, margin: Rgb, *, full_range: bool = False, matrix: int = 6) -> None:
        """Draw a picture into the rectangle, scaled to fit, with margins where its shape is another."""
        h, w = planes[0].shape
        inner = letterbox(w, h, rect)
        if inner != rect:
            self.fill(rect, margin)
        views = self.views(inner)
        if (inner.w, inner.h) == (w, h):
            self.put(views, planes, full_range=full_range, matrix=matrix)
        else:
            for plane, view in zip(planes, views, strict=True):
                scale(plane, view)
            adapt(views, full_range=full_range, matrix=matrix)
            self.rev += 1

    def put(self, views: Planes, planes: Planes, *, full_range: bool, matrix: int) -> None:
        """Copy a picture to a place of its size."""
        for view, plane in zip(views, planes, strict=True):
            view[:] = plane
        adapt(views, full_range=full_range, matrix=matrix)
        self.rev += 1

    def grey(self, views: Planes) -> None:
        """Take the colour and half the light out of a picture that is not live any more."""
        y, u, v = views
        # in limited range black is 16, and it stays black
        y[:] = np.asarray([max(16, round(16 + (i - 16) * _GREY_KEEPS)) for i in range(256)], np.uint8)[y]
        u[:] = v[:] = 128
        self.rev += 1

    def blit(self, sticker: Sticker, x: int, y: int, clip: Rect | None = None) -> None:
        """Blend a sticker in, only inside `clip`."""
        for blend in self.blends(sticker, x, y, clip):
            blend.apply()
        self.rev += 1

    def blends(self, sticker: Sticker, x: int, y: int, clip: Rect | None = None) -> list[Blend]:
        """Work out a blit beforehand, for what is blended over every new picture."""
        part = Rect(x, y, sticker.w, sticker.h).intersect(clip or self.rect)
        part = part and part.intersect(self.rect)
        if part is None:
            return []
        blends = []
        for i, view in enumerate(self.views(part)):
            unit = 2 if i else 1
            top, left = (part.y - y) // unit, (part.x - x) // unit
            cut = (slice(top, top + part.h // unit), slice(left, left + part.w // unit))
            blends.append(Blend(view, sticker.clear[min(i, 1)][cut], sticker.planes[i][cut]))
        return blends

    def covers(self, sticker: Sticker, x: int, y: int, clip: Rect | None = None) -> "list[Blend | Cover]":
        """Work out a cheaper blit: brightness blended where anything shines through, colour covered."""
        blends = self.blends(sticker, x, y, clip)
        return [blend if i == 0 and blend.clear.any() else _cover(blend) for i, blend in enumerate(blends)]

    def sparse(self, blends: list[Blend]) -> Blend:
        """Join blends that touch few pixels each, such as round corners, into one."""
        places, clear, colour = [], [], []
        for blend in blends:
            rows, columns = np.nonzero(blend.clear != 256)
            start = blend.view.ctypes.data - self.memory.ctypes.data
            places.append(start + rows * blend.view.strides[0] + columns)
            clear.append(blend.clear[rows, columns])
            colour.append(blend.colour[rows, columns])
        return Blend(self.memory, np.concatenate(clear), np.concatenate(colour), np.concatenate(places))


def _cover(blend: Blend) -> Cover:
    opacity, solid = np.maximum(256 - blend.clear, 1), blend.clear < 128
    return Cover(blend.view, bool(solid.all()) or solid, np.minimum(blend.colour // opacity, 255).astype(np.uint8))
