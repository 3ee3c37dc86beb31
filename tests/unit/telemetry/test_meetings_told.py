"""What became of each meeting: a room's day in states, and the records it leaves."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.state.layout import PersonId
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Boot,
    Call,
    Countdown,
    Meeting,
    MeetingKey,
    Participant,
    Phase,
    RoomState,
    Wanted,
)
from appliance.state.wire import from_json, to_json
from appliance.state.wishes import StreamStats
from appliance.telemetry.meetings import Ledger, measured, meeting_id, seen, told
from appliance.telemetry.protocol.records import Began, Outcome, encode_content

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
END = START + timedelta(hours=1)
KEY = MeetingKey("uid-1@example.org")
BOOKING = Meeting(
    KEY, "Secret merger", START, END, organizer="Boss Secretname", provider="livekit", auto_join=AutoJoin.YES
)
EMPTY = RoomState("room-1", "Blue room", Boot("b"), agenda=Agenda((BOOKING,), START))
PEOPLE = tuple(Participant(PersonId(f"p{n}"), "Zoë Secretname") for n in range(3))


class Day:
    """Lets states come in, each at its minute, through a restart each time."""

    def __init__(self, room=EMPTY, *, titles=False):
        self.room, self.titles = room, titles
        self.ledger, self.records = Ledger(), []
        self.minute = 0

    def at(self, minute, began=Began.SCHEDULE, **changes):
        self.minute = minute
        self.room = replace(self.room, **changes)
        now = START + timedelta(minutes=minute)
        shown = tuple(meeting for meeting in self.room.agenda.meetings if meeting.end > now)
        self.room = replace(self.room, agenda=replace(self.room.agenda, meetings=shown))
        stored = from_json(Ledger, json.loads(json.dumps(to_json(self.ledger))))
        ledger, records = told(seen(stored, self.room, now, began), now, titles=self.titles)
        self.ledger = ledger
        self.records += records
        return self

    def call(self, minute, phase, *people, began=Began.SCHEDULE):
        call = Call() if phase is Phase.IDLE else Call(phase, KEY, "Secret merger", participants=people)
        return self.at(minute, began, call=call)


def ms(minute):
    return int((START + timedelta(minutes=minute)).timestamp() * 1000)


def test_a_meeting_that_was_held_is_told_once_with_its_times_and_most_people():
    day = Day().call(0, Phase.JOINING).call(1, Phase.LIVE).call(5, Phase.LIVE, *PEOPLE).call(9, Phase.LIVE, PEOPLE[0])
    day.call(20, Phase.RECONNECTING, PEOPLE[0]).call(21, Phase.LIVE, PEOPLE[0]).call(50, Phase.IDLE)
    assert day.records == []
    day.at(60).at(61).at(90)
    (record,) = day.records
    assert (record.outcome, record.began, record.server) == (Outcome.HELD, Began.SCHEDULE, "livekit")
    assert (record.booked_from, record.booked_until) == (ms(0), ms(60))
    assert (record.began_at, record.ended_at) == (ms(1), ms(50))
    assert (record.participants, record.reconnects) == (3, 1)


def test_one_that_was_left_and_entered_again_is_one_meeting():
    day = Day().call(1, Phase.LIVE).call(5, Phase.IDLE).call(10, Phase.LIVE, began=Began.TOUCH).call(59, Phase.IDLE)
    day.at(61)
    assert [(record.began_at, record.ended_at) for record in day.records] == [(ms(1), ms(59))]


def test_one_that_lasts_longer_than_its_booking_is_told_when_it_ends():
    day = Day().call(1, Phase.LIVE).call(70, Phase.LIVE)
    assert day.records == []
    day.call(75, Phase.IDLE)
    assert day.records[0].ended_at == ms(75)


def test_nobody_came():
    day = Day().at(1).at(30).at(60)
    assert [record.outcome for record in day.records] == [Outcome.NO_SHOW]
    assert day.records[0].began_at is None


def test_the_room_joined_by_itself_and_its_sensor_saw_nobody_all_the_time():
    day = Day(replace(EMPTY, occupied=False)).call(0, Phase.JOINING).call(1, Phase.LIVE).call(60, Phase.IDLE).at(61)
    assert [record.outcome for record in day.records] == [Outcome.NO_SHOW]


def test_people_met_in_a_room_without_a_call():
    here = Meeting(MeetingKey("uid-2"), "In person", START, END)
    room = replace(EMPTY, agenda=Agenda((here,), START))
    assert Day(room).at(1).at(60).records == []
    held = Day(replace(room, occupied=False)).at(1).at(5, occupied=True).at(30, occupied=False).at(60)
    assert [record.outcome for record in held.records] == [Outcome.HELD]
    empty = Day(replace(room, occupied=False)).at(1).at(60)
    assert [record.outcome for record in empty.records] == [Outcome.NO_SHOW]


def test_a_countdown_that_somebody_cancelled_is_a_meeting_left_out():
    countdown = Countdown(KEY, "Secret merger", START, START)
    day = Day().at(-1, countdown=countdown).at(-0.5, countdown=None).at(60)
    assert [record.outcome for record in day.records] == [Outcome.LEFT_OUT]


def test_a_countdown_that_ends_in_the_call_is_not():
    countdown, wanted = Countdown(KEY, "Secret merger", START, START), Wanted(KEY, "Secret merger")
    day = Day().at(-1, countdown=countdown).at(0, countdown=None, wanted=wanted).call(1, Phase.LIVE)
    day.at(2, wanted=None).call(60, Phase.IDLE).at(61)
    assert [record.outcome for record in day.records] == [Outcome.HELD]


def test_a_room_that_never_got_in_failed():
    day = Day().call(0, Phase.JOINING).call(1, Phase.IDLE).call(2, Phase.JOINING).call(3, Phase.IDLE).at(60)
    assert [(record.outcome, record.began_at) for record in day.records] == [(Outcome.FAILED, None)]


def test_a_booking_that_was_called_off_is_nobodys_fault():
    day = Day().at(1).at(2, agenda=Agenda((), START)).at(60)
    assert day.records == []


def test_a_call_without_a_booking_is_told_two_minutes_after_it():
    day = Day(replace(EMPTY, agenda=Agenda((), START))).call(0, Phase.LIVE, began=Began.REMOTE).call(10, Phase.IDLE)
    day.at(11)
    assert day.records == []
    day.at(12)
    assert (day.records[0].booked_from, day.records[0].began) == (None, Began.REMOTE)


@pytest.mark.parametrize("titles", [False, True])
def test_the_title_is_told_only_where_the_room_says_so_and_names_never(titles):
    day = Day(titles=titles).call(1, Phase.LIVE, *PEOPLE).call(59, Phase.IDLE).at(60)
    text = encode_content(day.records[0]).decode()
    assert ("Secret merger" in text) == titles
    assert "Secretname" not in text
    assert "uid-1" not in text
    assert day.records[0].meeting == meeting_id(KEY)


def test_how_the_streams_did_is_summed_up():
    day = Day().call(1, Phase.LIVE)
    one = StreamStats("p1", "video", "in", loss=0.02, jitter_ms=4, longest_gap_ms=300)
    two = StreamStats("", "video", "out", loss=0.0, rtt_ms=31.0)
    day.ledger = measured(day.ledger, day.room, (one, two), 2)
    day.ledger = measured(day.ledger, day.room, (two,), 0)
    day.call(59, Phase.IDLE).at(60)
    (record,) = day.records
    assert (record.loss, record.worst_loss, record.jitter_ms, record.rtt_ms) == (0.01, 0.02, 4, 31.0)
    assert (record.freezes, record.longest_gap_ms) == (2, 300)
