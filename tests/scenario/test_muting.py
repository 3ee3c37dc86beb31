"""Muted is muted: whoever dies, and whoever asks for the contrary from afar."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from fleet_ear import listening
from story import Story, a_room, ask_as_cli, falls_silent, frames, goes_on, idle, live, sees, stays_silent, tones, touch

from appliance.state.commands import AckStatus, SetCameraOff, SetMicMuted
from appliance.telemetry.protocol.orders import JobKind
from benchmarks.room import GuestView, Room, book, guest, invite


@dataclass
class Meeting:
    """A room in a call with a guest."""

    room: Room
    story: Story
    guest: GuestView
    link: str


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    with a_room(tmp_path_factory.mktemp("room")) as (room, story):
        link = invite(room)
        with guest(room, link) as visitor:
            book(room, 2, link=link)
            story.becomes(live)
            goes_on(lambda: tones(visitor), 3)
            yield Meeting(room, story, visitor, link)


def _is_back_and_muted(meeting: Meeting, since: int, heard: int) -> None:
    meeting.story.comes(lambda state: not live(state) or state.boot != meeting.story.states[since - 1].boot, since)
    meeting.story.becomes(live)
    assert meeting.story.now.senses.mic_muted
    assert not meeting.story.now.senses.camera_off
    goes_on(lambda: frames(meeting.guest))
    stays_silent(meeting.guest, heard)
    assert all(state.senses.mic_muted for state in meeting.story.states[since:])


def test_a_touch_mutes_and_no_death_of_a_program_unmutes(meeting: Meeting) -> None:
    assert touch(meeting.room, SetMicMuted(muted=True)).status is AckStatus.OK
    meeting.story.becomes(lambda state: state.senses.mic_muted)
    heard = falls_silent(meeting.guest)
    for name in ("media", "daemon"):
        began = len(meeting.story.states)
        meeting.room.kill(name)
        _is_back_and_muted(meeting, began, heard)


def test_a_mute_from_the_command_line_holds_when_daemon_and_media_die_together(meeting: Meeting) -> None:
    assert touch(meeting.room, SetMicMuted(muted=False)).status is AckStatus.OK
    goes_on(lambda: tones(meeting.guest), 3)
    meeting.room.salon("mute")
    meeting.story.becomes(lambda state: state.senses.mic_muted)
    heard, began = falls_silent(meeting.guest), len(meeting.story.states)
    meeting.room.kill("daemon", "media")
    _is_back_and_muted(meeting, began, heard)


def _by_the_command_line(meeting: Meeting) -> None:
    meeting.room.salon("join", meeting.link)


def _by_a_job(meeting: Meeting) -> None:
    """Of the console, for a meeting that is far enough away for the room not to join by itself."""
    _, start = book(meeting.room, 900, link=meeting.link)
    state = meeting.story.becomes(lambda state: any(each.start == start for each in state.agenda.meetings))
    key = next(each.key for each in state.agenda.meetings if each.start == start)
    with listening(meeting.room) as ear:
        ear.order(state.id, JobKind.JOIN, key=key)
        meeting.story.becomes(lambda state: state.wanted is not None)


@pytest.mark.parametrize("joins", [_by_the_command_line, _by_a_job])
def test_who_joins_from_afar_shows_and_says_nothing_until_somebody_touches_the_panel(
    meeting: Meeting, joins: Callable[[Meeting], None]
) -> None:
    room, story = meeting.room, meeting.story
    parted = meeting.guest.seen().leaves
    room.salon("leave")
    story.becomes(idle)
    sees(lambda: meeting.guest.seen().leaves > parted)
    # the last pictures of the call before may still be in the guest's queue
    story.lets_pass(2)
    heard, seen, before = tones(meeting.guest), frames(meeting.guest), len(story.states)
    joins(meeting)
    state = story.becomes(live)
    assert all(each.senses.mic_muted and each.senses.camera_off for each in story.states[before:] if live(each))
    for command in (SetMicMuted(muted=False), SetCameraOff(off=False)):
        ack = ask_as_cli(room, command)
        assert ack.status is AckStatus.REFUSED
        assert "panel" in ack.reason
    with listening(room) as ear:
        for wish in ("unmute", "camera_on"):
            assert ear.ask(state.id, wish)["status"] == "refused"
    story.lets_pass(3)
    assert (story.now.senses.mic_muted, story.now.senses.camera_off) == (True, True)
    assert (tones(meeting.guest), frames(meeting.guest)) == (heard, seen)
    assert touch(room, SetMicMuted(muted=False)).status is AckStatus.OK
    goes_on(lambda: tones(meeting.guest), 3)
    assert frames(meeting.guest) == seen
    assert touch(room, SetCameraOff(off=False)).status is AckStatus.OK
    goes_on(lambda: frames(meeting.guest))
