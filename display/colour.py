"""Between RGB, which people draw in, and the canvas's colours: I420, BT.601, limited range."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from display.canvas import Canvas

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
Rgb = tuple[int, int, int]

BT709: Final = 1
"""H.273 matrix coefficients."""

# Pillow's YCbCr is full range (JFIF); video keeps luma in 16..235 and chroma in 16..240 (BT.601)
_SQUEEZE_Y: Final = [round(16 + i * 219 / 255) for i in range(256)]
_SQUEEZE_C: Final = [round(128 + (i - 128) * 224 / 255) for i in range(256)]
_STRETCH_Y: Final = [max(0, min(255, round((i - 16) * 255 / 219))) for i in range(256)]
_STRETCH_C: Final = [max(0, min(255, round(128 + (i - 128) * 255 / 224))) for i in range(256)]


@dataclass(frozen=True, slots=True)
class Sticker:
    """A small drawing with transparency, ready to be blended into the canvas."""

    w: int
    h: int
    planes: tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]
    """Colours multiplied by their opacity, 0 to 256."""
    clear: tuple[NDArray[np.uint16], NDArray[np.uint16]]
    """256 - opacity, for luma and for chroma."""


@functools.cache
def yuv(rgb: Rgb) -> tuple[int, int, int]:
    """Return the canvas's values for one colour."""
    y, u, v = to_planes(Image.new("RGB", (2, 2), rgb))
    return int(y[0, 0]), int(u[0, 0]), int(v[0, 0])


def to_planes(image: Image.Image) -> Planes:
    """Convert a drawing with even sides."""
    y, cb, cr = image.convert("RGB").convert("YCbCr").split()
    return (
        np.asarray(y.point(_SQUEEZE_Y)),
        np.asarray(cb.reduce(2).point(_SQUEEZE_C)),
        np.asarray(cr.reduce(2).point(_SQUEEZE_C)),
    )


def to_sticker(image: Image.Image) -> Sticker:
    """Convert an RGBA drawing with even sides. Chroma under an edge is what is visible of it, so no dark fringe."""
    alpha = image.getchannel("A")
    solid = image.convert("RGBa").reduce(2).convert("RGBA").convert("RGB")
    y = np.asarray(image.convert("RGB").convert("YCbCr").getchannel("Y").point(_SQUEEZE_Y), np.uint16)
    _, cb, cr = solid.convert("YCbCr").split()
    fine, coarse = _of_256(alpha), _of_256(alpha.reduce(2))
    u, v = (np.asarray(c.point(_SQUEEZE_C), np.uint16) for c in (cb, cr))
    return Sticker(*image.size, (y * fine, u * coarse, v * coarse), (256 - fine, 256 - coarse))


def _of_256(alpha: Image.Image) -> NDArray[np.uint16]:
    """Stretch 0..255 to 0..256, so that blending can shift where it would divide."""
    opacity = np.asarray(alpha, np.uint16)
    return opacity + (opacity >> 7)


def to_image(canvas: "Canvas") -> Image.Image:
    """Convert the whole canvas to RGB, for PNG, JPEG and people's eyes."""
    size = (canvas.width, canvas.height)
    y = Image.fromarray(canvas.y).point(_STRETCH_Y)
    u, v = (Image.fromarray(plane).point(_STRETCH_C).resize(size, Image.Resampling.BILINEAR) for plane in canvas.uv)
    return Image.merge("YCbCr", (y, u, v)).convert("RGB")


def adapt(planes: Planes, *, full_range: bool, matrix: int) -> None:
    """Change a picture in place to the canvas's colours, if it has others (screens are often BT.709)."""
    y, u, v = planes
    if full_range:
        _squeeze(y, u, v)
    if matrix == BT709:
        _from_bt709(y, u, v)


def _squeeze(y: Plane, u: Plane, v: Plane) -> None:
    import cv2  # noqa: PLC0415 - 16 MB that an idle room does not need

    for plane, table in ((y, _SQUEEZE_Y), (u, _SQUEEZE_C), (v, _SQUEEZE_C)):
        cv2.LUT(plane, np.asarray(table, np.uint8), dst=plane)


def _from_bt709(y: Plane, u: Plane, v: Plane) -> None:
    """BT.709 to BT.601, limited range: the product of one's inverse matrix and the other's (H.273, table 4)."""
    import cv2  # noqa: PLC0415 - 16 MB that an idle room does not need

    lift = cv2.addWeighted(u, 0.0993, v, 0.1917, -0.291 * 128 + 128)
    lift = cv2.resize(lift, (y.shape[1], y.shape[0]), interpolation=cv2.INTER_NEAREST)
    y[:] = cv2.addWeighted(y, 1.0, lift, 1.0, -128.0)
    new_u = cv2.addWeighted(u, 0.9899, v, -0.1109, 128 * (1 - 0.9899 + 0.1109))
    v[:] = cv2.addWeighted(v, 0.9834, u, -0.0725, 128 * (1 - 0.9834 + 0.0725))
    u[:] = new_u
