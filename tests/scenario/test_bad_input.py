"""Wrong settings, broken calendars, missing devices, servers that are away: said clearly, and the rest goes on."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet_ear import listening
from story import Story, a_room, frames, goes_on, live, sees, tones

from appliance.demo import stage as staging
from appliance.demo.stage import Stage
from appliance.state.devices import DeviceKind
from appliance.state.room import Phase, RoomState, ServiceHealth
from benchmarks.room import Room, book, guest, invite, salon_words

WRONG = """
[room]
nmae = "Aquarium"
timezone = 7

[display]
width = 12

[joinning]
lead_s = 60
"""


@dataclass
class Place:
    """A room without camera, hub and broker."""

    room: Room
    story: Story
    link: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_room(tmp_path_factory.mktemp("room"), servers=False, camera='["file:/nope.mp4"]') as (room, story):
        yield Place(room, story, invite(room))


@contextmanager
def _server(room: Room, name: str) -> Iterator[None]:
    log = room.stage.out / "logs" / f"{name}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(salon_words(room.stage, name), stdin=subprocess.DEVNULL, stderr=file)
    try:
        sees(lambda: re.search("serves meetings|listens on", log.read_text()) is not None)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _service(state: RoomState, name: str) -> ServiceHealth | None:
    return next((service for service in state.services if service.name == name), None)


def test_all_mistakes_of_the_settings_are_told_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    config = tmp_path / "room.toml"
    config.write_text(f"[paths]\nstate = '{tmp_path}/state'\nruntime = '{tmp_path}/run'\n{WRONG}")
    stage = Stage(tmp_path, tmp_path, 0, 0, 0, 0)
    done = subprocess.run(salon_words(stage, "up"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "4 mistakes" in done.stderr
    for words in ("did you mean room.name?", "room.timezone must be", "display.width must be", "did you mean joining?"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["room.toml"]


@pytest.mark.parametrize("server", ["hub", "broker"])
def test_a_taken_port_is_told_in_one_sentence(server: str, tmp_path: Path) -> None:
    stage = staging.build(tmp_path)
    port = {"hub": stage.hub_port, "broker": stage.broker_port}[server]
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(salon_words(stage, server), capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("salon: ")]
    assert len(told) == 1
    assert str(port) in told[0]
    assert "Traceback" not in done.stderr


def test_a_broken_calendar_leaves_the_last_good_agenda_with_its_age(place: Place) -> None:
    room, story = place.room, place.story
    book(room, 3600, link=place.link)
    good = story.becomes(lambda state: len(state.agenda.meetings) >= 1).agenda
    calendar = room.stage.calendar.read_text()
    room.stage.calendar.write_text("BEGIN:VCALENDAR\r\nthis is no calendar")
    broken = story.becomes(lambda state: bool(state.agenda.error)).agenda
    assert broken.meetings == good.meetings
    assert broken.fetched_at is not None
    assert "this is no calendar" not in broken.error
    room.stage.calendar.write_text(calendar)
    assert story.becomes(lambda state: not state.agenda.error).agenda.meetings == good.meetings


def test_a_broker_that_is_away_is_told_and_found_when_it_comes(place: Place) -> None:
    room, story = place.room, place.story
    away = _service(story.becomes(lambda state: _service(state, "mqtt") is not None), "mqtt")
    assert away is not None
    assert not away.ok
    assert str(room.stage.broker_port) in away.detail
    with _server(room, "broker"), listening(room) as ear:
        story.becomes(lambda state: bool((mqtt := _service(state, "mqtt")) and mqtt.ok))
        sees(lambda: any(topic.endswith("/up/state") for topic, _ in ear.heard))
    story.becomes(lambda state: bool((mqtt := _service(state, "mqtt")) and not mqtt.ok))


def test_a_hub_that_is_away_and_a_camera_that_is_missing_cost_no_more_than_themselves(place: Place) -> None:
    room, story = place.room, place.story
    book(room, 2, link=place.link)
    waiting = story.becomes(lambda state: state.call.phase is Phase.JOINING and bool(state.call.reason))
    assert "127.0.0.1" in waiting.call.reason or "meeting server" in waiting.call.reason
    tries = room.log("media").count("joining again")
    sees(lambda: room.log("media").count("joining again") >= tries + 2)
    with _server(room, "hub"), guest(room, place.link) as visitor:
        story.becomes(live)
        goes_on(lambda: tones(visitor), 3)
        camera = next(device for device in story.now.senses.devices if device.kind is DeviceKind.CAMERA)
        assert not camera.healthy
        assert "/nope.mp4" in camera.error
        # the slate
        goes_on(lambda: frames(visitor), 3)
        room.salon("leave")
