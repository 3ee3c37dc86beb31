"""A scene as a value: patches that cover the ground, live tiles on it, and overlays that float above both."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from PIL import Image

from appliance.state.layout import PersonId, Source
from display.geometry import Rect, even
from display.pen import Pen
from display.text import Typesetter


class Patch(Protocol):
    """A part of the ground. Patches of a scene do not overlap; equal patches look alike, so only a new one is drawn."""

    @property
    def rect(self) -> Rect: ...

    def paint(self, pen: Pen) -> None:
        """Draw on a pen that has the background's colour and canvas coordinates."""

    def __hash__(self) -> int: ...


class Corner(Enum):
    """Where in a rectangle an overlay sits, as fractions of the free space."""

    TOP_LEFT = (0.0, 0.0)
    TOP = (0.5, 0.0)
    UPPER = (0.5, 0.075)
    """Below what is at the top left and right, which a wide one would reach."""
    TOP_RIGHT = (1.0, 0.0)
    UPPER_RIGHT = (1.0, 0.075)
    """Below what is at the top right."""
    MIDDLE = (0.5, 0.5)
    BOTTOM = (0.5, 1.0)
    LOWER_LEFT = (0.0, 0.82)
    BOTTOM_LEFT = (0.0, 1.0)
    BOTTOM_RIGHT = (1.0, 1.0)

    def place(self, w: int, h: int, within: Rect, inset: int) -> tuple[int, int]:
        """Return the upper left corner of a w x h sticker."""
        across, down = self.value
        x = within.x + inset + (within.w - 2 * inset - w) * across
        y = within.y + inset + (within.h - 2 * inset - h) * down
        return max(within.x, even(x)), max(within.y, even(y))


class Overlay(Protocol):
    """A small drawing with transparency; equal overlays look alike, so each is drawn once and kept."""

    @property
    def corner(self) -> Corner: ...

    @property
    def inset(self) -> int: ...

    def draw(self, typesetter: Typesetter) -> Image.Image:
        """Return an RGBA image with even sides."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TileView:
    """One person's tile and everything that changes how it looks, except the picture itself."""

    person: PersonId
    source: Source
    rect: Rect
    name: str = ""
    remote: bool = True
    """Somebody else, not the room's own picture."""
    speaking: bool = False
    mic_muted: bool = False
    camera_on: bool = True
    dimmed: bool = False
    """The call is reconnecting."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the TV shows at one instant. Equal scenes need no drawing, apart from new pictures in the tiles."""

    name: str
    patches: tuple[Patch, ...] = ()
    tiles: tuple[TileView, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    layout_rev: int = 0
