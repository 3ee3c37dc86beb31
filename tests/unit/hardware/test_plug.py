"""A simulated device with a plug fails as a real one does when it is pulled out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hardware import registry
from hardware.ports import BLOCK, SAMPLE_BYTES, DeviceError, DeviceMissing

DEVICES: list[tuple[Callable[[str], object], str]] = [
    (registry.camera, "sim:pattern?size=64x64"),
    (registry.microphone, "sim:tone?hz=440"),
    (registry.microphone, "sim:silence?"),
    (registry.speaker, "sim:sink?"),
]


def use(device) -> None:
    if hasattr(device, "write"):
        device.write(bytes(BLOCK * SAMPLE_BYTES))
    else:
        assert device.read(2.0) is not None


@pytest.mark.parametrize(("opened", "uri"), DEVICES)
def test_a_simulated_device_works_while_its_plug_is_in(opened, uri, tmp_path: Path) -> None:
    plug = tmp_path / "device"
    device = opened(f"{uri}&plug={plug}")
    with pytest.raises(DeviceMissing, match=f"touch {plug}"), device:
        pass
    plug.touch()
    with device:
        use(device)
        plug.unlink()
        with pytest.raises(DeviceError, match="was unplugged"):
            use(device)
        plug.touch()
        use(device)


@pytest.mark.parametrize(
    ("kind", "uri"), [("camera", "sim:pattern"), ("microphone", "sim:tone"), ("speaker", "sim:sink")]
)
def test_a_simulated_device_is_present_while_its_plug_is_in(kind: str, uri: str, tmp_path: Path) -> None:
    plug = tmp_path / "device"
    assert registry.present(kind, uri)
    assert not registry.present(kind, f"{uri}?plug={plug}")
    plug.touch()
    assert registry.present(kind, f"{uri}?plug={plug}")
