"""What a check is: a name, what a person has to do, a measurement, and when it passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acceptance.person import Person
    from acceptance.room import Room

Figure = float | int | str | bool
Figures = Mapping[str, Figure]
Measure = Callable[["Room", "Person"], Figures]


class State(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Failed(Exception):
    """What was measured or seen is not good enough; the words say what would help."""

    def __init__(self, words: str, figures: Figures | None = None) -> None:
        super().__init__(words)
        self.figures: Figures = figures or {}


class Skipped(Exception):
    """The person, or the machine itself, has nothing here to check; the words say why."""


class Stopped(Exception):
    """The person goes home, or the power goes off."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is true of a room or not."""

    name: str
    title: str
    do: str
    """What the person plugs or does before it begins."""
    passes: str
    """When it passes, for the page."""
    uses: tuple[str, ...]
    """The devices it stands on, as `Devices` names them, or "machine": if one is simulated, so is the result."""
    measure: Measure = field(repr=False)
    """Returns what it measured, or raises `Failed`, `Skipped` or a `DeviceError`."""


def check(name: str, title: str, *, do: str, passes: str, uses: tuple[str, ...]) -> Callable[[Measure], Check]:
    """Make a check of a function that measures."""
    return lambda measure: Check(name, title, do, passes, uses, measure)


def demand(true: bool, words: str, figures: Figures | None = None) -> None:
    """Raise `Failed` unless it is so."""
    if not true:
        raise Failed(words, figures)
