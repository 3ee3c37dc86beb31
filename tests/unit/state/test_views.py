"""The room in words, on a virtual wall clock."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

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
    Senses,
)
from appliance.state.views import agenda_rows, calendar_line, detail_line, people, status_line, words_change_in

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 13, 20, 30, tzinfo=PARIS)


def meeting(title="Weekly sync", start="14:00", end="14:30", **more):
    day = more.pop("day", NOW)
    moments = [day.replace(hour=int(t[:2]), minute=int(t[3:]), second=0) for t in (start, end)]
    more.setdefault("auto_join", AutoJoin.YES)
    return Meeting(MeetingKey(title), title, *moments, **more)


def room(*meetings, **more):
    more.setdefault("senses", Senses(connected=True, mic_muted=False, camera_off=False))
    more.setdefault("agenda", Agenda(meetings, fetched_at=NOW))
    return RoomState("r", "Ada", Boot("b"), **more)


def call(phase, people=0, **more):
    folk = tuple(Participant(PersonId(str(n)), f"Person {n}") for n in range(people))
    return Call(phase, MeetingKey("Weekly sync"), "Weekly sync", NOW, folk, **more)


def counting(seconds):
    return Countdown(MeetingKey("Weekly sync"), "Weekly sync", NOW, NOW + timedelta(seconds=seconds))


MUTED = Senses(connected=True, mic_muted=True)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (room(meeting()), "Free until 14:00"),
        (room(meeting(start="13:00", end="14:30")), "Booked until 14:30: Weekly sync"),
        (room(), "Free for the rest of today"),
        (room(meeting(day=NOW + timedelta(days=1))), "Free for the rest of today"),
        (room(meeting(start="12:00", end="13:00"), meeting("Later", "15:00", "16:00")), "Free until 15:00"),
        (room(meeting("Holiday", "00:00", "23:59", all_day=True)), "Free for the rest of today"),
        (room(agenda=Agenda()), "The calendar has not been read yet"),
        (room(agenda=Agenda(error="no route")), "Today’s meetings are not known"),
        (room(countdown=counting(42)), "Joining Weekly sync in 0:42"),
        (room(countdown=counting(0.4)), "Joining Weekly sync in 0:01"),
        (room(countdown=counting(-1)), "Joining Weekly sync now"),
        (room(countdown=counting(75)), "Joining Weekly sync in 1:15"),
        (room(call=call(Phase.JOINING)), "Joining Weekly sync…"),
        (room(call=call(Phase.LOBBY)), "Waiting to be let into Weekly sync"),
        (room(call=call(Phase.LIVE)), "In Weekly sync alone so far"),
        (room(call=call(Phase.LIVE, 1)), "In Weekly sync with 1 person"),
        (room(call=call(Phase.LIVE, 3)), "In Weekly sync with 3 people"),
        (room(call=call(Phase.LIVE, 3), senses=MUTED), "In Weekly sync with 3 people  ·  muted"),
        (room(call=call(Phase.RECONNECTING, reason="no answer")), "Reconnecting: no answer"),
        (room(call=call(Phase.RECONNECTING)), "Reconnecting: Weekly sync"),
        (room(call=call(Phase.LEAVING)), "Leaving Weekly sync…"),
        (room(call=replace(call(Phase.LIVE), title="")), "In the meeting alone so far"),
    ],
)
def test_the_status_says_what_the_room_does(state, words):
    assert status_line(state, NOW) == words


@pytest.mark.parametrize("title", ["Quarterly planning of everything", "四半期計画会議四半期計画会議四半期計画会議"])
def test_in_a_narrow_place_the_title_gives_way_and_the_countdown_stays(title):
    state = room(countdown=replace(counting(42), title=title))
    line = status_line(state, NOW, 30)
    assert line.startswith(f"Joining {title[:4]}")
    assert line.endswith("… in 0:42")


def test_a_title_with_tricks_becomes_plain_words():
    state = room(countdown=replace(counting(5), title="a\x1b[31m\n\u202eb"))
    assert status_line(state, NOW) == "Joining a[31m b in 0:05"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (room(meeting()), "Next: Weekly sync, 14:00"),
        (room(meeting(day=NOW + timedelta(days=1))), "Next: Weekly sync, tomorrow 14:00"),
        (room(meeting(), call=Call(reason="The meeting was full.")), "Next: Weekly sync, 14:00"),
        (room(meeting(organizer="Grace"), countdown=counting(9)), "14:00 – 14:30  ·  Grace"),
        (room(countdown=counting(9)), "Booked for 13:20"),
        (room(meeting(start="13:00", end="13:30"), call=call(Phase.LIVE)), "Until 13:30, 10 minutes left"),
        (room(meeting(start="13:00", end="13:15"), call=call(Phase.LIVE)), "Booked until 13:15, 5 minutes over time"),
        (room(call=call(Phase.LIVE)), "Since 13:20"),
        (room(meeting(), call=call(Phase.JOINING, reason="The server asks to wait.")), "The server asks to wait."),
        (room(meeting(), call=call(Phase.LOBBY)), "14:00 – 14:30"),
        (room(), ""),
    ],
)
def test_the_detail_says_what_stands_behind_it(state, words):
    assert detail_line(state, NOW) == words


def test_times_are_those_of_the_wall_also_across_a_change_of_the_clocks():
    friday = datetime(2026, 10, 23, 12, 0, tzinfo=PARIS)
    early, late = (datetime(2026, 10, day, 8, 0, tzinfo=ZoneInfo("UTC")) for day in (24, 25))
    booked = [Meeting(MeetingKey(str(s)), "x", s, s + timedelta(hours=1)) for s in (early, late)]
    rows = agenda_rows(room(agenda=Agenda(tuple(booked), friday)), friday)
    assert [(row.day, row.start, row.end) for row in rows] == [
        ("tomorrow", "10:00", "11:00"),
        ("Sunday", "09:00", "10:00"),
    ]


@pytest.mark.parametrize(
    ("auto_join", "why", "note", "joinable"),
    [
        (AutoJoin.YES, "", "joins by itself", True),
        (AutoJoin.TOUCH, "Unknown server. Press Join.", "Unknown server. Press Join.", True),
        (AutoJoin.TOUCH, "", "press Join", True),
        (AutoJoin.NO, "", "no join link", False),
        (AutoJoin.NO, "its link is damaged", "its link is damaged", False),
    ],
)
def test_a_row_says_whether_the_room_joins_and_why_not(auto_join, why, note, joinable):
    (row,) = agenda_rows(room(meeting(auto_join=auto_join, why=why)), NOW)
    assert (row.note, row.joinable) == (note, joinable)


def test_the_agenda_leaves_out_what_is_over_and_marks_what_is_on():
    rows = agenda_rows(
        room(meeting("Old", "12:00", "13:00"), meeting("On", "13:00", "14:00"), meeting("", "15:00", "16:00")), NOW
    )
    assert [(row.title, row.on_now) for row in rows] == [("On", True), ("Untitled meeting", False)]


def test_those_who_speak_come_first_and_a_muted_one_never_speaks():
    folk = tuple(Participant(PersonId(n), n, mic_muted=n == "c") for n in "abcd")
    state = room(call=Call(Phase.LIVE, participants=folk, speakers=(PersonId("d"), PersonId("c"))))
    assert [(p.name, p.speaking) for p in people(state)] == [("d", True), ("c", False), ("a", False), ("b", False)]
    assert [p.name for p in people(state, 1, 2)] == ["c", "a"]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, ""),
        (timedelta(seconds=59), "Calendar up to date"),
        (timedelta(minutes=1), "Calendar read 1 minute ago"),
        (timedelta(minutes=12, seconds=40), "Calendar read 12 minutes ago"),
        (timedelta(minutes=119), "Calendar read 119 minutes ago"),
        (timedelta(hours=5), "Calendar read 5 hours ago"),
        (timedelta(days=3), "Calendar read 3 days ago"),
    ],
)
def test_the_calendars_age_is_told(age, words):
    assert calendar_line(room(agenda=Agenda((), NOW - age if age is not None else None)), NOW) == words


def test_the_words_change_each_second_in_a_countdown_and_else_each_minute():
    assert words_change_in(room(), NOW) == pytest.approx(30)
    assert words_change_in(room(countdown=counting(41.25)), NOW) == pytest.approx(0.25)
    assert words_change_in(room(countdown=counting(42)), NOW) == pytest.approx(1)
    assert words_change_in(room(countdown=counting(-5)), NOW) == pytest.approx(30)
