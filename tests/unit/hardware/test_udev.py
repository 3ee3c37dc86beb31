"""Listing devices where udev cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyudev._ctypeslib import utils

from hardware.hotplug import udev
from hardware.hotplug.events import UdevEvents
from hardware.identify import UdevDevice
from hardware.ports import DeviceError


@pytest.fixture
def _no_libudev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(utils, "find_library", lambda _name: None)
    monkeypatch.setattr(udev, "_context", udev._context.__wrapped__)
    monkeypatch.setattr(udev, "CLASSES", tmp_path)


@pytest.mark.usefixtures("_no_libudev")
def test_without_libudev_it_says_what_to_install() -> None:
    with pytest.raises(DeviceError, match="libudev1 installed"):
        udev.enumerate_devices()


@pytest.mark.usefixtures("_no_libudev")
def test_without_libudev_there_are_no_events_and_it_says_so() -> None:
    with UdevEvents(lambda: None) as listening:
        assert "No library named udev" in listening.trouble


def test_without_sys_it_says_so_instead_of_finding_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(udev, "CLASSES", tmp_path / "none")
    with pytest.raises(DeviceError, match="/sys is not there"):
        udev.enumerate_devices()


def test_a_sys_that_may_not_be_looked_into_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(DeviceError, match="/sys is not there"):
        udev.enumerate_devices()


def test_whoever_looks_while_a_driver_hangs_is_told_so_instead_of_waiting_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking, released = threading.Event(), threading.Event()

    def hangs(*, ready: bool) -> Iterator[UdevDevice]:
        looking.set()
        released.wait(10)
        yield UdevDevice("drm", f"card{ready}")

    monkeypatch.setattr(udev, "_devices", hangs)
    monkeypatch.setattr(udev, "_WAIT_S", 0.05)
    first = threading.Thread(target=udev.enumerate_devices)
    first.start()
    assert looking.wait(10)
    with pytest.raises(DeviceError, match="driver hangs"):
        udev.enumerate_devices()
    released.set()
    first.join()
    assert udev.enumerate_devices() == ()
