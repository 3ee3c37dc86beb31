"""Events from the kernel's real netlink socket, in a network namespace where the test may send some itself."""

from __future__ import annotations

import errno
import os
import socket
import threading
from pathlib import Path
from queue import Queue

import pytest
import pyudev

from hardware.hotplug import events
from hardware.hotplug.events import UdevEvents, udev_monitor

pytestmark = [pytest.mark.interop, pytest.mark.namespace(empty=True)]

NETLINK_KOBJECT_UEVENT = 15
KERNEL = 1
"""The kernel's own multicast group; udevd's is 2."""
EVENT = (
    b"add@/devices/nothing\0ACTION=add\0SUBSYSTEM=sound\0DEVPATH=/devices/nothing\0SEQNUM=1\0X=" + b"x" * 900 + b"\0"
)


def send(times: int) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as sender:
        for _ in range(times):
            sender.sendto(EVENT, (0, KERNEL))


def flooded() -> pyudev.Monitor:
    """Return a monitor whose queue was full before anybody read it."""
    monitor = udev_monitor(Path("/nonexistent"))
    monitor.set_receive_buffer_size(16 << 10)
    send(200)
    return monitor


def test_lost_events_are_counted_and_are_a_hint_to_look() -> None:
    hinted = threading.Event()
    with UdevEvents(hinted.set, flooded) as listening:
        assert hinted.wait(10)
        assert listening.overflows == 1
        assert listening.trouble == ""


def test_pyudev_stops_for_good_at_an_overflow_unless_its_error_is_taken_off() -> None:
    monitor = flooded()
    for _ in range(2):
        with pytest.raises(OSError, match="Error while polling"):
            monitor.poll(0)
    assert events._error(monitor) == errno.ENOBUFS
    assert events._error(monitor) == 0
    monitor.poll(0)


def test_without_netlink_it_says_so_and_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.05)
    tries: Queue[int] = Queue()

    def unavailable() -> pyudev.Monitor:
        tries.put(1)
        if tries.qsize() < 3:
            raise OSError(97, "Address family not supported by protocol")
        return udev_monitor()

    hinted = threading.Event()
    with UdevEvents(hinted.set, unavailable) as listening:
        assert "Address family not supported" in listening.trouble
        assert hinted.wait(10)
        while listening.trouble:
            assert hinted.wait(10)
        assert tries.qsize() == 3


def test_a_monitor_that_breaks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.05)
    opened: Queue[pyudev.Monitor] = Queue()

    def monitor() -> pyudev.Monitor:
        one = udev_monitor(Path("/nonexistent"))
        opened.put(one)
        return one

    with UdevEvents(lambda: None, monitor):
        first = opened.get(timeout=10)
        with Path("/dev/null").open() as not_a_socket:
            os.dup2(not_a_socket.fileno(), first.fileno())
        send(1)
        opened.get(timeout=10)
