"""What every test here obeys: no blocked event loop, no process or thread left behind, no leftovers on the disk."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import blockbuster.blockbuster as blocking
import hypothesis
import psutil
import pytest

pytest_plugins = ["namespaced", "pytester"]

OURS = ["appliance", "display", "fleet", "hardware", "provisioning"]
ROOT = Path(__file__).parents[1]
UNIT_TESTS = ROOT / "tests" / "unit"
TESTS, CODE = f"{ROOT}/tests/", tuple(f"{ROOT}/{package}/" for package in OURS)
GRACE_S = 5.0

# Names in local folders: microseconds, and done where a program starts or stops. Sleeping, reading, writing, sockets,
# locks and SQL stay forbidden; they belong in asyncio.to_thread or a driver's own thread.
MAY_BLOCK = re.compile(r"os\.(?!read$|write$|sendfile$)")
MAY_BLOCK_IN = (
    ("/logging/__init__.py", "emit"),  # a line on stderr is written where it arises
    ("/importlib/metadata/__init__.py", "read_text"),  # our own version, once a connection
    ("/appliance/hub/invites.py", "invite"),  # a test makes its link as the CLI does, which has no loop
    ("/zoneinfo/_common.py", "load_data"),  # a time zone, once a process
)

hypothesis.settings.register_profile(
    "salon", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("salon")


@pytest.fixture(autouse=True)
def unblocked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fail an async unit test in which code of ours blocks the event loop, also where somebody caught the error."""
    seen: list[str] = []
    if UNIT_TESTS not in request.path.parents or not inspect.iscoroutinefunction(request.function):
        yield seen
        return

    class Blocked(blocking.BlockingError):
        def __init__(self, func: str) -> None:
            super().__init__(func)
            seen.append(f"{func} at {_place_of_ours()}")

    monkeypatch.setattr(blocking, "BlockingError", Blocked)
    guard = blocking.BlockBuster(scanned_modules=OURS)
    for name, function in list(guard.functions.items()):
        if MAY_BLOCK.match(name):
            del guard.functions[name]
        function.can_block_predicate = _excusing(function.can_block_predicate)
    guard.activate()
    try:
        yield seen
    finally:
        guard.deactivate()
    if seen:
        pytest.fail(
            f"the event loop was blocked by {', '.join(seen)}: use asyncio.to_thread, or say why in MAY_BLOCK_IN"
        )


def _place_of_ours() -> str:
    ours = [entry for entry in traceback.extract_stack() if entry.filename.startswith(CODE)]
    return f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno} ({ours[-1].name})"


def _excusing(does_not_block: Callable[..., bool]) -> Callable[..., bool]:
    return lambda *args, **kwargs: does_not_block(*args, **kwargs) or _is_excused()


def _is_excused() -> bool:
    """Tell whether a test itself called what blocks, with no coroutine of ours in between, or it is in MAY_BLOCK_IN."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if any(code.co_name == name and code.co_filename.endswith(file) for file, name in MAY_BLOCK_IN):
            return True
        if code.co_filename.startswith(TESTS):
            return True
        if code.co_filename.startswith(CODE) and code.co_flags & inspect.CO_COROUTINE:
            return False
        frame = frame.f_back
    return False


@dataclass(frozen=True, slots=True)
class _Before:
    children: frozenset[psutil.Process]
    threads: frozenset[threading.Thread]


_BEFORE = pytest.StashKey[_Before]()


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> None:
    # Fixtures of a module or session are up by now, so what they hold counts as there before.
    request.node.stash[_BEFORE] = _Before(frozenset(_children()), frozenset(threading.enumerate()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    yield
    before = item.stash.get(_BEFORE, None)
    if before is None:
        return
    deadline = time.monotonic() + GRACE_S
    _, processes = psutil.wait_procs(_new_since(before), GRACE_S)
    left = [f"process {process.pid}: {' '.join(process.cmdline())[:200]}" for process in processes]
    for process in processes:
        process.kill()
    for thread in set(threading.enumerate()) - before.threads:
        if isinstance(thread, threading._DummyThread):
            continue  # a native library's own thread that called into Python; nobody can wait for it
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            left.append(f"thread {thread.name}")
    if left:
        pytest.fail("left behind: " + "; ".join(left))


def _new_since(before: _Before) -> list[psutil.Process]:
    """What a program of a wider fixture has started anew is that fixture's own affair."""
    new = []
    for process in set(_children()) - before.children:
        with contextlib.suppress(psutil.NoSuchProcess):
            if not before.children & set(process.parents()):
                new.append(process)
    return new


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    """Return a folder of the test's own whose path leaves room for a Unix socket's name (108 bytes in all)."""
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="salon-", dir=base if len(base) < 60 else "/tmp"))
    yield folder
    shutil.rmtree(folder)
