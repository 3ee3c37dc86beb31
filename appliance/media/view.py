"""What of a camera's picture is sent: a crop in parts of the picture, the aim that means it, and its pixels. Pure."""

import math
from dataclasses import dataclass

from hardware.camera.aim import Aim

LEAST_WIDTH = 640
"""Pixels of the camera in the narrowest crop: less looks like a blur on a TV."""
_SMALLEST_BOX = 16


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the picture; the default is as much of it as has the proportions of what is sent."""

    x: float = 0.5
    """Where its middle is: 0 the left edge of the picture, 1 the right one."""
    y: float = 0.5
    """0 the top, 1 the bottom."""
    size: float = 1.0
    """Its width as part of the widest crop there is."""


@dataclass(frozen=True, slots=True)
class Box:
    """A crop in whole, even pixels: I420 halves them."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class View:
    """A camera's picture and what is sent of it. Sizes are width and height, even."""

    picture: tuple[int, int]
    sent: tuple[int, int]
    field_of_view_deg: float = 70.0
    """From the left edge of the picture to the right one."""
    array_deg: float = 0.0
    """Where the camera looks, as the microphone array counts: positive when the array's zero points to its left."""
    least_width: int = LEAST_WIDTH

    @property
    def widest(self) -> tuple[float, float]:
        """The widest crop, as parts of the picture's width and height."""
        (width, height), (sent_width, sent_height) = self.picture, self.sent
        ratio = width * sent_height / (height * sent_width)
        return (1 / ratio, 1.0) if ratio > 1 else (1.0, ratio)

    @property
    def least(self) -> float:
        """The size of the narrowest crop."""
        return min(1.0, self.least_width / (self.widest[0] * self.picture[0]))

    def inside(self, crop: Crop) -> Crop:
        """Return the nearest crop that the picture holds."""
        size = _within(crop.size, self.least, 1.0)
        across, down = (part * size / 2 for part in self.widest)
        return Crop(_within(crop.x, across, 1 - across), _within(crop.y, down, 1 - down), size)

    def crop(self, aim: Aim) -> Crop:
        """Return what a digital head shows for an aim: each step of zoom is the same factor."""
        size = self.least**aim.zoom
        across, down = self.widest
        return Crop(0.5 + aim.pan * (1 - size * across) / 2, 0.5 - aim.tilt * (1 - size * down) / 2, size)

    def aim(self, crop: Crop) -> Aim:
        """Return the aim that shows a crop; the opposite of `crop`."""
        zoom = math.log(crop.size) / math.log(self.least) if self.least < 1 else 0.0
        across, down = (1 - crop.size * part for part in self.widest)
        pan = (2 * crop.x - 1) / across if across > 1e-9 else 0.0
        tilt = (1 - 2 * crop.y) / down if down > 1e-9 else 0.0
        return Aim.within(pan, tilt, zoom)

    def box(self, crop: Crop) -> Box:
        """Return the pixels of a crop: inside the picture, and as wide for its height as what is sent, to a pixel."""
        (width, height), (sent_width, sent_height) = self.picture, self.sent
        wide = _even(crop.size * self.widest[0] * width, _SMALLEST_BOX, width)
        high = _even(wide * sent_height / sent_width, _SMALLEST_BOX, height)
        left, top = (
            _even(crop.x * width - wide / 2, 0, width - wide),
            _even(crop.y * height - high / 2, 0, height - high),
        )
        return Box(left, top, wide, high)

    def place(self, heard_deg: float) -> float | None:
        """Return where in the picture a voice comes from, for a lens that keeps lines straight; None out of view.

        The array is taken to be at the camera. Where it lies elsewhere, near people are off to the other side.
        """
        degrees, half = heard_deg - self.array_deg, self.field_of_view_deg / 2
        if not abs(degrees) <= half:
            return None
        return 0.5 + math.tan(math.radians(degrees)) / math.tan(math.radians(half)) / 2

    def direction(self, x: float) -> float:
        """Return from where a voice would be heard of somebody in the picture; the opposite of `place`."""
        half = math.radians(self.field_of_view_deg / 2)
        return math.degrees(math.atan((2 * x - 1) * math.tan(half))) + self.array_deg

    def size_of(self, degrees: float) -> float:
        """Return the size of a crop in the middle that shows so much from left to right."""
        part = math.tan(math.radians(degrees / 2)) / math.tan(math.radians(self.field_of_view_deg / 2))
        return _within(part / self.widest[0], self.least, 1.0)


def _within(value: float, lowest: float, highest: float) -> float:
    return max(lowest, min(highest, value))


def _even(value: float, lowest: int, highest: int) -> int:
    """Return the nearest even number from an even one to another."""
    return max(lowest, min(highest // 2 * 2, round(value / 2) * 2))
