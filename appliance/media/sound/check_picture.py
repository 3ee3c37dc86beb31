"""A picture of a sound check as SVG: four figures, the echo's decay, the spectrum, each microphone, what to do."""

from html import escape
from math import log2

from appliance.media.sound.check import MicrophoneCheck, SoundCheck
from appliance.media.sound.verdict import findings

_WIDTH, _EDGE, _GAP = 960, 32, 32
_HALF = (_WIDTH - 2 * _EDGE - _GAP) / 2
_INK, _SOFT, _GRID, _PLOT = "#1b2430", "#5d6b7a", "#e3e8ee", "#f7f9fb"
_LINE, _NOISE = "#4967c9", "#c9d3df"
_WEIGHTS = {"good": "#1f7a5c", "fair": "#b07a14", "bad": "#d64545"}
_CURVES_Y, _CURVE_HEIGHT = 190, 190
_ROW = 26
_DECAY_S = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LOWEST_DBFS = -90.0
_LINE_CHARS = 118


def picture(check: SoundCheck) -> str:
    """Draw it."""
    microphones_y = _CURVES_Y + _CURVE_HEIGHT + 84
    words_y = microphones_y + len(check.microphones) * _ROW + 68
    words, height = _words(check, words_y)
    parts = [
        _text(_EDGE, 44, "Sound check", size=22, bold=True),
        *_figures(check),
        *_decay(check),
        *_spectrum(check),
        *_microphones(check.microphones, microphones_y),
        *words,
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'font-family="Inter, Roboto, Helvetica, Arial, sans-serif" font-size="13">\n'
        f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _figures(check: SoundCheck) -> list[str]:
    figures = (
        ("Echo return loss", _number(check.echo_return_loss_db, "{:.0f}"), "dB"),
        ("Delay", _number(check.delay_ms, "{:.0f}"), "ms"),
        ("Reverberation", _number(check.rt60_s, "{:.2f}"), "s"),
        ("Distortion", _number(check.distortion_percent, "{:.1f}"), "%"),
    )
    wide = (_WIDTH - 2 * _EDGE) / len(figures)
    parts = []
    for number, (name, value, unit) in enumerate(figures):
        x = _EDGE + number * wide
        parts.append(_text(x, 84, name, colour=_SOFT))
        known = value != "–"
        shown = f'{escape(value)}<tspan font-size="15" font-weight="normal" dx="5">{unit if known else ""}</tspan>'
        parts.append(f'<text x="{x:.1f}" y="122" font-size="34" font-weight="bold" fill="{_INK}">{shown}</text>')
    return parts


def _number(value: float | None, pattern: str) -> str:
    # a true minus sign is as wide as a digit
    return "–" if value is None else pattern.format(value + 0.0).replace("-", "−")


def _decay(check: SoundCheck) -> list[str]:
    def x(seconds: float) -> float:
        return _EDGE + 36 + seconds / _DECAY_S[-1] * (_HALF - 36)

    def y(db: float) -> float:
        return _CURVES_Y - max(db, -60) / 60 * _CURVE_HEIGHT

    parts = _frame(_EDGE, "How the echo dies away", [(db, y(db)) for db in (0, -20, -40, -60)], "dB")
    parts += [
        _text(x(at), _CURVES_Y + _CURVE_HEIGHT + 18, f"{at:g} s", anchor="middle", colour=_SOFT) for at in _DECAY_S
    ]
    if check.rt60_s is not None:
        end = min(check.rt60_s, _DECAY_S[-1])
        parts.append(_path([(x(0), y(0)), (x(end), y(-60 * end / check.rt60_s))], _NOISE, dashed=True))
    points = [(x(at), y(db)) for at, db in check.decay if at <= _DECAY_S[-1]]
    return [*parts, _path(points, _LINE)] if points else [*parts, _nothing(_EDGE)]


def _spectrum(check: SoundCheck) -> list[str]:
    left = _EDGE + _HALF + _GAP
    lowest, highest = 90.0, 16_500.0

    def x(hz: float) -> float:
        return left + 36 + log2(hz / lowest) / log2(highest / lowest) * (_HALF - 36)

    def y(db: float) -> float:
        return _CURVES_Y + (18 - min(max(db, -30), 18)) / 48 * _CURVE_HEIGHT

    parts = _frame(left, "Loudspeaker to microphone", [(db, y(db)) for db in (12, 0, -12, -24)], "dB")
    named = ((125, "125"), (250, "250"), (500, "500"), (1000, "1k"), (2000, "2k"), (4000, "4k"), (8000, "8k Hz"))
    bottom = _CURVES_Y + _CURVE_HEIGHT + 18
    parts += [_text(x(hz), bottom, name, anchor="middle", colour=_SOFT) for hz, name in named]
    points = [(x(hz), y(db)) for hz, db in check.spectrum]
    return [*parts, _path(points, _LINE)] if points else [*parts, _nothing(left)]


def _frame(left: float, title: str, levels: list[tuple[float, float]], unit: str) -> list[str]:
    wide = _HALF - 36
    parts = [_text(left, _CURVES_Y - 16, title, bold=True), _box(left + 36, _CURVES_Y, wide, _CURVE_HEIGHT, _PLOT)]
    for number, (db, at) in enumerate(levels):
        parts.append(_box(left + 36, at - 0.5, wide, 1, _GRID))
        words = _number(db, "{:.0f}") + (f" {unit}" if number == 0 else "")
        parts.append(_text(left + 30, at + 4, words, anchor="end", colour=_SOFT))
    return parts


def _nothing(left: float) -> str:
    middle = left + 36 + (_HALF - 36) / 2
    return _text(middle, _CURVES_Y + _CURVE_HEIGHT / 2, "not heard", anchor="middle", colour=_SOFT)


def _microphones(microphones: tuple[MicrophoneCheck, ...], top: float) -> list[str]:
    left, right = _EDGE + 36, _WIDTH - _EDGE - 150

    def x(dbfs: float) -> float:
        return left + (max(dbfs, _LOWEST_DBFS) - _LOWEST_DBFS) / -_LOWEST_DBFS * (right - left)

    parts = [_text(_EDGE, top - 28, "Microphones", bold=True)]
    parts.append(_text(_EDGE + 100, top - 28, "noise, and the sweep above it", colour=_SOFT))
    for number, one in enumerate(microphones):
        y = top + number * _ROW
        parts.append(_text(_EDGE, y + 13, str(number + 1), colour=_SOFT))
        parts.append(_box(left, y, right - left, 16, _PLOT))
        parts.append(_box(left, y, x(one.noise_dbfs) - left, 16, _NOISE))
        colour = _WEIGHTS["bad"] if one.clipped or one.same_as is not None else _LINE
        if not one.dead:
            parts.append(_box(x(one.noise_dbfs), y, x(one.level_dbfs) - x(one.noise_dbfs), 16, colour))
        parts.append(_text(right + 12, y + 13, _state(one), colour=_SOFT))
    bottom = top + len(microphones) * _ROW + 10
    for dbfs in (-90, -60, -40, -20, 0):
        words = _number(dbfs, "{:.0f}") + (" dBFS" if dbfs == 0 else "")
        parts.append(_text(x(dbfs), bottom, words, anchor="middle", colour=_SOFT))
    return parts


def _state(one: MicrophoneCheck) -> str:
    states = (
        (one.dead, "delivers nothing"),
        (one.clipped, "overdriven"),
        (one.same_as is not None, f"same as {(one.same_as or 0) + 1}"),
        (one.inverted, "wrong way round"),
    )
    return next((words for so, words in states if so), f"{_number(one.level_dbfs, '{:.0f}')} dBFS")


def _words(check: SoundCheck, top: float) -> tuple[list[str], float]:
    parts, y = [], top
    for finding in findings(check):
        parts.append(f'<circle cx="{_EDGE + 6}" cy="{y - 5:.1f}" r="5" fill="{_WEIGHTS[finding.weight]}"/>')
        for line in _broken(finding.words):
            parts.append(_text(_EDGE + 22, y, line, size=14))
            y += 20
        y += 6
    return parts, y + 8


def _broken(words: str) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= _LINE_CHARS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _text(
    x: float, y: float, words: str, *, size: int = 13, bold: bool = False, colour: str = _INK, anchor: str = "start"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}{place}>{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}"/>'


def _path(points: list[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 5"' if dashed else ""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dashes}/>'
    )
