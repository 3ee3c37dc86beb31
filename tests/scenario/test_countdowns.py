"""What a room does by itself when a meeting begins and ends, and how a person stops it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from story import Story, a_room, idle, live, touch

from appliance.state.commands import AckStatus, CancelJoin
from appliance.state.room import Phase
from benchmarks.room import Room, book, guest, invite

ALONE_S = 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, Story]]:
    out = tmp_path_factory.mktemp("room")
    with a_room(out, min_countdown_s=f"3\nalone_s = {ALONE_S}") as place:
        yield place


def test_a_cancelled_countdown_joins_nothing(place: tuple[Room, Story]) -> None:
    room, story = place
    _, start = book(room, 4)
    countdown = story.becomes(lambda state: state.countdown is not None).countdown
    assert countdown is not None
    began = len(story.states)
    assert touch(room, CancelJoin()).status is AckStatus.OK
    story.becomes(lambda state: state.countdown is None)
    story.passes(max(start, countdown.joins_at) + timedelta(seconds=2))
    assert all(state.call.phase is Phase.IDLE and state.wanted is None for state in story.states[began:])


def test_a_meeting_is_left_when_it_is_over_and_the_last_guest_has_gone(place: tuple[Room, Story]) -> None:
    room, story = place
    link = invite(room)
    with guest(room, link):
        book(room, 2, timedelta(seconds=14), link)
        wanted = story.becomes(live).wanted
        assert wanted is not None
        assert wanted.ends_at is not None
        story.passes(wanted.ends_at + timedelta(seconds=ALONE_S + 2))
        assert live(story.now)
    left = story.becomes(idle)
    assert "over" in left.notice
    story.lets_pass(3)
    assert idle(story.now)
