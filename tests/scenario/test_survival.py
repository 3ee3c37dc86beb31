"""A room in a call, and its programs killed one after another."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from story import Story, Tv, a_room, clip, frames, goes_on, idle, live, sees, tones

from appliance.demo import checks
from appliance.state.room import Phase
from benchmarks.room import GuestView, Room, book, guest, invite


@dataclass
class Meeting:
    """A room in a call with a guest."""

    room: Room
    story: Story
    guest: GuestView
    tv: Tv


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    with a_room(tmp_path_factory.mktemp("room")) as (room, story):
        link = invite(room)
        with guest(room, link) as visitor:
            book(room, 2, link=link)
            story.becomes(live)
            goes_on(lambda: frames(visitor))
            yield Meeting(room, story, visitor, Tv(room))


def test_a_killed_daemon_interrupts_nobody_and_adopts_the_call_when_it_is_back(meeting: Meeting) -> None:
    before, seen, heard = meeting.story.now, meeting.guest.seen(), tones(meeting.guest)
    meeting.room.kill("daemon")
    after = meeting.story.becomes(lambda state: state.boot != before.boot and live(state))
    # a daemon takes longer to start than five pictures take
    assert frames(meeting.guest) >= seen.frames + 5
    meeting.tv.moves()
    goes_on(lambda: tones(meeting.guest), 2)
    assert tones(meeting.guest) > heard
    assert {person.id for person in after.call.participants} == {person.id for person in before.call.participants}
    assert (meeting.guest.seen().joins, meeting.guest.seen().leaves) == (seen.joins, seen.leaves)
    assert not [s for s in meeting.story.states if s.boot == after.boot and s.call.phase is Phase.RECONNECTING]


def test_a_killed_media_is_back_in_the_same_meeting_and_was_shown_as_muted_meanwhile(meeting: Meeting) -> None:
    began, key = len(meeting.story.states), meeting.story.now.call.key
    meeting.room.kill("media")
    lost = meeting.story.comes(lambda state: not state.senses.connected, began)
    assert (lost.call.phase, lost.senses.mic_muted, lost.senses.camera_off) == (Phase.RECONNECTING, True, True)
    assert meeting.story.becomes(live).call.key == key
    goes_on(lambda: frames(meeting.guest))
    goes_on(lambda: tones(meeting.guest), 3)
    sees(lambda: meeting.tv.shows_clip(meeting.story.now))
    sees(lambda: checks.clip_at_speaker(meeting.room.stage.speaker, clip()) > 0.6)


def test_a_killed_display_lights_the_tv_again_with_the_call_on_it(meeting: Meeting) -> None:
    began, seen = len(meeting.story.states), meeting.guest.seen()
    meeting.room.kill("display")
    killed = time.time_ns()
    meeting.story.comes(lambda state: not state.face.lit, began)
    meeting.story.becomes(lambda state: state.face.lit)
    sees(lambda: meeting.tv.written > killed and meeting.tv.shows_clip(meeting.story.now))
    meeting.tv.moves()
    assert live(meeting.story.now)
    assert (meeting.guest.seen().joins, meeting.guest.seen().leaves) == (seen.joins, seen.leaves)
    goes_on(lambda: frames(meeting.guest))


def test_a_room_that_was_told_to_leave_stays_out_whatever_is_killed(meeting: Meeting) -> None:
    boot = meeting.story.now.boot
    meeting.room.salon("leave")
    meeting.story.becomes(idle)
    began = len(meeting.story.states)
    meeting.room.kill("daemon", "media")
    meeting.story.comes(lambda state: state.boot != boot, began)
    meeting.story.becomes(idle)
    meeting.story.lets_pass(5)
    assert all(s.wanted is None and s.countdown is None for s in meeting.story.states[began:])
    assert all(s.call.phase is Phase.IDLE for s in meeting.story.states[began:])
