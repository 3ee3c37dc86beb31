"""Pytest plugin: tests marked `namespace` run in a child pytest inside a network namespace of their own.

The whole child is inside, so whatever a test starts or opens is too: browser, servers, sockets of the test itself. It
may mount things as root may, where nobody else sees them.
`namespace` has an address (netns.ADDRESS); `namespace(empty=True)` has only lo. Tests marked `umockdev` run in a child
whose /sys and uevents are those of a test bed (umockdev_bed). All tests of a kind share one child, which hands its
reports to this process, where they count and are shown as if the tests had run here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from typing import Any

import netns
import pytest

REPORTS_TO = "SALON_TEST_REPORTS_TO"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "namespace(empty=False): runs in namespaces of its own, of network and mounts")
    config.addinivalue_line("markers", "umockdev: runs where devices are umockdev's")
    if REPORTS_TO in os.environ:
        config.pluginmanager.register(_Reporter(config, int(os.environ[REPORTS_TO])), "namespace-reporter")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # a worker of xdist runs what it is told to, one by one, and can hand nothing to a child
    for item in items:
        if _kind(item):
            item.add_marker("alone")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    if REPORTS_TO in os.environ or session.config.option.collectonly:
        return (yield)
    kinds: dict[str, list[pytest.Item]] = {}
    for item in session.items:
        kinds.setdefault(_kind(item), []).append(item)
    session.items[:] = kinds.pop("", [])
    result = yield
    for kind, items in kinds.items():
        _run_inside(session, items, kind)
    return result


def _kind(item: pytest.Item) -> str:
    if item.get_closest_marker("umockdev"):
        return "umockdev"
    mark = item.get_closest_marker("namespace")
    if mark is None:
        return ""
    return "empty namespace" if mark.kwargs.get("empty") else "namespace"


def _inside(kind: str, *command: str) -> list[str]:
    if kind == "umockdev":
        return ["umockdev-wrapper", *command]
    return netns.command_inside(*command, empty=kind == "empty namespace")


class _Reporter:
    """In the child: hands each report over as a line of JSON."""

    def __init__(self, config: pytest.Config, descriptor: int) -> None:
        self._config = config
        self._pipe = os.fdopen(descriptor, "w")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell({"start": nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._tell({"report": data})

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._tell({"finish": nodeid})

    def pytest_unconfigure(self) -> None:
        self._pipe.close()

    def _tell(self, message: dict[str, Any]) -> None:
        print(json.dumps(message), file=self._pipe, flush=True)


def _run_inside(session: pytest.Session, items: list[pytest.Item], kind: str) -> None:
    waiting = {item.nodeid: item for item in items}
    listen, tell = os.pipe()
    pytest_again = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]
    options = ["-s"] if session.config.option.capture == "no" else []
    command = _inside(kind, *pytest_again, *options, *waiting)
    environment = os.environ | {REPORTS_TO: str(tell)}
    with tempfile.TemporaryFile("w+") as said:
        output = None if options else said
        with subprocess.Popen(
            command, cwd=session.config.rootpath, env=environment, pass_fds=(tell,), stdout=output, stderr=output
        ) as child:
            os.close(tell)
            with os.fdopen(listen) as pipe:
                for message in map(json.loads, pipe):
                    _relay(session, waiting, message)
                    if session.shouldfail or session.shouldstop:
                        child.terminate()
                        return
        said.seek(0)
        for item in waiting.values():
            _report_lost(item, f"the tests inside ended with {child.returncode} before this one did:\n{said.read()}")


def _relay(session: pytest.Session, waiting: dict[str, pytest.Item], message: dict[str, Any]) -> None:
    hook = session.config.hook
    match message:
        case {"start": nodeid}:
            hook.pytest_runtest_logstart(nodeid=nodeid, location=waiting[nodeid].location)
        case {"report": data}:
            report = hook.pytest_report_from_serializable(config=session.config, data=data)
            hook.pytest_runtest_logreport(report=report)
        case {"finish": nodeid}:
            item = waiting.pop(nodeid)
            hook.pytest_runtest_logfinish(nodeid=nodeid, location=item.location)


def _report_lost(item: pytest.Item, words: str) -> None:
    report = pytest.TestReport(item.nodeid, item.location, {}, "failed", words, "call")
    item.ihook.pytest_runtest_logreport(report=report)


def addresses() -> Iterator[str]:
    """Yield the IPv4 addresses this process can bind to, loopback first."""
    shown = subprocess.run(["ip", "-json", "-4", "addr"], capture_output=True, text=True, check=True)
    for interface in json.loads(shown.stdout):
        yield from (entry["local"] for entry in interface["addr_info"])
