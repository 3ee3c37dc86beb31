"""Text that strangers wrote (names, titles, reasons), made safe to show and to log."""

import unicodedata
from collections.abc import Iterator

GRAPHEMES = 64
_CUT = "…"
_ZWJ = "\u200d"
_VARIATION = frozenset("\ufe0e\ufe0f")
_LONGEST_GRAPHEME = 12


def clean_text(text: str, limit: int = GRAPHEMES) -> str:
    """Return text on one line, without control, bidi and zero-width characters, at most `limit` graphemes long.

    Graphemes are bounded too, so no pile of combining marks climbs over the next line; a zero-width joiner stays only
    between two visible characters, where emoji need it. The result is plain text: widgets still show it without markup.
    """
    # a hostile megabyte must not cost more than a long name does
    words = " ".join(text[: limit * 32].split())
    graphemes = [g.rstrip(_ZWJ) for g in _graphemes(unicodedata.normalize("NFC", words))]
    if len(graphemes) > limit:
        graphemes = [*graphemes[: limit - 1], _CUT]
    return " ".join("".join(graphemes).split())


def _graphemes(text: str) -> Iterator[str]:
    grapheme = ""
    for char in filter(_visible, text):
        extends = char == _ZWJ or char in _VARIATION or unicodedata.category(char)[0] == "M" or grapheme.endswith(_ZWJ)
        if not extends or grapheme in {"", " "}:
            if grapheme:
                yield grapheme
            grapheme = "" if extends else char
        elif len(grapheme) < _LONGEST_GRAPHEME:
            grapheme += char
    if grapheme:
        yield grapheme


def _visible(char: str) -> bool:
    return char == _ZWJ or unicodedata.category(char)[0] != "C"
