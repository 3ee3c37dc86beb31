"""What `salon status` says."""

from dataclasses import replace
from datetime import timedelta

from builders import NOON, meeting, minutes, room

from appliance.oneshot import describe
from appliance.state.room import Agenda, AutoJoin, ServiceHealth


def troubles(state, now=NOON):
    return [line for line in describe(state, now) if line.startswith("  trouble")]


def test_a_calendar_that_cannot_be_read_is_a_trouble():
    state = replace(room(), agenda=Agenda(error="calendar.example.org does not answer."))
    assert "  trouble   The calendar could not be read: calendar.example.org does not answer." in troubles(state)
    stale = replace(room(), agenda=Agenda(fetched_at=NOON - timedelta(hours=3), error="It does not answer."))
    assert "  trouble   The calendar is 3 hours old: It does not answer." in troubles(stale)
    assert "  calendar  Calendar read 3 hours ago" in describe(stale, NOON)


def test_programs_and_services_that_do_not_work_are_troubles():
    state = replace(room(), services=(ServiceHealth("mqtt", ok=False, detail="The broker is away."),))
    said = troubles(state)
    assert any("Sound and picture" in line for line in said)
    assert any("TV program" in line for line in said)
    assert "  trouble   Mqtt: The broker is away." in said


def test_meetings_are_listed_with_date_now_and_how_they_are_joined():
    state = room(
        meeting("standup", NOON - minutes(5)),
        meeting("review", NOON + minutes(60), auto=AutoJoin.TOUCH, why="The room does not join x.org by itself."),
        meeting("lunch", NOON + timedelta(days=1), auto=AutoJoin.NO, why="It has no link to an online meeting."),
    )
    said = describe(state, NOON)
    for line in (
        "  Mon 2026-11-23  11:55-12:25  now  Standup (joins by itself)",
        "  Mon 2026-11-23  13:00-13:30  Review (the room does not join x.org by itself)",
        "  Tue 2026-11-24  12:00-12:30  Lunch (it has no link to an online meeting)",
    ):
        assert line in said
