"""Text that strangers wrote (names, titles, reasons), made safe to show and to log."""

import unicodedata

GRAPHEMES = 64
_CUT = "…"
_JOINERS = frozenset("\u200d\ufe0f\ufe0e")


def clean_text(text: str, limit: int = GRAPHEMES) -> str:
    """Return text on one line, without control, bidi and zero-width characters, at most `limit` graphemes long.

    Combining marks are bounded (4 a grapheme), so no name can climb over the next line. A zero-width joiner and a
    variation selector stay only between two visible characters, where emoji need them. Unassigned, private and
    surrogate code points go. The result is plain text: widgets must still show it without markup.
    """
    # a hostile megabyte must not cost more than a long name does
    folded = unicodedata.normalize("NFC", text[: limit * 32])
    graphemes: list[str] = []
    joined = False
    for char in folded:
        if char in _JOINERS:
            joined = joined or (char == "\u200d" and bool(graphemes))
            if graphemes and graphemes[-1] != " " and len(graphemes[-1]) < 12:
                graphemes[-1] += char
            continue
        kind = unicodedata.category(char)
        if char.isspace():
            char, kind = " ", "Zs"  # noqa: PLW2901 - one name for the character that is kept
        if kind[0] == "C" or kind in {"Zl", "Zp"}:
            continue
        if kind[0] == "M" and not graphemes:
            continue
        if char == " " and (not graphemes or graphemes[-1] == " "):
            continue
        if graphemes and (kind[0] == "M" or (joined and graphemes[-1] != " ")):
            if len(graphemes[-1]) < 5 or (joined and len(graphemes[-1]) < 12):
                graphemes[-1] += char
        else:
            graphemes.append(char)
        joined = False
    while graphemes and graphemes[-1] == " ":
        graphemes.pop()
    if len(graphemes) > limit:
        graphemes = [*graphemes[: limit - 1], _CUT]
    return "".join(graphemes).strip("\u200d")
