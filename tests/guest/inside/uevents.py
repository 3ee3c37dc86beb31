"""What udev really told, by pyudev and without any code of the room's."""

from __future__ import annotations

import threading
from typing import Self

import pyudev


class Uevents:
    """Collects `ACTION SUBSYSTEM NAME`, such as `add video4linux video0`, while the block lasts."""

    def __init__(self, *subsystems: str) -> None:
        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context(), "udev")
        for subsystem in subsystems:
            self._monitor.filter_by(subsystem)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uevents")
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        self._monitor.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def had(self, *wanted: str) -> bool:
        """Whether these came, in this order, among others."""
        rest = iter(self.seen)
        return all(event in rest for event in wanted)

    def _run(self) -> None:
        while not self._stop.is_set():
            device = self._monitor.poll(0.1)
            if device is not None:
                self.seen.append(f"{device.action} {device.subsystem} {device.sys_name}")
