"""A console's configuration in a whole room: every program goes by it after the call, and gives it up when it ails."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fleet_ear import ORG, FleetEar, listening
from story import Story, a_room, idle, live, sees

from appliance.state.room import RoomState
from appliance.telemetry.configuration import KEPT_RESTARTING, MOST_STARTS
from appliance.telemetry.protocol.orders import Desired, Order, body_of
from appliance.telemetry.protocol.payloads import IN_A_MEETING
from appliance.telemetry.protocol.topics import Topics
from benchmarks.room import Room, book, guest, invite

DOC = {"room": {"name": "Blue room", "timezone": "Asia/Kathmandu"}, "sound": {"control_gain": False}}
REV = 5


@dataclass
class Place:
    """A room, its story, and its console's end of MQTT."""

    room: Room
    story: Story
    ear: FleetEar
    topics: Topics

    def want(self, rev: int, doc: dict[str, Any]) -> None:
        body = body_of(self.topics, Order.DESIRED, Desired(rev, doc), expires=int(time.time() * 1000) + 60_000)
        self.ear.say(self.topics.desired, json.dumps(body).encode(), retain=True)

    def reported(self) -> dict[str, Any]:
        said = [payload for topic, payload in list(self.ear.heard) if topic == self.topics.reported]
        return json.loads(said[-1]) if said else {}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    out = tmp_path_factory.mktemp("room")
    with a_room(out, up=("--rest", "2")) as (room, story), listening(room) as ear:
        yield Place(room, story, ear, Topics(ORG, story.now.id))


def starts_anew(room: Room) -> dict[str, int]:
    """How often each program has begun anew for other settings."""
    return {name: room.log(name).count("starting anew") for name in ("daemon", "media", "display")}


def there(state: RoomState) -> bool:
    return state.senses.connected and state.face.connected


def pids(room: Room) -> dict[str, int]:
    return {name: process.pid for name, process in room.programs().items()}


def test_it_waits_for_the_call_to_end_and_then_every_program_goes_by_it(place: Place) -> None:
    room, story = place.room, place.story
    link = invite(room)
    with guest(room, link):
        book(room, 2, link=link)
        story.becomes(live)
        before, began = pids(room), len(story.states)
        place.want(REV, DOC)
        sees(lambda: place.reported().get("seen") == REV)
        waiting = place.reported()
        assert (waiting["rev"], waiting["waits"]) == (0, IN_A_MEETING)
        story.lets_pass(3)  # media and display look every two seconds
        assert starts_anew(room) == {"daemon": 0, "media": 0, "display": 0}
        assert all(live(state) for state in story.states[began:])
        room.salon("leave")
    sees(lambda: place.reported().get("rev") == REV)
    assert place.reported()["waits"] == ""
    assert place.reported()["doc"]["sound"]["control_gain"] is False
    sees(lambda: starts_anew(room) == {"daemon": 1, "media": 1, "display": 1})
    story.becomes(lambda state: state.name == "Blue room" and there(state) and idle(state))
    assert pids(room) == before


def test_one_with_which_the_daemon_keeps_ending_is_given_up_by_every_program(place: Place) -> None:
    room, story = place.room, place.story
    for _ in range(MOST_STARTS):
        boot = story.now.boot
        room.kill("daemon")
        story.becomes(lambda state, boot=boot: state.boot != boot)
    story.becomes(lambda state: state.name == "Aquarium" and there(state))
    sees(lambda: place.reported().get("rev") == 0)
    assert (place.reported()["seen"], place.reported()["waits"]) == (REV, KEPT_RESTARTING)
    sees(lambda: starts_anew(room)["media"] == starts_anew(room)["display"] == 2)
    # the same again is not tried again, and the next one is
    place.want(REV, DOC)
    place.want(REV + 1, {"room": {"name": "Red room"}})
    sees(lambda: place.reported().get("rev") == REV + 1)
    story.becomes(lambda state: state.name == "Red room" and there(state))
