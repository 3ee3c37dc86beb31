"""Whoever does what only hands can and sees what only eyes can. Each question has a key to skip and one to stop."""

from typing import Protocol

from acceptance.check import Skipped, Stopped


class Person(Protocol):
    """Somebody at the machine, or a script that stands in for one."""

    def tell(self, text: str) -> None:
        """Say something that wants no answer: what to do while something is measured."""

    def ready(self, text: str) -> None:
        """Ask for something to be done, and wait until it is; raises `Skipped` or `Stopped`."""

    def yes(self, question: str) -> bool:
        """Ask what only eyes or ears can tell; raises `Skipped` or `Stopped`."""

    def again(self, words: str) -> bool:
        """Say what failed, and ask whether to try once more; raises `Skipped` or `Stopped`."""


class Terminal:
    """A person at a keyboard."""

    def tell(self, text: str) -> None:
        print(f"  {text}", flush=True)  # noqa: T201 - the walk's own voice

    def ready(self, text: str) -> None:
        self._ask(f"{text}\n  [Enter] done   [s] skip   [q] stop: ", {"": True})

    def yes(self, question: str) -> bool:
        return self._ask(f"{question}\n  [y] yes   [n] no   [s] skip   [q] stop: ", {"y": True, "n": False})

    def again(self, words: str) -> bool:
        self.tell(f"FAILED: {words}")
        return self._ask("  [r] try again   [Enter] keep that   [s] skip   [q] stop: ", {"r": True, "": False})

    def _ask(self, text: str, answers: dict[str, bool]) -> bool:
        while True:
            try:
                word = input(f"  {text}").strip().lower()[:1]
            except EOFError as err:
                raise Stopped from err
            if word == "s":
                raise Skipped("skipped by the person")
            if word == "q":
                raise Stopped
            if word in answers:
                return answers[word]
