"""Pictures of benchmarks as SVG: where a picture stood still, what a sender sent against what the link took, how
something grows.
"""

from collections.abc import Mapping, Sequence
from html import escape

Curve = Sequence[tuple[float, float]]
Gaps = Sequence[tuple[float, float]]
"""From and to, in seconds."""

_WIDTH, _LEFT, _RIGHT, _TOP = 960, 190, 30, 60
_LANE, _PLOT, _BAR = 56, 280, 26
_INK, _PALE, _BAD, _LINK = "#1b2430", "#c9d3df", "#d64545", "#7a8798"
_COLOURS = ("#1f7a5c", "#4967c9")


def timeline(title: str, lanes: Mapping[str, Gaps], seconds: float) -> str:
    """Draw one lane for each receiver: pale while its picture moves, red while it stands still."""
    scale = (_WIDTH - _LEFT - _RIGHT) / seconds
    parts = []
    for number, (name, gaps) in enumerate(lanes.items()):
        y = _TOP + number * _LANE
        total = sum(end - begin for begin, end in gaps)
        parts.append(_text(16, y + 16, name, bold=True) + _text(16, y + 32, f"{total:.1f} s still"))
        parts.append(_box(_LEFT, y, seconds * scale, _LANE - 20, _PALE))
        parts += [_box(_LEFT + begin * scale, y, (end - begin) * scale, _LANE - 20, _BAD) for begin, end in gaps]
    bottom = _TOP + len(lanes) * _LANE
    parts += [_text(_LEFT + at * scale, bottom + 4, f"{at} s") for at in range(0, int(seconds) + 1, 10)]
    return _svg(title, bottom + 24, parts)


def curves(title: str, named: Mapping[str, Curve], limit: Curve) -> str:
    """Draw rates over time, and what the link takes as a dashed line."""
    points = [point for curve in (*named.values(), limit) for point in curve]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    highest = max(y for _, y in points) * 1.05
    wide, bottom = _WIDTH - _LEFT - _RIGHT, _TOP + _PLOT

    def place(x: float, y: float) -> str:
        return f"{_LEFT + (x - first) / (last - first) * wide:.1f},{bottom - y / highest * _PLOT:.1f}"

    parts = [_line([place(*point) for point in limit], _LINK, dashed=True)]
    for number, (name, curve) in enumerate(named.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_line([place(*point) for point in curve], colour))
        parts.append(_text(16, _TOP + 16 + 20 * number, name, bold=True, colour=colour))
    parts += [_text(_LEFT - 50, bottom - _PLOT * y / highest, f"{y:.0f}") for y in range(0, int(highest), 500)]
    parts += [_text(_LEFT + (x - first) / (last - first) * wide, bottom + 20, f"{x} s") for x in range(0, int(last), 5)]
    parts.append(_text(16, bottom, "kb/s"))
    return _svg(title, bottom + 36, parts)


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw a group of bars for each quantity, each group to a scale of its own."""
    parts, y = [], _TOP
    for number, (quantity, values) in enumerate(groups.items()):
        parts.append(_text(16, y + 14, quantity, bold=True))
        y += _BAR
        scale = (_WIDTH - _LEFT - _RIGHT - 80) / max(values.values())
        for name, value in values.items():
            parts.append(_text(16, y + 14, name))
            parts.append(_box(_LEFT, y, value * scale, _BAR - 8, _COLOURS[number % len(_COLOURS)]))
            parts.append(_text(_LEFT + value * scale + 8, y + 14, f"{value:.3g}"))
            y += _BAR
        y += _BAR // 2
    return _svg(title, y + 8, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13">\n<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
    )
    return head + _text(16, 30, title, bold=True, size=18) + "\n" + "\n".join(parts) + "\n</svg>\n"


def _text(x: float, y: float, words: str, *, bold: bool = False, size: int = 13, colour: str = _INK) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}>{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(points: Sequence[str], colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="8 6"' if dashed else ""
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
