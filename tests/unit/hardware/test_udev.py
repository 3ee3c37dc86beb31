"""Listing devices where udev cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyudev._ctypeslib import utils

from hardware.hotplug import udev
from hardware.hotplug.events import UdevEvents
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
