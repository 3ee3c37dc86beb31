"""The safe picture: a TV that says what broke, with nothing else running."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2

from appliance.link.faults import Fault, read_faults
from appliance.state.room import Boot
from display.safe import choose_safe, run_safe_display
from display.scenes.choose import View
from display.scenes.notices import safe_scene

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _note(folder: Path, program: str, reason: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{program}.json").write_text(json.dumps({"program": program, "reason": reason, "since": None}))


def test_the_safe_picture_tells_the_worst_fault(tmp_path: Path) -> None:
    _note(tmp_path, "display", "The cable is out.")
    assert choose_safe(View(None, read_faults(tmp_path)), NOON) == safe_scene(
        Fault("display", "The cable is out."), NOON
    )
    _note(tmp_path, "media", "No camera.")
    assert choose_safe(View(None, read_faults(tmp_path)), NOON) == safe_scene(Fault("media", "No camera."), NOON)


def test_the_safe_picture_needs_no_note() -> None:
    scene = choose_safe(View(), NOON)
    assert scene.name == "safe"
    assert not scene.tiles


async def test_the_safe_display_lights_the_tv_with_no_daemon_and_no_media(tmp_path: Path) -> None:
    picture, lit = tmp_path / "tv.png", asyncio.Event()
    _note(tmp_path / "faults", "display", "It crashed.")
    showing = asyncio.create_task(
        run_safe_display(
            tmp_path / "faults",
            screen=f"png:{picture}",
            boot=Boot("b"),
            now=lambda: NOON,
            size=(640, 360),
            ready=lit.set,
        )
    )
    async with asyncio.timeout(20):
        await lit.wait()
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)
    shown = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == (360, 640)
    assert shown.max() > 200
