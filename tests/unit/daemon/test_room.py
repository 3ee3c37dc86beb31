"""The daemon's room: what it shows of its calendar and its will."""

import pytest
from builders import NOON, URL, meeting

from appliance import settings
from appliance.calendars.agenda import Bookings
from appliance.calendars.links import JoinLink
from appliance.room import Room
from appliance.state.commands import CheckSound, JoinMeeting, Leave, Origin, SetMicMuted
from appliance.state.events import MediaReported
from appliance.state.room import Agenda, AutoJoin, Boot
from appliance.state.sound import SoundCheck
from appliance.state.wishes import MediaReport


@pytest.fixture
def room(tmp_path):
    told = settings.parse(f'paths = {{ state = "{tmp_path}", runtime = "{tmp_path}" }}', where="the test")
    return Room(told, "room-1", now=lambda: NOON)


async def test_a_meeting_that_was_left_no_longer_promises_to_be_joined_until_somebody_presses_join(room):
    booked = meeting()
    room.take_bookings(Bookings(Agenda((booked,), NOON), {booked.key: JoinLink("livekit", URL, "meet.example.org")}))
    seen = []
    for command in (JoinMeeting(booked.key), Leave(), JoinMeeting(booked.key)):
        await room.dispatcher.dispatch(command, Origin.TOUCH)
        seen.append(room.store.state.agenda.meetings[0].auto_join)
    assert seen == [AutoJoin.YES, AutoJoin.TOUCH, AutoJoin.YES]


async def test_the_room_says_what_its_next_call_begins_with(room):
    room.show_desired()
    assert not room.store.state.entry.mic_muted
    assert room.store.state.controls.mic_muted
    await room.dispatcher.dispatch(SetMicMuted(muted=True), Origin.TOUCH)
    assert room.store.state.entry.mic_muted


async def test_media_hears_of_a_meeting_ahead_of_which_it_tries_the_devices(room):
    room.publish_wish()
    assert room.media._wish.meeting_ahead == 0
    room.try_devices(NOON)
    assert room.media._wish.meeting_ahead == NOON.timestamp()


async def test_a_sound_check_is_wished_for_until_it_is_answered(room):
    await room.dispatcher.dispatch(CheckSound(), Origin.TOUCH)
    asked = room.media._wish.sound_check
    assert asked
    for check, wished in ((SoundCheck(asked, running=True), asked), (SoundCheck(asked, NOON), 0)):
        room.store.apply(MediaReported(MediaReport(Boot("m"), sound_check=check), current=True))
        room.publish_wish()
        assert room.media._wish.sound_check == wished


async def test_each_self_test_has_a_number_of_its_own(room):
    assert room.media._wish.self_test == 0
    first = room.test_devices()
    assert room.media._wish.self_test == first
    assert room.test_devices() == first + 1
