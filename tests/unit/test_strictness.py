"""The strictness of tests/conftest.py, tried on code that deserves it."""

import asyncio
import time
from pathlib import Path

import blockbuster.blockbuster as blocking
import pytest

OURS = Path(__file__).parents[2] / "appliance" / "made_up.py"
SLEEPY = """
import time

def snooze():
    time.sleep(0)

async def doze():
    snooze()
"""


async def test_a_coroutine_of_ours_that_blocks_is_caught_also_when_the_error_is_swallowed(unblocked: list[str]) -> None:
    ours: dict[str, object] = {}
    exec(compile(SLEEPY, str(OURS), "exec"), ours)
    doze = ours["doze"]
    assert callable(doze)
    with pytest.raises(blocking.BlockingError, match="sleep"):
        await doze()
    assert unblocked == ["time.sleep at appliance/made_up.py:5 (snooze)"]
    unblocked.clear()


async def test_a_test_may_block_itself_and_call_plain_functions_that_do() -> None:
    ours: dict[str, object] = {}
    exec(compile(SLEEPY, str(OURS), "exec"), ours)
    snooze = ours["snooze"]
    assert callable(snooze)
    snooze()
    time.sleep(0)  # noqa: ASYNC251 - it is what the test is about
    await asyncio.to_thread(snooze)


def test_what_a_test_leaves_behind_fails_it(pytester: pytest.Pytester) -> None:
    tests = Path(__file__).parents[1]
    pytester.makeini(f"[pytest]\npythonpath = {tests / 'interop'}")
    pytester.makeconftest((tests / "conftest.py").read_text().replace("GRACE_S = 5.0", "GRACE_S = 0.2"))
    pytester.makepyfile(
        """
        import subprocess, threading

        HELD = []

        def test_leaves_a_process():
            HELD.append(subprocess.Popen(["sleep", "60"]))

        def test_leaves_a_thread():
            HELD.append(threading.Event())
            threading.Thread(target=HELD[-1].wait, name="loiterer").start()

        def test_tidies_up():
            HELD[-1].set()
            subprocess.run(["true"], check=True)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*left behind: process * sleep 60*", "*left behind: thread loiterer*"])


def test_a_runtime_folder_leaves_room_for_socket_names(runtime_dir: Path) -> None:
    assert runtime_dir.is_dir()
    assert len(str(runtime_dir)) < 100
