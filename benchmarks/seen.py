"""What a receiver presented and when, and the freezes in it."""

import itertools
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.settings import FREEZE_S
from hardware.camera import mark

COUNT = struct.Struct("<Q")
"""A file that holds nothing but how many there were."""


def read_count(path: Path) -> int:
    """Return what a program counted so far."""
    count: int = COUNT.unpack(path.read_bytes() or bytes(COUNT.size))[0]
    return count


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was presented, different from the one before."""

    at_s: float
    """By the clock on the wall, as all programs on a machine share it."""
    count: int
    """The stamp in its pixels."""


class SeenFile:
    """Where a program writes what it sees, a line a picture."""

    def __init__(self, file: TextIO, source: int | None = None) -> None:
        self._file = file
        self._source = source
        self._before = -1

    def note(self, luma: NDArray[np.uint8]) -> None:
        """Note the picture now, if it has a stamp and is another one than before."""
        found = mark.decode(luma, self._source)
        if found is not None and found.count != self._before:
            self._before = found.count
            self._file.write(f"{time.time()} {found.count}\n")


SLATE = -1
"""The source of a picture without a mark, or of no picture where the sender says so."""
_PAUSE_S = 0.5


class Shown(NamedTuple):
    """From when on the pictures of one source were presented."""

    at_s: float
    """By the clock on the wall."""
    source: int


class SourceFile:
    """Where a program writes whose pictures it sees, a line a change, or when they go on after a pause."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._before: Shown | None = None

    def note(self, luma: NDArray[np.uint8]) -> None:
        """Note the picture now."""
        found = mark.decode(luma)
        self._note(SLATE if found is None else found.source)

    def note_none(self) -> None:
        """Note that the sender has said that no picture comes."""
        self._note(SLATE)

    def _note(self, source: int) -> None:
        before, self._before = self._before, Shown(time.time(), source)
        if before is None or before.source != source or self._before.at_s - before.at_s > _PAUSE_S:
            self._file.write(f"{self._before.at_s} {source}\n")


def read_shown(path: Path) -> list[Shown]:
    """Return what a program wrote so far; nothing before it began."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Shown(float(at), int(source)) for at, source in map(str.split, lines)]


def read_seen(path: Path) -> list[Seen]:
    """Return what a program wrote so far."""
    lines = path.read_text().splitlines()
    return [Seen(float(at), int(count)) for at, count in map(str.split, lines)]


@dataclass(frozen=True, slots=True)
class Freezes:
    """How a picture stood still."""

    longest_s: float
    """The largest gap between two different pictures, also when it is no freeze."""
    gaps: tuple[tuple[float, float], ...]
    """Each freeze, from and to, in seconds after the beginning."""

    @property
    def total_s(self) -> float:
        """All freezes together."""
        return sum(end - begin for begin, end in self.gaps)


def freezes(pictures: Sequence[Seen], begin_s: float, end_s: float) -> Freezes:
    """Find the gaps between two instants, which bound the first and the last."""
    shown = [begin_s, *(seen.at_s for seen in pictures if begin_s < seen.at_s < end_s), end_s]
    gaps = [(a - begin_s, b - begin_s) for a, b in itertools.pairwise(shown)]
    return Freezes(max(b - a for a, b in gaps), tuple((a, b) for a, b in gaps if b - a > FREEZE_S))
