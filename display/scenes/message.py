"""One thing said large in the middle of the screen: the body of the joining, ended, starting and safe scenes."""

from dataclasses import dataclass
from typing import Final

from display import theme
from display.colour import Rgb
from display.geometry import Rect, even
from display.icons import Icon
from display.pen import Pen
from display.text import Style

_MIDDLE: Final = 960
_WIDTH: Final = 1480
_BELOW: Final = 0.5
"""Of the size: so far letters of some scripts hang below the baseline."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An icon in a soft disc, above the words."""

    icon: Icon
    colour: Rgb
    rect: Rect = Rect(860, 230, 200, 170)

    def paint(self, pen: Pen) -> None:
        pen.disc(_MIDDLE, 316, 76, theme.SURFACE)
        pen.icon(self.icon, _MIDDLE - 38, 278, 76, self.colour)


@dataclass(frozen=True, slots=True)
class Words:
    """A centred line, or a few."""

    text: str
    style: Style
    colour: Rgb
    baseline: int
    lines: int = 1
    below: float = _BELOW

    @property
    def rect(self) -> Rect:
        size = self.style.size // 2 * 2
        height = even(size * (1 + self.below)) + (self.lines - 1) * even(size * 1.5)
        return Rect(200, self.baseline // 2 * 2 - size, 1520, height)

    def paint(self, pen: Pen) -> None:
        for i, line in enumerate(pen.typesetter.wrap(self.text, self.style, _WIDTH, self.lines)):
            pen.text(
                _MIDDLE, self.baseline + i * self.style.size * 1.35, line, self.style, self.colour, anchor="middle"
            )


@dataclass(frozen=True, slots=True)
class Corners:
    """The room's name and the time, small, so that the TV stays the room's."""

    room: str
    time: str
    rect: Rect = Rect(theme.MARGIN, 60, 1920 - 2 * theme.MARGIN, 80)

    def paint(self, pen: Pen) -> None:
        pen.text(theme.MARGIN, 114, self.room, theme.BODY, theme.QUIET, width=1200)
        pen.text(1920 - theme.MARGIN, 114, self.time, theme.TIMES, theme.QUIET, anchor="right")


@dataclass(frozen=True, slots=True)
class Hint:
    """What a person can do, in a box at the foot of the screen."""

    icon: Icon
    text: str
    baseline: int = 930
    rect: Rect = Rect(300, 868, 1320, 100)

    def paint(self, pen: Pen) -> None:
        line = pen.typesetter.line(self.text, theme.BODY, 1180)
        width = round(line.width + 150) // 2 * 2
        box = Rect(_MIDDLE // 2 * 2 - width // 4 * 2, 872, width, 84)
        pen.rounded(box, theme.CARD_RADIUS, theme.SURFACE)
        pen.icon(self.icon, box.x + 38, 894, 40, theme.ACCENT)
        pen.text(box.x + 98, 927, line, theme.BODY, theme.TEXT)
