"""A program that keeps crashing: a rest, a reason on the TV, and the rest of the room goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from story import Story, Tv, a_room, sees

from appliance.link.faults import read_faults
from appliance.state.room import RoomState
from benchmarks.room import Room
from display.canvas import Canvas
from display.colour import to_image
from display.frames import PictureBook
from display.safe import NoPictures, choose_safe
from display.scenes.choose import View, choose_scene
from display.scenes.scene import Scene
from display.stage import Stage

REST_S = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, Story]]:
    with a_room(tmp_path_factory.mktemp("room"), servers=False, up=("--rest", str(REST_S))) as place:
        yield place


def _crash_until_given_up(room: Room, name: str) -> None:
    room.kill(name)
    room.kill(name)
    room.programs()[name].kill()
    sees(lambda: name in {fault.program for fault in read_faults(room.stage.runtime / "faults")})


def _given_up(state: RoomState, name: str) -> bool:
    return any(service.name == name and not service.ok and "3 times" in service.detail for service in state.services)


def _shows(tv: Tv, scene: Scene) -> bool:
    canvas = Canvas(640, 360)
    Stage(canvas, PictureBook(NoPictures())).draw(scene, 0)
    expected = cv2.cvtColor(np.asarray(to_image(canvas)), cv2.COLOR_RGB2GRAY)
    return float(np.corrcoef(expected.ravel(), tv.grey().ravel())[0, 1]) > 0.97


def _now() -> datetime:
    return datetime.now(UTC)


def test_media_that_keeps_crashing_rests_and_the_tv_says_why(place: tuple[Room, Story]) -> None:
    room, story = place
    others = {name: process.pid for name, process in room.programs().items() if name != "media"}
    _crash_until_given_up(room, "media")
    story.becomes(lambda state: _given_up(state, "media"))
    assert "media" not in room.programs()
    tv, faults = Tv(room), read_faults(room.stage.runtime / "faults")
    sees(lambda: _shows(tv, choose_scene(View(story.now, faults), _now())))
    assert "trouble   Media: It ended 3 times" in room.salon("status")
    story.becomes(lambda state: state.senses.connected)
    story.becomes(lambda state: not _given_up(state, "media"))
    sees(lambda: not _shows(tv, choose_scene(View(story.now, faults), _now())))
    assert {name: process.pid for name, process in room.programs().items() if name != "media"} == others


def test_a_display_that_keeps_crashing_leaves_a_safe_picture(place: tuple[Room, Story]) -> None:
    room, story = place
    _crash_until_given_up(room, "display")
    tv, faults = Tv(room), read_faults(room.stage.runtime / "faults")
    assert [fault.program for fault in faults] == ["display"]
    sees(lambda: _shows(tv, choose_safe(View(None, faults), _now())))
    story.becomes(lambda state: _given_up(state, "display") and not state.face.lit)
    story.becomes(lambda state: state.face.lit and not _given_up(state, "display"))
    assert "--safe" not in room.programs()["display"].cmdline()
