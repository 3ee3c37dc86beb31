"""The simulcast layers of one published camera: which come at present, how large each is and what it costs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from livekit.protocol import models

_QUALITY = {"q": models.VideoQuality.LOW, "h": models.VideoQuality.MEDIUM, "f": models.VideoQuality.HIGH}
"""What LiveKit's clients call their layers."""
_ORDER = tuple(_QUALITY)
_FADED_S = 2.0
"""Without a frame for this long a layer is not sent any more: its sender's own network is short, or nobody wants it."""
_MEASURE_S = 1.0
_EWMA = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """A layer that could be forwarded now."""

    name: str
    bitrate: float
    """Bits per second, lately."""
    height: int
    """Pixels; 0 where the sender did not say."""


class _Meter:
    """Measures one layer."""

    def __init__(self, now: float) -> None:
        self.seen = now
        self.bitrate = 0.0
        self._octets = 0
        self._since = now
        self._measured = False

    def count(self, octets: int, now: float) -> None:
        self.seen = now
        self._octets += octets
        elapsed = now - self._since
        if elapsed >= _MEASURE_S:
            rate = self._octets * 8 / elapsed
            self.bitrate = rate if not self._measured else self.bitrate + _EWMA * (rate - self.bitrate)
            self._measured, self._octets, self._since = True, 0, now


class Layers:
    """Time comes in as an argument, in seconds."""

    def __init__(self, announced: Iterable[models.VideoLayer], height: int) -> None:
        self._heights = _heights(announced, height)
        self._meters: dict[str, _Meter] = {}

    def count(self, name: str, octets: int, now: float) -> None:
        """Note a frame of a layer."""
        meter = self._meters.get(name)
        if meter is None:
            meter = self._meters[name] = _Meter(now)
        meter.count(octets, now)

    def steps(self, now: float) -> tuple[Step, ...]:
        """Return what comes now, from the smallest to the largest."""
        live = [(name, meter) for name, meter in self._meters.items() if now - meter.seen < _FADED_S]
        steps = [Step(name, meter.bitrate, self._heights.get(name, 0)) for name, meter in live]
        return tuple(sorted(steps, key=_size))


def enough(steps: tuple[Step, ...], height: int | None) -> tuple[Step, ...]:
    """Leave out what is larger than a viewer has room for: all above the first that fills `height` (None: all stay)."""
    if height is None:
        return steps
    for count, step in enumerate(steps, 1):
        if step.height >= height > 0:
            return steps[:count]
    return steps


def _size(step: Step) -> tuple[int, float]:
    # names say more than rates, which lie while a picture stands still
    return (_ORDER.index(step.name), 0.0) if step.name in _ORDER else (-1, step.bitrate)


def _heights(announced: Iterable[models.VideoLayer], height: int) -> dict[str, int]:
    by_quality = {layer.quality: layer.height for layer in list(announced)[: len(_ORDER)]}
    heights = {name: by_quality[quality] for name, quality in _QUALITY.items() if quality in by_quality}
    return {"": height, **{name: int(pixels) for name, pixels in heights.items()}}
