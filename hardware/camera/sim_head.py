"""`sim:head?deg_s=60`: a head that is not there. It takes its time to turn, as motors do, and tells where it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from hardware.camera.aim import Aim
from hardware.uri import DeviceUri

PAN_DEG = 170.0


@dataclass(frozen=True, slots=True)
class Travel:
    """One motor on its way, at an even speed."""

    start: float
    goal: float
    begun: float
    """Seconds, as are all times."""
    speed: float
    """Per second."""

    def at(self, now: float) -> float:
        way = min(self.speed * max(now - self.begun, 0.0), abs(self.goal - self.start))
        return self.start + (way if self.goal >= self.start else -way)

    def over(self) -> float:
        """Return when it arrives."""
        return self.begun + abs(self.goal - self.start) / self.speed


class SimulatedHead:
    """Knows the aims it was given, and where it looks now."""

    simulated = True
    pan_deg = PAN_DEG

    def __init__(self, uri: DeviceUri, now: Callable[[], float] = time.monotonic) -> None:
        self._speed = uri.only("deg_s").integer("deg_s", 60, 1, 1000) / PAN_DEG
        self._now = now
        self._travels = tuple(Travel(0.0, 0.0, now(), self._speed) for _ in range(3))
        self.moves: list[Aim] = []
        """What it was told, for whoever wants to see that."""
        self.name = "Simulated head"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def move(self, aim: Aim) -> None:
        now = self._now()
        self.moves.append(aim)
        goals = (aim.pan, aim.tilt, aim.zoom)
        self._travels = tuple(
            Travel(travel.at(now), goal, now, self._speed) for travel, goal in zip(self._travels, goals, strict=True)
        )

    def check(self) -> None:
        """Nothing goes wrong with it."""

    def aim(self) -> Aim:
        return Aim.within(*(travel.at(self._now()) for travel in self._travels))
