"""One guest for all the checks; it boots when the first test needs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import machine
from image import ROOT, image
from namespaced import REPORTS_TO


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the disk while there is a network: the tests run where there is none."""
    wanted = any(item.get_closest_marker("guest") for item in session.items)
    if wanted and not session.config.option.collectonly and REPORTS_TO not in os.environ:
        image()


@pytest.fixture(scope="session")
def guest() -> Iterator[machine.Guest]:
    """Return the running guest, once it can be told what to do."""
    disk, started = image(), time.monotonic()
    with machine.running(disk, ROOT, heard=machine.say) as running:
        ready = running.wait_ready()
        machine.say(f"up after {time.monotonic() - started:.0f} s: kernel {ready['kernel']}, Python {ready['python']}")
        yield running
