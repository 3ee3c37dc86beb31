"""A child that ends in the very moment in which it is told to: its own exit status counts."""

import asyncio
import logging
import os
import signal
import sys
import threading

import pytest

from appliance.children import send
from appliance.media import probe


@pytest.fixture
def late(monkeypatch):
    """Hold back whoever waits for children in asyncio until this is set, as on a busy machine."""
    may, waitpid = threading.Event(), os.waitpid

    def waited(pid: int, options: int) -> tuple[int, int]:
        if threading.current_thread() is not threading.main_thread():
            may.wait(10)
        return waitpid(pid, options)

    monkeypatch.setattr(os, "waitpid", waited)
    yield may
    may.set()


async def ended(status: int) -> asyncio.subprocess.Process:
    """Return a child that has ended, of which asyncio does not know yet."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", f"raise SystemExit({status})")
    await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_who_has_just_ended_by_itself_keeps_its_exit_status(late, caplog, number):
    child = await ended(3)
    send(child, number)
    late.set()
    assert await child.wait() == 3
    assert not caplog.records


async def test_a_probe_that_has_just_ended_by_itself_does_too(late, caplog):
    child = await ended(0)
    ending = asyncio.create_task(probe.end(child))
    await asyncio.sleep(0)
    late.set()
    await ending
    assert child.returncode == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_runs_is_ended():
    child = await asyncio.create_subprocess_exec("sleep", "100")
    send(child, signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM
    send(child, signal.SIGKILL)  # nobody is there any more, and nothing happens
