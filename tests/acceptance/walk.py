"""Goes through the checks, one at a time, and keeps each result at once: whatever ends the walk, that is done."""

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime

from acceptance.check import Check, Failed, Figures, Skipped, State, Stopped
from acceptance.person import Person
from acceptance.results import Result, Run
from acceptance.room import Room
from hardware.ports import DeviceError


class Notes(MutableMapping[str, dict[str, str]]):
    """A run's notes, kept on disk as soon as they are made."""

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk

    def __getitem__(self, name: str) -> dict[str, str]:
        return dict(self._walk.run.notes[name])

    def __setitem__(self, name: str, note: dict[str, str]) -> None:
        self._walk.take(replace(self._walk.run, notes={**self._walk.run.notes, name: note}))

    def __delitem__(self, name: str) -> None:
        left = {key: note for key, note in self._walk.run.notes.items() if key != name}
        self._walk.take(replace(self._walk.run, notes=left))

    def __iter__(self) -> Iterator[str]:
        return iter(self._walk.run.notes)

    def __len__(self) -> int:
        return len(self._walk.run.notes)


class Walk:
    """One run through the checks."""

    def __init__(
        self, run: Run, room: Room, person: Person, *, keep: Callable[[Run], None], now: Callable[[], datetime]
    ) -> None:
        """`keep` is called with the run each time it is another one, and puts it on disk."""
        self.run = run
        self._room = replace(room, notes=Notes(self))
        self._person, self._keep, self._now = person, keep, now

    def take(self, run: Run) -> None:
        """Take a newer run, and keep it."""
        self.run = run
        self._keep(run)

    def through(self, checks: Sequence[Check]) -> bool:
        """Do what has no result yet; return whether all was done rather than stopped."""
        left = [check for check in checks if self.run.of(check.name) is None]
        for number, check in enumerate(left, 1):
            self._person.tell(f"\n[{number}/{len(left)}] {check.title}")
            try:
                result = self._result(check)
            except (Stopped, KeyboardInterrupt):
                return False
            self.take(self.run.having(result))
            self._person.tell(f"{result.state.upper()}{' (simulated)' * result.simulated} {summary(result)}")
        return True

    def _result(self, check: Check) -> Result:
        try:
            # what began before a power cut wants no hand now
            if check.name not in self.run.notes:
                self._person.ready(check.do)
            return self._measured(check)
        except Skipped as err:
            return self._of(check, State.SKIPPED, {}, str(err))

    def _measured(self, check: Check) -> Result:
        while True:
            figures: Figures = {}
            try:
                return self._of(check, State.PASSED, check.measure(self._room, self._person))
            except Failed as err:
                words, figures = str(err), err.figures
            except (DeviceError, OSError) as err:
                words = str(err)
            if not self._person.again(words):
                return self._of(check, State.FAILED, figures, words)

    def _of(self, check: Check, state: State, figures: Figures, words: str = "") -> Result:
        simulated = any(self._room.is_simulated(use) for use in check.uses)
        at = self._now().isoformat(timespec="seconds")
        return Result(check.name, state, at, dict(figures), words, simulated)


def summary(result: Result) -> str:
    """Say in one line what was measured."""
    figures = ", ".join(f"{name} {figure}" for name, figure in result.figures.items())
    return ". ".join(part for part in (result.words.rstrip("."), figures) if part)
