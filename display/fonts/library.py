"""Finds a font for every character: Inter, which we bring along, then what the system has (Noto, DejaVu, ...)."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from PIL import ImageFont

from display.fonts.coverage import Coverage, read_coverage

SYSTEM_FONTS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_EMOJI_PIXELS: Final = 109
"""The one size Noto Color Emoji's bitmaps have."""
_REMEMBERED: Final = 4096
_FIRST_EMOJI: Final = 0x1F000
_OTHER_STYLES: Final = ("italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif", "medium")


class Weight(StrEnum):
    """The cuts of Inter that the TV uses; also the ends of their file names."""

    REGULAR = "Regular"
    MEDIUM = "Medium"
    SEMIBOLD = "SemiBold"
    BOLD = "Bold"


@dataclass(frozen=True, slots=True)
class Face:
    """One font file."""

    path: Path
    colour: bool = False
    """Its glyphs are little colour bitmaps of one fixed size."""


class Library:
    """The fonts of this machine. System fonts are looked at when a character first needs one."""

    def __init__(self, roots: Sequence[Path] = SYSTEM_FONTS) -> None:
        self._roots = roots
        self._coverage: dict[Path, Coverage] = {}
        self._chosen: dict[tuple[str, bool], Face | None] = {}
        self._loaded: dict[tuple[Face, int], ImageFont.FreeTypeFont] = {}

    def own(self, weight: Weight) -> Face:
        """Return Inter."""
        return Face(Path(__file__).with_name(f"Inter-{weight}.otf"))

    def covers(self, face: Face, text: str) -> bool:
        """Whether the face has a glyph for each character."""
        if face.path not in self._coverage:
            self._coverage[face.path] = read_coverage(face.path)
        coverage = self._coverage[face.path]
        return all(char in coverage for char in text)

    def substitute(self, text: str, *, bold: bool = False) -> Face | None:
        """Return the best system font for these characters, None if there is none."""
        if (text, bold) not in self._chosen:
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            self._chosen[text, bold] = self._search(text, bold=bold)
        return self._chosen[text, bold]

    def load(self, face: Face, pixels: int) -> ImageFont.FreeTypeFont | None:
        """Open a face at a size; None when the file is broken."""
        pixels = _EMOJI_PIXELS if face.colour else pixels
        if (face, pixels) not in self._loaded:
            try:
                self._loaded[face, pixels] = ImageFont.truetype(face.path, pixels)
            except (OSError, ValueError):
                self._coverage[face.path] = Coverage()
                return None
        return self._loaded[face, pixels]

    def _search(self, text: str, *, bold: bool) -> Face | None:
        emoji = any(ord(char) >= _FIRST_EMOJI for char in text) or "\ufe0f" in text
        faces = sorted(self._system, key=lambda face: (face.colour != emoji, ("Bold" in face.path.stem) != bold))
        wanted = "".join(char for char in text if char not in "\u200d\ufe0f\ufe0e")
        return next((face for face in faces if self.covers(face, wanted) and self.load(face, 16)), None)

    @functools.cached_property
    def _system(self) -> tuple[Face, ...]:
        paths = [path for root in self._roots for path in root.rglob("*") if path.suffix in {".ttf", ".otf", ".ttc"}]
        return tuple(Face(path, "ColorEmoji" in path.name) for path in sorted(paths, key=_rank))


def _rank(path: Path) -> tuple[bool, bool, bool, str]:
    """Plain sans-serif first, Noto before others: it looks most like Inter."""
    name = path.stem.lower()
    return any(style in name for style in _OTHER_STYLES), "sans" not in name, "noto" not in name, name
