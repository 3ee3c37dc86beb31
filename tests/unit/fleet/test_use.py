"""How rooms are used, by the wall clocks of their sites."""

import csv
import io
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.control.tally import Hours, Meeting, clipped, common_ms, joined, open_spans
from fleet.control.use import rooms_csv, to_csv, used

MIN = 60_000
BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN):
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def row(key=1, **more):
    plain = {
        "key": key, "id": f"r{key}", "name": f"R{key}", "site": 1, "site_name": "Berlin", "timezone": "Europe/Berlin",
        "open_days": "12345", "open_from": 480, "open_until": 1080,
    }  # fmt: skip
    return {**plain, **more}


def meeting(begins, ends, outcome="held", room=1, **more):
    return Meeting(room, outcome, at(begins), at(ends), more.pop("booked", True), **more)


MONDAY, TUESDAY = at("2026-11-23 00:00"), at("2026-11-24 00:00")


def test_utilisation_is_of_the_hours_in_which_a_room_may_be_booked():
    meetings = [
        meeting("2026-11-23 07:30", "2026-11-23 09:00"),  # half an hour of it before they open
        meeting("2026-11-23 08:30", "2026-11-23 10:00"),  # it overlaps: nobody is in a room twice
        meeting("2026-11-23 17:00", "2026-11-23 23:00"),
    ]
    room = used([row()], meetings, MONDAY, TUESDAY).rooms[0]
    assert (room.in_use_min, room.bookable_min, room.utilisation) == (180, 600, 0.3)


def test_no_shows_are_shares_of_what_was_booked():
    meetings = [
        meeting("2026-11-23 09:00", "2026-11-23 10:00"),
        meeting("2026-11-23 11:00", "2026-11-23 12:00", "no_show"),
        meeting("2026-11-23 13:00", "2026-11-23 13:30", booked=False),
        meeting("2026-11-23 14:00", "2026-11-23 14:30", "failed"),
    ]
    use = used([row(), row(2)], meetings, MONDAY, TUESDAY)
    assert (use.rooms[0].booked, use.rooms[0].no_shows, use.rooms[0].failed) == (3, 1, 1)
    assert use.no_show_share == round(1 / 3, 4)
    assert use.rooms[1].no_show_share is None
    assert use.by_site() == {"Berlin": round(90 / 1200, 4)}


def test_peak_hours_are_local():
    use = used([row()], [meeting("2026-11-23 09:30", "2026-11-23 11:15")], MONDAY, TUESDAY)
    assert use.peak[0][9:12] == (30, 60, 15)
    india = row(timezone="Asia/Kolkata")
    use = used([india], [Meeting(1, "held", at("2026-11-23 09:00"), at("2026-11-23 10:00"), True)], MONDAY, TUESDAY)
    assert use.peak[0][13:15] == (30, 30)


def test_quality_is_of_meetings_that_were_held():
    meetings = [
        meeting(
            "2026-11-23 09:00", "2026-11-23 10:00", loss=0.01, worst_loss=0.2, rtt_ms=30.0, reconnects=1, freezes=2
        ),
        meeting("2026-11-23 10:00", "2026-11-23 11:00", loss=0.03, worst_loss=0.1),
        meeting("2026-11-23 11:00", "2026-11-23 12:00"),
    ]
    room = used([row()], meetings, MONDAY, TUESDAY).rooms[0]
    assert (room.loss, room.worst_loss, room.rtt_ms, room.jitter_ms) == (0.02, 0.2, 30.0, None)
    assert (room.reconnects, room.freezes) == (1, 2)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_a_day_is_as_long_as_it_is_where_the_clocks_change(day, hours):
    whole = Hours("Europe/Berlin", "7", 0, 1440)
    spans = open_spans(whole, at(f"{day} 00:00") - 86_400_000, at(f"{day} 00:00") + 2 * 86_400_000)
    assert [ends - begins for begins, ends in spans] == [hours * 60 * MIN]


def test_a_zone_that_nobody_knows_is_utc_and_a_room_without_hours_has_no_utilisation():
    assert open_spans(Hours("Mars/Base"), MONDAY, TUESDAY)
    assert used([row(open_days="")], [], MONDAY, TUESDAY).rooms[0].utilisation is None


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8)


@given(SPANS, SPANS)
def test_common_time_is_counted_as_minutes_would_be(one, two):
    def minutes(spans):
        return {minute for begins, ends in spans for minute in range(begins, ends)}

    first, second = joined(one), joined(two)
    assert minutes(first) == minutes(one)
    assert all(a[1] < b[0] for a, b in pairwise(first))
    assert common_ms(first, second) == len(minutes(one) & minutes(two))
    assert minutes([clipped(span, 10, 20) for span in first]) == minutes(one) & set(range(10, 20))


def test_csv_holds_any_name_and_no_formula():
    text = to_csv([{"a": '=cmd("x")', "b": 'x,"y"\nz'}, {"a": None, "b": -5}], ["a", "b"])
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], ['\'=cmd("x")', 'x,"y"\nz'], ["", "-5"]]
    lines = rooms_csv(used([row(name="@evil")], [], MONDAY, TUESDAY)).splitlines()
    assert lines[0].startswith("room,name,site,in_use_min")
    assert lines[1].startswith("r1,'@evil,Berlin,0,600,0.0")
