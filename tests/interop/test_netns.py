"""The namespaces that the interop tests run in."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import netns
import pytest
from livekit_server import free_port, livekit_server
from namespaced import addresses


@pytest.mark.namespace
def test_a_namespace_has_an_address_of_its_own() -> None:
    assert list(addresses()) == ["127.0.0.1", netns.ADDRESS]


@pytest.mark.namespace(empty=True)
def test_an_empty_namespace_has_loopback_only() -> None:
    assert list(addresses()) == ["127.0.0.1"]
    assert free_port("127.0.0.1") > 0


@pytest.mark.namespace(empty=True)
@pytest.mark.timeout(600)
def test_the_real_server_runs_where_there_is_only_loopback() -> None:
    with livekit_server("127.0.0.1") as server:
        assert server.url.startswith("ws://127.0.0.1:")


def test_a_command_inside_ends_with_its_own_exit_code() -> None:
    inside = subprocess.run(netns.command_inside("sh", "-c", "exit 7"), check=False)
    assert inside.returncode == 7


def test_what_a_command_leaves_in_its_namespace_is_ended() -> None:
    with _talking_to("sh", "-c", "sleep 600 & echo $!; read line") as (helper, left):
        helper.communicate("enough")
        assert _ended(left)


def test_a_killed_helper_takes_its_command_along() -> None:
    with _talking_to(sys.executable, "-c", "import os; print(os.getpid(), flush=True); input()") as (helper, inside):
        helper.kill()
        assert _ended(inside)


def test_the_tests_marked_are_run_inside_and_the_others_here(pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\npythonpath = {Path(netns.__file__).parent}")
    pytester.makeconftest("pytest_plugins = ['namespaced']")
    pytester.makepyfile(
        f"""
        import os, pytest
        HERE = {str(netns.OWN.readlink())!r}

        def test_outside(): assert os.readlink("/proc/self/ns/net") == HERE

        @pytest.mark.namespace
        def test_inside(): assert os.readlink("/proc/self/ns/net") != HERE

        @pytest.mark.namespace
        def test_failing(): assert "this" == "that"

        @pytest.mark.namespace(empty=True)
        def test_dying(): os._exit(3)

        @pytest.mark.namespace(empty=True)
        def test_never_reached(): pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(["*'this' == 'that'*", "*the tests inside ended with 3 before this one did*"])


def test_those_that_need_a_child_are_not_for_two_at_once(pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\npythonpath = {Path(netns.__file__).parent}")
    pytester.makeconftest("pytest_plugins = ['namespaced']")
    pytester.makepyfile(
        """
        import pytest

        def test_outside(): pass

        @pytest.mark.namespace
        def test_inside(): pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "-m", "not alone")
    result.assert_outcomes(passed=1)
    assert result.ret is pytest.ExitCode.OK


@contextmanager
def _talking_to(*command: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a command inside that first says a process id; yield the helper, and a descriptor of that process."""
    inside = netns.command_inside(*command, empty=True)
    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
        assert helper.stdout is not None
        descriptor = os.pidfd_open(int(helper.stdout.readline()))
        try:
            yield helper, descriptor
        finally:
            os.close(descriptor)


def _ended(process: int) -> bool:
    return bool(select.select([process], [], [], 10)[0])
