"""How the TV looks: one dark, calm palette and one scale of sizes, chosen to be read from four metres."""

from typing import Final

from display.colour import Rgb
from display.fonts.library import Weight
from display.text import Style

NIGHT: Final[Rgb] = (11, 14, 19)
"""Behind everything."""
SURFACE: Final[Rgb] = (24, 30, 40)
"""Cards and tiles without a picture."""
RAISED: Final[Rgb] = (36, 44, 56)
"""What stands out of a card."""
LINE: Final[Rgb] = (44, 53, 66)

TEXT: Final[Rgb] = (244, 246, 249)
QUIET: Final[Rgb] = (171, 182, 196)
FAINT: Final[Rgb] = (122, 134, 150)

ACCENT: Final[Rgb] = (96, 165, 255)
"""What happens next."""
GOOD: Final[Rgb] = (74, 214, 145)
"""Speaking, free."""
CAUTION: Final[Rgb] = (255, 190, 92)
DANGER: Final[Rgb] = (255, 107, 107)
"""Muted, off, broken."""

AVATARS: Final[tuple[Rgb, ...]] = (
    (58, 92, 150),
    (44, 112, 120),
    (112, 84, 150),
    (146, 84, 92),
    (92, 110, 62),
    (142, 104, 52),
)

MARGIN: Final = 96
"""Free space at the canvas's edges; TVs may cut some of it off."""
EDGE: Final = 52
"""The same for what floats over pictures."""
RADIUS: Final = 20
CARD_RADIUS: Final = 28
ROUND_FROM: Final = 200
"""A tile that is less high is square, and so is its name: nobody sees more from the table, and it would cost much."""

BIG_CLOCK: Final = Style(280, Weight.SEMIBOLD)
COUNTDOWN: Final = Style(268, Weight.SEMIBOLD, tabular=True)
HERO: Final = Style(76, Weight.SEMIBOLD)
TITLE: Final = Style(52, Weight.SEMIBOLD)
HEADING: Final = Style(44, Weight.SEMIBOLD)
BODY: Final = Style(36, Weight.MEDIUM)
NOTE: Final = Style(32, Weight.REGULAR)
TIMES: Final = Style(36, Weight.SEMIBOLD)
LABEL: Final = Style(28, Weight.MEDIUM)
CAPTION: Final = Style(26, Weight.SEMIBOLD)
