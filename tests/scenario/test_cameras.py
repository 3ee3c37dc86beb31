"""Cameras that are pulled and plugged in a call: the other one, the slate, and back again; the table tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from story import Story, a_room, frames, goes_on, live, sees, tones

from appliance.state.devices import Fault, Severity
from appliance.state.problems import problems
from benchmarks.room import GuestView, Room, book, guest, invite
from hardware.camera.mark import source_id

FIRST, SECOND = source_id("FIRST"), source_id("SECOND")


@dataclass
class Meeting:
    """A room with two cameras on plugs, in a call with a guest."""

    room: Room
    story: Story
    guest: GuestView
    plugs: Path

    def plug(self, name: str) -> None:
        (self.plugs / f"camera-{name}").touch()

    def pull(self, name: str) -> None:
        (self.plugs / f"camera-{name}").unlink()

    def sees_pictures_of(self, source: int) -> None:
        """Wait until the guest sees new pictures of this camera."""
        counts = self.guest.seen().counts[-1:]
        sees(lambda: self.guest.seen().marks[-1:] == [source] and self.guest.seen().counts[-1:] != counts)

    def faults(self) -> list[tuple[str, Fault, Severity]]:
        return [(row.id, row.fault, row.severity) for row in self.story.now.devices if row.kind == "camera"]


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    plugs = tmp_path_factory.mktemp("plugs")
    cameras = ", ".join(
        f'"sim:pattern?size=640x360&mark={name.upper()}&plug={plugs}/camera-{name}"' for name in ("First", "Second")
    )
    for name in ("First", "Second"):
        (plugs / f"camera-{name}").touch()
    with a_room(tmp_path_factory.mktemp("room"), camera=f'[{cameras}]\nwatch = "sim:{plugs}"') as (room, story):
        link = invite(room)
        with guest(room, link) as visitor:
            book(room, 2, link=link)
            story.becomes(live)
            yield Meeting(room, story, visitor, plugs)


def test_the_preferred_camera_is_shown_and_all_is_well(meeting: Meeting) -> None:
    meeting.sees_pictures_of(FIRST)
    meeting.story.becomes(lambda state: [row.chosen for row in state.devices if row.kind == "camera"] == [True, False])
    assert meeting.faults() == [
        ("camera-1", Fault.NONE, Severity.FINE),
        ("camera-2", Fault.NONE, Severity.FINE),
    ]


def test_a_pulled_camera_is_followed_by_the_other_and_is_a_warning(meeting: Meeting) -> None:
    meeting.pull("First")
    meeting.sees_pictures_of(SECOND)
    meeting.story.becomes(lambda state: any(row.fault is Fault.MISSING for row in state.devices))
    assert meeting.faults() == [
        ("camera-1", Fault.MISSING, Severity.WARNING),
        ("camera-2", Fault.NONE, Severity.FINE),
    ]


def test_without_any_camera_others_see_a_slate_and_hear_the_room(meeting: Meeting) -> None:
    meeting.pull("Second")
    meeting.story.becomes(
        lambda state: all(row.fault is Fault.MISSING for row in state.devices if row.kind == "camera")
    )
    assert {severity for _, _, severity in meeting.faults()} == {Severity.IMPORTANT}
    assert any("Plug the camera in" in problem.help for problem in problems(meeting.story.now, meeting.story.now.now))
    # the last pictures of the camera may still be on their way
    goes_on(lambda: frames(meeting.guest), by=5)
    last = meeting.guest.seen().counts[-1]
    goes_on(lambda: frames(meeting.guest), by=5)
    assert meeting.guest.seen().counts[-1] == last, "what others see now is no camera's picture"
    goes_on(lambda: tones(meeting.guest), 3)
    assert live(meeting.story.now)


def test_cameras_that_come_back_are_taken_again_and_the_preferred_one_in_the_end(meeting: Meeting) -> None:
    meeting.plug("Second")
    meeting.sees_pictures_of(SECOND)
    meeting.plug("First")
    meeting.sees_pictures_of(FIRST)
    sees(lambda: {fault for _, fault, _ in meeting.faults()} == {Fault.NONE})
    assert live(meeting.story.now)
