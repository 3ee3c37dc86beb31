"""What passing time does to an agenda, and its limits."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.calendars.agenda import MOST_SHOWN, JoinPolicy, bookings_at, next_change
from appliance.calendars.booking import Booking, Reading
from appliance.calendars.links import LIVEKIT, JoinLink
from appliance.state.room import AutoJoin, MeetingKey

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LINK = JoinLink(LIVEKIT, "https://hub.example.org/#AbCdEfGhIjKlMnOpQrSt-_", "hub.example.org")
POLICY = JoinPolicy(auto_hosts=("hub.example.org",))


def booking(key: str, start: datetime, minutes: int = 60) -> Booking:
    return Booking(MeetingKey(key), key, start, start + timedelta(minutes=minutes), link=LINK)


def test_a_meeting_stays_to_its_last_moment_and_then_goes():
    reading = Reading((booking("a", NOW),))
    end = NOW + timedelta(hours=1)
    assert bookings_at(end - timedelta(seconds=1), reading, zone=BERLIN, policy=POLICY).links
    gone = bookings_at(end, reading, zone=BERLIN, policy=POLICY)
    assert gone.agenda.meetings == ()
    assert not gone.links


def test_a_rival_that_has_ended_does_not_make_a_meeting_safe_to_join():
    reading = Reading((booking("a", NOW), booking("b", NOW + timedelta(minutes=30))))
    later = bookings_at(NOW + timedelta(minutes=61), reading, zone=BERLIN, policy=POLICY)
    assert [(m.key, m.auto_join) for m in later.agenda.meetings] == [("b", AutoJoin.TOUCH)]


def test_the_agenda_next_changes_when_a_meeting_ends_or_a_day_begins():
    reading = Reading((booking("a", NOW, 30), booking("b", NOW, 600)))
    agenda = bookings_at(NOW, reading, zone=BERLIN, policy=POLICY).agenda
    assert next_change(NOW, agenda, BERLIN) == NOW + timedelta(minutes=30)
    # midnight in Berlin
    assert next_change(NOW + timedelta(hours=12), agenda, BERLIN) == datetime(2026, 11, 23, 23, tzinfo=UTC)


def test_in_the_hour_that_comes_twice_a_meeting_ends_only_once():
    first_half_past_two = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    reading = Reading((booking("night", first_half_past_two, 75),))
    second_half_past_two = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    agenda = bookings_at(second_half_past_two, reading, zone=BERLIN, policy=POLICY).agenda
    assert [m.key for m in agenda.meetings] == ["night"]
    assert agenda.meetings[0].start.isoformat() == "2026-10-25T02:30:00+02:00"
    assert agenda.meetings[0].end.isoformat() == "2026-10-25T02:45:00+01:00"
    assert agenda.meetings[0].end > agenda.meetings[0].start


def test_more_meetings_than_anybody_reads_are_cut_with_a_word():
    reading = Reading(tuple(booking(f"{n:03}", NOW + timedelta(minutes=5 * n), 5) for n in range(MOST_SHOWN + 5)))
    agenda = bookings_at(NOW, reading, zone=BERLIN, policy=POLICY).agenda
    assert len(agenda.meetings) == MOST_SHOWN
    assert agenda.warning == "Only the first 100 meetings are shown."


def test_a_room_with_a_client_for_zoom_joins_zoom():
    zoom = Booking(
        MeetingKey("z"),
        "z",
        NOW,
        NOW + timedelta(hours=1),
        link=JoinLink("zoom", "https://zoom.us/j/1?pwd=x", "zoom.us"),
    )
    policy = JoinPolicy(auto_hosts=("zoom.us",), providers=("zoom",))
    seen = bookings_at(NOW, Reading((zoom,)), zone=BERLIN, policy=policy)
    assert seen.agenda.meetings[0].auto_join == AutoJoin.YES
    assert "pwd" not in repr(seen)
