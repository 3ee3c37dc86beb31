"""Takes udev's events off the kernel's hands as they come; each is only a hint that something may have changed.

An event queue that nobody reads fills up, and then the kernel throws events away (ENOBUFS). So a thread reads it and
does nothing else; what the events would say is not used, since it may already be untrue.
"""

import errno
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyudev

from hardware.hotplug.udev import FAILURES, SUBSYSTEMS, UDEVD

BUFFER_BYTES = 4 << 20
"""Some thousand events. Without CAP_NET_ADMIN the kernel grants no more than net.core.rmem_max."""
RETRY_S = 5.0


def udev_monitor(udevd: Path = UDEVD) -> pyudev.Monitor:
    """Return a monitor that receives; raises OSError or ImportError where there can be none.

    With udevd its events, which come when its rules are done and the node has its permissions. Without (a container,
    a test bed) the kernel's: asked for those of an absent udevd, libudev subscribes to nothing and says nothing.
    """
    monitor = pyudev.Monitor.from_netlink(pyudev.Context(), "udev" if udevd.exists() else "kernel")
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    with suppress(*FAILURES):
        monitor.set_receive_buffer_size(BUFFER_BYTES)
    monitor.start()
    return monitor


class UdevEvents:
    """Calls `hint` from its own thread whenever events came or were lost, until it is left."""

    def __init__(self, hint: Callable[[], None], monitor: Callable[[], pyudev.Monitor] = udev_monitor) -> None:
        self._hint = hint
        self._monitor = monitor
        self.overflows = 0
        """How often the queue was full and events were lost."""
        self.trouble = ""
        """Why no events come, or nothing."""

    def __enter__(self) -> Self:
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        # opened before this returns: whoever looks at the devices now gets a hint about all that comes later
        self._thread = threading.Thread(target=self._run, args=[self._opened()], name="udev events", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)

    def _opened(self) -> pyudev.Monitor | None:
        try:
            monitor = self._monitor()
        except (*FAILURES, ImportError) as err:
            self._fail(err)
            return None
        self.trouble = ""
        return monitor

    def _fail(self, err: Exception) -> None:
        self.trouble = f"nothing tells at once when a device is plugged in ({err}); looking regularly still does"

    def _run(self, monitor: pyudev.Monitor | None) -> None:
        while True:
            try:
                if monitor:
                    self._drain(monitor)
                    return
            except FAILURES as err:
                self._fail(err)
            if select.select([self._stop], [], [], RETRY_S)[0]:
                return
            monitor = self._opened()
            self._hint()

    def _drain(self, monitor: pyudev.Monitor) -> None:
        """Read events until told to stop."""
        poller = select.poll()
        poller.register(monitor.fileno(), select.POLLIN)
        poller.register(self._stop, select.POLLIN)
        while self._stop not in (ready := [number for number, _ in poller.poll()]):
            if ready and self._take(monitor):
                self._hint()

    def _take(self, monitor: pyudev.Monitor) -> bool:
        """Read what waits; tell whether it was about a device of ours, or was lost."""
        try:
            return monitor.poll(0) is not None
        except OSError as err:
            # pyudev looks at POLLERR before it reads, so that it never comes to see the error itself
            if (err.errno or _error(monitor)) != errno.ENOBUFS:
                raise
            self.overflows += 1
            return True


def _error(monitor: pyudev.Monitor) -> int:
    """Return the error that waits on the monitor's socket, and take it off."""
    with socket.socket(fileno=os.dup(monitor.fileno())) as twin:
        return twin.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
