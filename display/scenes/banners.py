"""What floats above a scene: badges, banners, name labels, the room's own status."""

from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from display import theme
from display.colour import Rgb
from display.geometry import Rect, even_up
from display.icons import Icon
from display.pen import Pen, centred_baseline
from display.scenes.scene import Corner
from display.text import Line, Style, Typesetter

_GLASS: Final[Rgb] = (8, 11, 16)
_BANNER_WIDTH: Final = 780
_BANNER_HEIGHTS: Final = (64, 92)
"""With one line and with two: the remedy comes last, and must not be cut off."""
_BANNER_INSETS: Final = {Corner.LOWER_LEFT: theme.MARGIN, Corner.BOTTOM: 16}
Part = Icon | Line


@dataclass(frozen=True, slots=True)
class Badge:
    """A quiet, permanent remark."""

    text: str
    corner: Corner = Corner.BOTTOM_RIGHT

    @property
    def inset(self) -> int:
        return theme.EDGE if self.corner is Corner.UPPER_RIGHT else 24

    def draw(self, typesetter: Typesetter) -> Image.Image:
        line = typesetter.line(self.text, theme.CAPTION)
        return _pill(typesetter, [(Icon.WARNING, theme.CAUTION), (line, theme.CAUTION)], 48, opacity=0.9)


@dataclass(frozen=True, slots=True)
class Banner:
    """Something everybody in the room should read now."""

    text: str
    icon: Icon = Icon.WARNING
    colour: Rgb = theme.CAUTION
    corner: Corner = Corner.TOP

    @property
    def inset(self) -> int:
        return _BANNER_INSETS.get(self.corner, theme.EDGE)

    def draw(self, typesetter: Typesetter) -> Image.Image:
        lines = typesetter.wrap(self.text, theme.LABEL, _BANNER_WIDTH, 2)
        width = even_up(max((line.width for line in lines), default=0) + 92)
        height = _BANNER_HEIGHTS[len(lines) > 1]
        image = Image.new("RGBA", (width, height), (*theme.RAISED, 0))
        pen = Pen(image, typesetter)
        pen.rounded(Rect(0, 0, width, height), 22, theme.RAISED, 0.96)
        pen.icon(self.icon, 24, (height - 36) / 2, 36, self.colour)
        share = (height - 12) / max(1, len(lines))
        for place, line in enumerate(lines):
            pen.text(72, centred_baseline(6 + place * share, share, line.style), line, line.style, theme.TEXT)
        return image


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """In the middle of a dimmed gallery: that the call is away, and why."""

    reason: str
    corner: Corner = Corner.MIDDLE
    inset: int = 0

    def draw(self, typesetter: Typesetter) -> Image.Image:
        title = typesetter.line("Reconnecting …", theme.HEADING)
        reason = typesetter.line(self.reason or "The room comes back by itself.", theme.NOTE, _BANNER_WIDTH)
        width = even_up(max(title.width + 76, reason.width) + 128)
        image = Image.new("RGBA", (width, 212), (*theme.SURFACE, 0))
        pen = Pen(image, typesetter)
        pen.rounded(Rect(0, 0, width, 212), theme.CARD_RADIUS, theme.SURFACE)
        left = (width - title.width - 76) / 2
        pen.icon(Icon.REFRESH, left, 50, 52, theme.CAUTION)
        pen.text(left + 76, 92, title, title.style, theme.TEXT)
        pen.text(width / 2, 156, reason, reason.style, theme.QUIET, anchor="middle")
        return image


@dataclass(frozen=True, slots=True)
class NameLabel:
    """Who it is, in the corner of the tile."""

    name: str
    mic_muted: bool
    sharing: bool
    tile_w: int
    tile_h: int
    corner: Corner = Corner.BOTTOM_LEFT

    @property
    def _square(self) -> bool:
        return self.tile_h < theme.ROUND_FROM

    @property
    def inset(self) -> int:
        if self._square:
            return 0
        return 8 if self.tile_h < 240 else 16

    def draw(self, typesetter: Typesetter) -> Image.Image:
        size = max(20, min(32, self.tile_h // 15))
        icon = [(Icon.MICROPHONE_OFF, theme.DANGER)] if self.mic_muted else []
        if self.sharing:
            icon = [(Icon.SCREEN, theme.ACCENT)]
        room = self.tile_w - 2 * self.inset - round(size * (3.0 if icon else 1.5))
        line = typesetter.line(self.name, replace(theme.LABEL, size=size), max(size * 2, room))
        parts: list[tuple[Part, Rgb]] = [*icon, (line, theme.TEXT)]
        height = even_up(size * 1.75)
        if self._square:
            return _pill(typesetter, parts, height, opacity=1.0, roundness=0.0)
        return _pill(typesetter, parts, height, opacity=0.72)


@dataclass(frozen=True, slots=True)
class TitleLabel:
    """Which meeting this is."""

    title: str
    corner: Corner = Corner.TOP_LEFT
    inset: int = theme.EDGE

    def draw(self, typesetter: Typesetter) -> Image.Image:
        line = typesetter.line(self.title, theme.LABEL, 460)
        return _pill(typesetter, [(line, theme.TEXT)], 56, opacity=0.78)


@dataclass(frozen=True, slots=True)
class Status:
    """What the room itself does: muted or not, camera off or not, and the time."""

    time: str
    mic_muted: bool
    camera_off: bool
    talking: bool = False
    """Somebody in the room talks."""
    corner: Corner = Corner.TOP_RIGHT
    inset: int = theme.EDGE

    def draw(self, typesetter: Typesetter) -> Image.Image:
        parts: list[tuple[Part, Rgb]] = []
        if self.mic_muted:
            words = typesetter.line("You are muted" if self.talking else "Muted", theme.LABEL)
            parts += [(Icon.MICROPHONE_OFF, theme.DANGER), (words, theme.DANGER)]
        else:
            parts += [(Icon.MICROPHONE, theme.GOOD)]
        if self.camera_off:
            parts += [(Icon.CAMERA_OFF, theme.DANGER), (typesetter.line("Camera off", theme.LABEL), theme.DANGER)]
        else:
            parts += [(Icon.CAMERA, theme.GOOD)]
        clock = typesetter.line(self.time, Style(30, theme.TIMES.weight))
        return _pill(typesetter, [*parts, (clock, theme.TEXT)], 56, opacity=0.78, gap=20)


def _pill(
    typesetter: Typesetter,
    parts: list[tuple[Part, Rgb]],
    height: int,
    *,
    opacity: float,
    gap: int = 0,
    roundness: float = 0.36,
) -> Image.Image:
    """Draw icons and text side by side in a rounded box. An icon stands close to the text after it."""
    close, pad, icon_size = round(height * 0.2), round(height * 0.4), round(height * 0.56)
    width, places = float(pad), []
    for i, (part, _) in enumerate(parts):
        places.append(width)
        after = close if isinstance(part, Icon) and i + 1 < len(parts) and isinstance(parts[i + 1][0], Line) else gap
        width += (icon_size if isinstance(part, Icon) else part.width) + (after if i + 1 < len(parts) else pad)
    image = Image.new("RGBA", (even_up(width), height), (*_GLASS, 0))
    pen = Pen(image, typesetter)
    pen.rounded(Rect(0, 0, image.width, height), round(height * roundness), _GLASS, opacity)
    for (part, colour), x in zip(parts, places, strict=True):
        if isinstance(part, Icon):
            pen.icon(part, x, (height - icon_size) / 2, icon_size, colour)
        else:
            pen.text(x, centred_baseline(0, height, part.style), part, part.style, colour)
    return image
