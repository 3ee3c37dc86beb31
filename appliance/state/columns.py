"""Text in columns of a terminal, where some letters are two wide. Pure."""

import unicodedata
from collections.abc import Iterator

COLUMNS = 80


def width(text: str) -> int:
    """Return how many columns a text takes (Unicode's annex 11)."""
    return sum(_columns(char) for char in text)


def cut(text: str, columns: int) -> str:
    """Return a text that fits into so many columns; one that was cut ends in an ellipsis."""
    if width(text) <= columns:
        return text
    room, kept = columns - 1, ""
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept += char
    return f"{kept}…"


def wrap(text: str, *, first: str = "", under: str = "") -> Iterator[str]:
    """Yield a text in lines of 80 columns that begin with `first` and then `under`; a longer word is cut."""
    line, begun = first, False
    for word in text.split():
        for piece in _pieces(word, COLUMNS - max(width(first), width(under))):
            if begun and width(f"{line} {piece}") > COLUMNS:
                yield line
                line, begun = under, False
            line = f"{line} {piece}" if begun else f"{line}{piece}"
            begun = True
    if begun:
        yield line


def _pieces(word: str, room: int) -> Iterator[str]:
    piece = ""
    for char in word:
        if piece and width(piece) + _columns(char) > room:
            yield piece
            piece = ""
        piece += char
    yield piece


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
