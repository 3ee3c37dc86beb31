"""Bars for sound: the microphone's level, with the hint "you are muted", and the loudspeaker's volume."""

import math
from collections import deque
from collections.abc import Callable

from textual.content import Content
from textual.widget import Widget

from display.panel import palette

_FLOOR_DB = -60.0
_TOP_DB = -6.0
_LOUD = 0.4
_LOUD_READINGS = 3
_WINDOW_S = 1.0
_HINT_S = 2.5
_STALE_S = 1.0


def loudness(rms: float) -> float:
    """Turn an RMS level into 0 to 1 as ears have it: -60 dBFS to -6 dBFS."""
    if not rms > 0:
        return 0.0
    return min(1.0, max(0.0, (20 * math.log10(rms) - _FLOOR_DB) / (_TOP_DB - _FLOOR_DB)))


class Talking:
    """Tells talk from a knock on the table: several loud readings within a second, remembered for a while."""

    def __init__(self) -> None:
        self._loud: deque[float] = deque(maxlen=_LOUD_READINGS)
        self._until = -math.inf

    def hear(self, level: float, at: float) -> None:
        """Take a reading of `loudness`."""
        if level >= _LOUD:
            self._loud.append(at)
        if len(self._loud) == _LOUD_READINGS and at - self._loud[0] <= _WINDOW_S:
            self._until = at + _HINT_S

    def now(self, at: float) -> bool:
        """Whether somebody talks, or did a moment ago."""
        return at < self._until


class LevelMeter(Widget):
    """The microphone before the mute gate; redrawn only when the bar moves by a whole step."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(id="meter")
        self._clock = clock
        self._talking = Talking()
        self._level = 0.0
        self._heard_at = -math.inf
        self._muted, self._heard_talking = True, False
        self._drawn: Content | None = None

    def hear(self, rms: float) -> None:
        """Take the newest level."""
        self._heard_at = self._clock()
        self._level = loudness(rms)
        self._talking.hear(self._level, self._heard_at)
        self._redraw()
        if self._level > 0:
            self._settling.resume()

    def show(self, *, muted: bool, talking: bool = False) -> None:
        """Take what the capture gate really does, and whether media hears somebody talk."""
        self._muted, self._heard_talking = muted, talking
        self._redraw()

    def on_mount(self) -> None:
        self._settling = self.set_interval(_STALE_S, self.settle, name="meter:settle", pause=True)

    def settle(self) -> None:
        """Fall to nothing when no level came for a while; then there is nothing more to watch."""
        now = self._clock()
        if now - self._heard_at >= _STALE_S:
            self._level = 0.0
        self._redraw()
        if not self._level and not self._talking.now(now):
            self._settling.pause()

    def render(self) -> Content:
        return self._bar()

    def _redraw(self) -> None:
        bar = self._bar()
        if self._drawn is None or not bar.is_same(self._drawn):
            self._drawn = bar
            self.refresh()

    def _bar(self) -> Content:
        if self._muted and (self._heard_talking or self._talking.now(self._clock())):
            return Content.styled("You are muted", f"bold {palette.AMBER}").truncate(self.content_size.width)
        word = "Muted" if self._muted else "Mic"
        colour = palette.RED if self._muted else palette.GREEN
        return bar(word, self._level, self.content_size.width, colour)


class VolumeBar(Widget):
    """The loudspeaker's volume, as wished."""

    def __init__(self, *, bar_id: str) -> None:
        super().__init__(id=bar_id)
        self._percent = -1

    def show(self, percent: int) -> None:
        """Take the volume."""
        if percent != self._percent:
            self._percent = percent
            self.refresh()

    def render(self) -> Content:
        width, height = self.content_size
        percent = max(0, self._percent)
        if height < 3:
            return Content.assemble(("Volume ", palette.SOFT), (f"{percent:>3} %", f"bold {palette.BRIGHT}"))
        number = Content.styled(f"{percent} %", f"bold {palette.BRIGHT}").center(width)
        return Content("\n").join(
            [Content.styled("Volume", palette.SOFT).center(width), number, bar("", percent / 100, width, palette.BLUE)]
        )


def bar(word: str, level: float, width: int, colour: str) -> Content:
    """Draw a word and a bar in one line."""
    room = max(0, width - len(word) - bool(word))
    filled = round(room * level)
    return Content.assemble(
        (f"{word} " if word else "", palette.SOFT), ("━" * filled, colour), ("━" * (room - filled), "#2b2f5e")
    )
