"""What a check in the guest says and asks: steps, figures, and things only the host can do, such as pulling a plug.

A check is a program; it has passed when it ends with 0. `within` names what was awaited when it did not come.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)
MARK = "\x1e"
"""Begins a line that is for the host's program; all others are for people."""
_LOOK_S = 0.05

faulthandler.enable()  # the agent aborts what takes too long


def say(words: str) -> None:
    """Tell whoever waits on the host how far this is."""
    _send({"say": words})


def figure(name: str, value: float, unit: str) -> None:
    """Report something measured; nothing is asserted of it, for this machine is emulated."""
    _send({"figure": name, "value": round(value, 3), "unit": unit})


def ask(what: str, **arguments: Any) -> Any:
    """Have the host do something, and wait for its answer."""
    _send({"ask": what, "arguments": arguments})
    answer = json.loads(sys.stdin.readline())
    if "failed" in answer:
        raise RuntimeError(f"the host could not {what} {arguments}: {answer['failed']}")
    return answer["answer"]


def qmp(execute: str, **arguments: Any) -> Any:
    """Do something to the machine itself, such as `device_add`."""
    return ask("qmp", execute=execute, arguments=arguments)


def within(limit_s: float, what: str, look: Callable[[], T | None]) -> T:
    """Look again and again until there is something true, and return it."""
    started = time.monotonic()
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() - started > limit_s:
            raise AssertionError(f"waited {limit_s:.0f} s for {what}; the last look gave {seen!r}")
        time.sleep(_LOOK_S)


def raised(kind: type[E], by: Callable[[], Any]) -> E:
    """Return the error that something fails with, as it must."""
    try:
        by()
    except kind as err:
        return err
    raise AssertionError(f"nothing failed with {kind.__name__}")


@contextmanager
def step(words: str) -> Iterator[None]:
    """Name what happens now; the host is told how long it took."""
    started = time.monotonic()
    say(f"{words} ...")
    yield
    say(f"{words}: {time.monotonic() - started:.1f} s")


def read(path: str | Path) -> str:
    """Return what a file of the kernel says."""
    return Path(path).read_text().strip()


def write(path: str | Path, text: str) -> None:
    """Tell a file of the kernel something."""
    Path(path).write_text(text)


def _send(message: dict[str, Any]) -> None:
    # what another program writes without ending its line must not spoil this one
    sys.stdout.write(f"\n{MARK}{json.dumps(message)}\n")
    sys.stdout.flush()
