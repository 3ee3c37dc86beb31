"""A preset of the room looks the same way through every head."""

import time

import pytest
from visca_server import quick

from appliance.media.view import View
from hardware.camera.aim import Aim
from hardware.camera.heads import head
from hardware.camera.presets import Preset, find, with_preset, without

DOOR, BOARD = Preset("Door", Aim(-0.5, 0.0, 0.2)), Preset("Whiteboard", Aim(0.6, 0.25, 1.0))


def test_presets_are_kept_by_name():
    presets = with_preset(with_preset((), DOOR), BOARD)
    moved = with_preset(presets, Preset("door ", Aim()))
    assert [preset.name for preset in moved] == ["door ", "Whiteboard"]
    assert find(moved, "DOOR").aim == Aim()
    assert without(moved, "door") == (BOARD,)
    assert find(presets, "Window") is None


@pytest.mark.parametrize("preset", [DOOR, BOARD])
def test_a_preset_fits_a_head_with_motors_and_a_crop(preset):
    with quick() as server, head(f"visca:127.0.0.1:{server.udp}") as camera:
        camera.move(preset.aim)
        deadline = time.monotonic() + 5
        while camera.aim().zoom != pytest.approx(preset.aim.zoom, abs=0.001) and time.monotonic() < deadline:
            time.sleep(0.02)
        turned = camera.aim()
    view = View((1920, 1080), (1280, 720))
    cropped = view.aim(view.crop(preset.aim))
    for seen in (turned, cropped):
        assert (seen.pan, seen.tilt, seen.zoom) == pytest.approx(
            (preset.aim.pan, preset.aim.tilt, preset.aim.zoom), abs=0.002
        )
