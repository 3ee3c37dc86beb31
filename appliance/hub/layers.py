"""The simulcast layers of one published camera: which can be had, what each costs, and which nobody needs. Pure."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from livekit.protocol import models

QUALITIES = {"q": models.VideoQuality.LOW, "h": models.VideoQuality.MEDIUM, "f": models.VideoQuality.HIGH}
"""What LiveKit's clients call their layers."""
_ORDER = tuple(QUALITIES)
_FADED_S = 2.0
"""Without a frame for this long a layer is not sent any more: its sender's network is short, or its camera is off."""
_PAUSE_AFTER_S = 5.0
"""A layer that nobody has needed for this long is turned off: turning it on again costs a key frame."""
_MEASURE_S = 1.0
_EWMA = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """A layer that could be forwarded: it comes, or would if it were asked for."""

    name: str
    bitrate: float
    """Bits per second, lately."""
    height: int
    """Pixels; 0 where the sender did not say."""


class _Meter:
    """Measures one layer."""

    def __init__(self, now: float, *, announced: int) -> None:
        self.seen = now
        self.needed = self.resumed = now
        """When somebody last needed it, and when its sender was last asked for it."""
        self.bitrate = float(announced)
        self._octets = 0
        self._since = now
        self._measured = False

    def comes(self, now: float) -> bool:
        return now - self.seen < _FADED_S

    def count(self, octets: int, now: float) -> None:
        if not self.comes(now):
            # a pause says nothing about the rate
            self._octets, self._since = 0, now
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
        known = _by_name(announced)
        self._heights = {"": height, **{name: int(layer.height) for name, layer in known.items()}}
        self._bitrates = {name: int(layer.bitrate) for name, layer in known.items()}
        self._meters: dict[str, _Meter] = {}
        self._paused: frozenset[str] = frozenset()
        self._idle = False

    @property
    def names(self) -> AbstractSet[str]:
        """All layers that have ever come."""
        return self._meters.keys()

    @property
    def paused(self) -> AbstractSet[str]:
        """Those that the sender was told nobody needs, though it would send them."""
        return self._paused

    @property
    def wanted(self) -> tuple[bool, bool, bool]:
        """Whether each of LiveKit's qualities should be sent, from the lowest.

        What never came stays wanted unless nobody looks at all: its sender's network may soon have room for it.
        """
        if self._idle:
            return False, False, False
        # a stream of one layer may have any quality
        unnamed = bool(self._meters.keys() - self._paused - QUALITIES.keys())
        low, medium, high = (unnamed or name not in self._paused for name in _ORDER)
        return low, medium, high

    def need(self, names: AbstractSet[str], now: float) -> bool:
        """Note which layers somebody is on or goes over to; True when `wanted` changed by that."""
        before = self.wanted
        for name in self._meters.keys() & names:
            self._meters[name].needed = now
            if self._idle or name in self._paused:
                self._meters[name].resumed = now
        unneeded = {name for name, meter in self._meters.items() if now - meter.needed >= _PAUSE_AFTER_S}
        # what has faded by itself stays wanted, so that it is seen again as soon as its sender can
        self._paused = frozenset(n for n in unneeded if n in self._paused or self._meters[n].comes(now))
        self._idle = bool(self._meters) and len(unneeded) == len(self._meters)
        return self.wanted != before

    def count(self, name: str, octets: int, now: float) -> None:
        """Note a frame of a layer."""
        meter = self._meters.get(name)
        if meter is None:
            meter = self._meters[name] = _Meter(now, announced=self._bitrates.get(name, 0))
        meter.count(octets, now)

    def steps(self, now: float) -> tuple[Step, ...]:
        """Return what there is to choose from, from the smallest to the largest."""
        there = [(name, meter) for name, meter in self._meters.items() if self._can_be_had(name, meter, now)]
        steps = [Step(name, meter.bitrate, self._heights.get(name, 0)) for name, meter in there]
        return tuple(sorted(steps, key=_size))

    def _can_be_had(self, name: str, meter: _Meter, now: float) -> bool:
        # what was asked for again gets the time to come
        return name in self._paused or meter.comes(now) or now - meter.resumed < _FADED_S


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


def _by_name(announced: Iterable[models.VideoLayer]) -> dict[str, models.VideoLayer]:
    by_quality = {layer.quality: layer for layer in list(announced)[: len(_ORDER)]}
    return {name: by_quality[quality] for name, quality in QUALITIES.items() if quality in by_quality}
