"""Rectangles on the canvas. All numbers are even, because I420 keeps one colour sample for two by two pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """A place on the canvas, in luma pixels."""

    x: int
    y: int
    w: int
    h: int

    def __post_init__(self) -> None:
        if (self.x | self.y | self.w | self.h) & 1:
            raise ValueError(f"{self} has odd numbers; chroma planes would not line up")

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    def intersect(self, other: "Rect") -> "Rect | None":
        """Return the part both share, None if there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        w, h = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Rect(x, y, w, h) if w > 0 and h > 0 else None


@dataclass(frozen=True, slots=True)
class Design:
    """Scenes are designed on 1920 x 1080; this places them on a canvas of any other size."""

    width: int
    height: int

    @property
    def scale(self) -> float:
        return min(self.width / 1920, self.height / 1080)

    def on_canvas(self, rect: Rect) -> Rect:
        """Return where a part of the design goes; neighbours stay neighbours."""
        left, top = (self.width - 1920 * self.scale) / 2, (self.height - 1080 * self.scale) / 2
        x, y = even(left + rect.x * self.scale), even(top + rect.y * self.scale)
        right, bottom = even(left + rect.right * self.scale), even(top + rect.bottom * self.scale)
        return Rect(x, y, right - x, bottom - y)


def letterbox(w: int, h: int, within: Rect) -> Rect:
    """Place a w x h picture in the middle, as large as fits without cutting or distorting it."""
    scale = min(within.w / w, within.h / h)
    # a rounding error must not turn a perfect fit into a scaled picture with a hairline beside it
    fitted_w = within.w if within.w - w * scale < 2 else max(2, even(w * scale))
    fitted_h = within.h if within.h - h * scale < 2 else max(2, even(h * scale))
    return Rect(
        within.x + even((within.w - fitted_w) / 2), within.y + even((within.h - fitted_h) / 2), fitted_w, fitted_h
    )


def even(value: float) -> int:
    """Round down to an even number."""
    return int(value) // 2 * 2


def even_up(value: float) -> int:
    """Round up to an even number."""
    return -int(-value // 2) * 2
