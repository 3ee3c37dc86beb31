"""Sets text for the TV: any script the machine has fonts for, measured, shortened with an ellipsis, cached.

Everything shown passes `clean_text` here once more, so no stranger's name can reach Pillow uncleaned.
"""

import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from appliance.state.clean import clean_text
from display.colour import Rgb
from display.fonts.library import Face, Library, Weight

_CUT: Final = "…"
_DIGITS: Final = frozenset("0123456789")
_ZWJ: Final = "\u200d"
_CACHED: Final = 512
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text looks."""

    size: int
    """Pixels to the em."""
    weight: Weight = Weight.REGULAR
    tabular: bool = False
    """All digits equally wide, for clocks that must not wobble."""


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that one font draws; without a face each becomes a visible box."""

    text: str
    face: Face | None
    width: float
    indent: float = 0.0
    """Space before it that belongs to its width."""


@dataclass(frozen=True, slots=True)
class Line:
    """Text that has been measured and fits."""

    runs: tuple[Run, ...]
    """In the order they are drawn, left to right."""
    width: float
    style: Style


class Typesetter:
    """Measures and draws lines of text."""

    def __init__(self, library: Library | None = None) -> None:
        self._library = library or Library()
        self._lines: dict[tuple[str, Style, int | None], Line] = {}

    def line(self, text: str, style: Style, max_width: int | None = None) -> Line:
        """Measure text for one line, cut with an ellipsis where it is too wide."""
        key = (text, style, max_width)
        if key not in self._lines:
            if len(self._lines) >= _CACHED:
                self._lines.clear()
            self._lines[key] = self._fit(clean_text(text, _LONGEST), style, max_width)
        return self._lines[key]

    def wrap(self, text: str, style: Style, max_width: int, max_lines: int) -> tuple[Line, ...]:
        """Break text at spaces into at most so many lines; the last one is cut."""
        lines: list[Line] = []
        words = clean_text(text, _LONGEST).split()
        while words and len(lines) < max_lines - 1:
            count = max(1, self._fitting_words(words, style, max_width))
            lines.append(self.line(" ".join(words[:count]), style, max_width))
            words = words[count:]
        if words:
            lines.append(self.line(" ".join(words), style, max_width))
        return tuple(lines)

    def draw(self, image: Image.Image, xy: tuple[float, float], line: Line, fill: Rgb) -> None:
        """Draw with the baseline's left end at `xy`."""
        x, y = xy
        for run in line.runs:
            if run.face is None:
                _draw_boxes(image, x, y, run, line.style, fill)
                x += run.width
                continue
            font = self._font(run.face, line.style)
            if run.face.colour:
                _draw_bitmaps(image, x, y, run, font, line.style)
            else:
                ImageDraw.Draw(image).text((x, y), run.text, fill, font, anchor="ls")
            x += run.width

    def _fit(self, text: str, style: Style, max_width: int | None) -> Line:
        whole = self._measure(text, style)
        if max_width is None or whole.width <= max_width:
            return whole
        clusters = list(_clusters(text))
        short, long = 0, len(clusters)
        while long - short > 1:
            middle = (short + long) // 2
            fits = self._measure(_cut(clusters[:middle]), style).width <= max_width
            short, long = (middle, long) if fits else (short, middle)
        return self._measure(_cut(clusters[:short]), style)

    def _fitting_words(self, words: list[str], style: Style, max_width: int) -> int:
        count = 0
        while count < len(words) and self._measure(" ".join(words[: count + 1]), style).width <= max_width:
            count += 1
        return count

    def _measure(self, text: str, style: Style) -> Line:
        parts = self._parts(text, style.weight)
        if style.tabular:
            parts = [(char, face) for part, face in parts for char in _clusters(part)]
        runs = tuple(self._run(part, face, style) for part, face in parts)
        if _reads_right_to_left(text):
            runs = runs[::-1]
        return Line(runs, sum(run.width for run in runs), style)

    def _parts(self, text: str, weight: Weight) -> list[tuple[str, Face | None]]:
        own = self._library.own(weight)
        if self._library.covers(own, text):
            return [(text, own)] if text else []
        clusters = list(_clusters(text))
        parts: list[tuple[str, Face | None]] = []
        for cluster, face in zip(clusters, self._faces(clusters, own), strict=True):
            if parts and parts[-1][1] == face:
                parts[-1] = (parts[-1][0] + cluster, face)
            else:
                parts.append((cluster, face))
        return parts

    def _faces(self, clusters: list[str], own: Face) -> list[Face | None]:
        """Choose a font for each cluster. What stands between two words of one font goes with them.

        So a line's right-to-left words stay in one run, which the shaper then orders.
        """
        faces = [self._face(cluster, own) for cluster in clusters]
        anchored = [i for i, cluster in enumerate(clusters) if not _is_neutral(cluster)]
        for left, right in itertools.pairwise(anchored):
            face, between = faces[left], clusters[left + 1 : right]
            if face and face == faces[right] and self._library.covers(face, "".join(between)):
                faces[left + 1 : right] = [face] * len(between)
        return faces

    def _face(self, cluster: str, own: Face) -> Face | None:
        if "\ufe0f" not in cluster and self._library.covers(own, cluster):
            return own
        bold = own in {self._library.own(Weight.SEMIBOLD), self._library.own(Weight.BOLD)}
        return self._library.substitute(cluster, bold=bold) or self._library.substitute(cluster[0], bold=bold)

    def _run(self, text: str, face: Face | None, style: Style) -> Run:
        if face is None:
            return Run(text, None, len(list(_clusters(text))) * _box_advance(style))
        font = self._font(face, style)
        if face.colour:
            return Run(text, face, font.getlength(text) * _bitmap_scale(font, style))
        return _digit(text, face, font) if style.tabular and text in _DIGITS else Run(text, face, font.getlength(text))

    def _font(self, face: Face, style: Style) -> ImageFont.FreeTypeFont:
        font = self._library.load(face, style.size) or self._library.load(self._library.own(style.weight), style.size)
        if font is None:
            raise OSError("the fonts that come with Salon are damaged; install it again")
        return font


def _digit(text: str, face: Face, font: ImageFont.FreeTypeFont) -> Run:
    """Centre a digit in a cell of the widest one. The font's own "tnum" needs a shaper that not every machine has."""
    cell, width = max(font.getlength(digit) for digit in _DIGITS), font.getlength(text)
    return Run(text, face, cell, (cell - width) / 2)


def _cut(clusters: list[str]) -> str:
    return "".join(clusters).rstrip() + _CUT


def _clusters(text: str) -> Iterator[str]:
    """Split into what readers take for one character, well enough for choosing fonts and cutting."""
    cluster = ""
    for char in text:
        extends = (
            unicodedata.category(char)[0] == "M"
            or char == _ZWJ
            or cluster.endswith(_ZWJ)
            or "\U0001f3fb" <= char <= "\U0001f3ff"
            or (_is_flag(char) and len(cluster) == 1 and _is_flag(cluster))
        )
        if cluster and not extends:
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_neutral(cluster: str) -> bool:
    """Whether it has no direction of its own: spaces, punctuation, symbols."""
    return unicodedata.bidirectional(cluster[0]) not in {"L", "R", "AL", "EN", "AN"}


def _reads_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction says so (Unicode Annex 9, rule P2)."""
    directions = (unicodedata.bidirectional(char) for char in text)
    return next((d for d in directions if d in {"L", "R", "AL"}), "L") != "L"


def _bitmap_scale(font: ImageFont.FreeTypeFont, style: Style) -> float:
    return style.size * 1.17 / font.size


def _box_advance(style: Style) -> float:
    return style.size * 0.8


def _draw_boxes(image: Image.Image, x: float, y: float, run: Run, style: Style, fill: Rgb) -> None:
    """Show that something is written here that this machine has no font for."""
    draw, w, stroke = ImageDraw.Draw(image), style.size * 0.62, max(2, style.size // 16)
    for i, cluster in enumerate(_clusters(run.text)):
        if not cluster.isspace():
            left = x + i * _box_advance(style)
            draw.rounded_rectangle(
                (left, y - style.size * 0.72, left + w, y), style.size // 8, outline=fill, width=stroke
            )


def _draw_bitmaps(image: Image.Image, x: float, y: float, run: Run, font: ImageFont.FreeTypeFont, style: Style) -> None:
    """Draw emoji at the one size they have and scale them."""
    scale = _bitmap_scale(font, style)
    ascent, descent = font.getmetrics()
    size = (max(1, int(font.getlength(run.text))), ascent + descent)
    picture = Image.new("RGBA", size)
    ImageDraw.Draw(picture).text((0, ascent), run.text, font=font, anchor="ls", embedded_color=True)
    picture = picture.resize((max(1, int(size[0] * scale)), max(1, int(size[1] * scale))), Image.Resampling.BOX)
    image.paste(picture, (int(x), int(y - ascent * scale)), picture)
