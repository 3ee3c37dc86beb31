"""Calendars that would hurt whoever parses them: the worker's limits hold, and the good events survive."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.calendars.booking import ReadRequest
from appliance.calendars.chunks import LARGEST, check_whole, cut
from appliance.calendars.errors import CalendarError
from appliance.calendars.expand import read_calendar
from appliance.calendars.reader import read
from appliance.calendars.worker import cpu_guard

REQUEST = ReadRequest("Europe/Berlin", datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC))
GOOD = (
    "BEGIN:VEVENT\r\nUID:good\r\nDTSTART:20261123T090000Z\r\nDTEND:20261123T100000Z\r\nSUMMARY:Good\r\nEND:VEVENT\r\n"
)


def calendar(*events: str) -> bytes:
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + "".join(events) + "END:VCALENDAR\r\n").encode()


def bomb(uid: str, rule: str) -> str:
    return f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:19700101T000000Z\r\nRRULE:{rule}\r\nSUMMARY:Bomb\r\nEND:VEVENT\r\n"


async def test_a_process_of_its_own_reads_a_calendar():
    reading = await read(calendar(GOOD), REQUEST)
    assert [(b.key, b.start) for b in reading.bookings] == [("good", datetime(2026, 11, 23, 9, tzinfo=UTC))]


async def test_a_disguised_bomb_is_stopped_and_the_good_event_stays():
    # half a million candidate hours, none of them on a 30th of February
    reading = await read(calendar(bomb("b", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"), GOOD), REQUEST)
    assert [b.key for b in reading.bookings] == ["good"]
    assert reading.unreadable == ("“Bomb”: it takes too long to work out when it repeats",)


def test_the_guard_gives_all_bombs_together_an_end():
    spent = iter([0.0, 1.0, 9.0, 10.0])
    data = calendar(*(bomb(f"b{n}", "FREQ=DAILY;COUNT=1") for n in range(2)), GOOD)
    reading = read_calendar(data, REQUEST, guard=cpu_guard(lambda: next(spent)))
    assert [b.key for b in reading.bookings] == ["good"]
    assert reading.unreadable == ("“Bomb”: the others took all the time there is to read a calendar",) * 2


async def test_a_reader_that_takes_too_long_is_ended():
    with pytest.raises(CalendarError, match="too large or too complicated"):
        await read(calendar(GOOD), REQUEST, timeout_s=0.001)


async def test_a_request_the_worker_cannot_use_is_an_error_in_words():
    with pytest.raises(CalendarError, match="too large or too complicated"):
        await read(calendar(GOOD), ReadRequest("Not/AZone", REQUEST.first, REQUEST.last))


def test_fifty_thousand_old_events_never_reach_the_parser():
    old = GOOD.replace("2026", "2019").replace("UID:good", "UID:old{}")
    data = calendar(*(old.format(n) for n in range(50_000)), GOOD)
    text = cut(data, REQUEST.first.date(), REQUEST.last.date())
    assert [series[0].line("UID") for series in text.series] == ["UID:good"]


def test_more_bookings_than_anybody_needs_are_cut():
    data = calendar(*(GOOD.replace("UID:good", f"UID:g{n:04}") for n in range(600)))
    reading = read_calendar(data, REQUEST)
    assert len(reading.bookings) == 500
    assert reading.more


def test_an_old_series_stays_when_only_an_exception_of_it_is_near():
    series = bomb("s", "FREQ=DAILY;UNTIL=19700201T000000Z")
    moved = GOOD.replace("UID:good", "UID:s\r\nRECURRENCE-ID:19700110T000000Z")
    reading = read_calendar(calendar(series, moved), REQUEST)
    assert [b.key for b in reading.bookings] == ["s/19700110T000000Z"]


def test_nesting_without_end_costs_nothing():
    data = calendar("BEGIN:VEVENT\r\n" + "BEGIN:VALARM\r\n" * 100_000, GOOD)
    reading = read_calendar(data, REQUEST)
    assert [b.key for b in reading.bookings] == ["good"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VTIMEZONE",
                "END:VTIMEZONE",
                "BEGIN:VCALENDAR",
                "UID:1",
                "UID:",
                "DTSTART:20261123T090000Z",
                "DTSTART;VALUE=DATE:20261123",
                "DTSTART;TZID=X:20261123T090000",
                "DTSTART:99999999T999999",
                "DTSTART;VALUE=DATE:00000000",
                "DTEND:20261123T100000",
                "DTEND;VALUE=DATE:20261124",
                "DURATION:P99999999999D",
                "DURATION:PT1H",
                "RRULE:FREQ=WEEKLY;BYDAY=99MO",
                "RRULE:FREQ=YEARLY;COUNT=-1",
                "RRULE:FREQ=DAILY;INTERVAL=0;COUNT=2",
                "RRULE:FREQ=DAILY;COUNT=2",
                "RDATE:20261123T120000Z,x",
                "RDATE;VALUE=PERIOD:20261123T120000Z/PT1H",
                "EXDATE;VALUE=DATE:20261123",
                "RECURRENCE-ID:20261123T090000Z",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20261123",
                "SEQUENCE:99999999999999999999999",
                "TZID:X",
                "X-WR-TIMEZONE:../../etc/passwd",
                "ORGANIZER;CN=:",
                "CONFERENCE;FEATURE=:https://",
                'SUMMARY;LANGUAGE="',
                ":",
                ";",
            ]
        )
        | st.text(max_size=20),
        max_size=25,
    )
)
def test_no_text_gets_past_the_reader_as_an_exception(lines: list[str]):
    reading = read_calendar("\r\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR"]).encode(), REQUEST)
    assert all(booking.start <= booking.end for booking in reading.bookings)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>Sign in</html>", "does not lead to a calendar"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "arrived incomplete"),
        (b"", "does not lead to a calendar"),
        (b"BEGIN:VCALENDAR" + b" " * LARGEST, "larger than 10 MB"),
    ],
)
def test_what_is_no_whole_calendar_is_refused_in_words(data: bytes, message: str):
    with pytest.raises(CalendarError, match=message):
        check_whole(data)
