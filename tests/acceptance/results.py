"""The results file: a list of runs, each with the board, the commit and what came of each check. Written atomically."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from acceptance.check import Figures, State


class Unreadable(ValueError):
    """A results file that nobody here wrote."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check."""

    name: str
    state: State
    at: str
    """When, ISO 8601 with the zone."""
    figures: Figures = field(default_factory=dict)
    words: str = ""
    simulated: bool = False
    """It stood on a simulated device: it shows that the walk works, and nothing about hardware."""


@dataclass(frozen=True, slots=True)
class Run:
    """One walk, perhaps resumed."""

    begun: str
    who: str
    commit: str
    board: Mapping[str, str]
    results: tuple[Result, ...] = ()
    """In the order in which they came."""
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What a check under way must know after a power cut."""

    def of(self, name: str) -> Result | None:
        """Return what came of a check, None before it was done."""
        return next((result for result in self.results if result.name == name), None)

    def having(self, result: Result) -> "Run":
        """Return the run with a new result, in place of an earlier one of the same check."""
        return replace(self, results=(*(old for old in self.results if old.name != result.name), result))

    def is_of_same(self, other: "Run") -> bool:
        """Whether results of both are about the same thing."""
        return (self.commit, self.board) == (other.commit, other.board)


def load(path: Path) -> tuple[Run, ...]:
    """Read all runs, the oldest first; none when there is no file."""
    try:
        return _runs(json.loads(path.read_text()))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise Unreadable(f"{path} is no results file ({err}): put it aside, or mend it") from err


def store(path: Path, runs: Iterable[Run]) -> None:
    """Replace the file so that a power cut leaves the old or the new one."""
    replace_file(path, json.dumps([asdict(run) for run in runs], indent=1, ensure_ascii=False) + "\n")


def replace_file(path: Path, text: str) -> None:
    """Write a file beside this one, make sure it is on disk, and put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.new")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _runs(entries: object) -> tuple[Run, ...]:
    if not isinstance(entries, list):
        raise TypeError("it is no list")
    return tuple(map(_run, entries))


def _run(entry: dict[str, object]) -> Run:
    run = Run(**entry)  # type: ignore[arg-type]  # what does not fit raises
    results = tuple(Result(**{**result, "state": State(result["state"])}) for result in entry["results"])  # type: ignore[attr-defined]
    return replace(run, results=results)
