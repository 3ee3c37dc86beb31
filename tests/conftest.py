"""What every test here obeys: no blocked event loop, no process or thread left behind, no leftovers on the disk."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import blockbuster.blockbuster as blocking
import hypothesis
import psutil
import pytest

pytest_plugins = ["namespaced", "pytester"]

OURS = ["appliance", "display", "fleet", "hardware", "provisioning"]
UNIT_TESTS = Path(__file__).parent / "unit"
GRACE_S = 5.0

# Names in local folders: microseconds, and done where a program starts or stops. Sleeping, reading, writing, sockets,
# locks and SQL stay forbidden; they belong in asyncio.to_thread or a driver's own thread.
MAY_BLOCK = re.compile(r"os\.(?!read$|write$|sendfile$)")

hypothesis.settings.register_profile(
    "salon", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("salon")


@pytest.fixture(autouse=True)
def unblocked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail an async unit test in which code of ours blocks the event loop, also where somebody caught the error."""
    if UNIT_TESTS not in request.path.parents or not inspect.iscoroutinefunction(request.function):
        yield
        return
    seen: list[str] = []

    class Blocked(blocking.BlockingError):
        def __init__(self, func: str) -> None:
            super().__init__(func)
            seen.append(func)

    monkeypatch.setattr(blocking, "BlockingError", Blocked)
    guard = blocking.BlockBuster(scanned_modules=OURS)
    for name in filter(MAY_BLOCK.match, list(guard.functions)):
        del guard.functions[name]
    # pytest keeps a log file, if only /dev/null; a real program logs to its standard error
    for name in ("io.TextIOWrapper.write", "io.BufferedWriter.write"):
        guard.functions[name].can_block_in("logging/__init__.py", {"emit", "flush"})
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
    if seen:
        pytest.fail(f"the event loop was blocked by {', '.join(seen)}: use asyncio.to_thread, or say why in MAY_BLOCK")


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
    _, processes = psutil.wait_procs(set(_children()) - before.children, GRACE_S)
    left = [f"process {process.pid}: {' '.join(process.cmdline())[:200]}" for process in processes]
    for process in processes:
        process.kill()
    for thread in set(threading.enumerate()) - before.threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            left.append(f"thread {thread.name}")
    if left:
        pytest.fail("left behind: " + "; ".join(left))


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    """Return a folder of the test's own whose path leaves room for a Unix socket's name (108 bytes in all)."""
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="salon-", dir=base if len(base) < 60 else "/tmp"))
    yield folder
    shutil.rmtree(folder)
