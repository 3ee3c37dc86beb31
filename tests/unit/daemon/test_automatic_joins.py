"""A room joins by itself only as its own settings allow, whatever its calendar says and its console has set."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from builders import NOON, URL, meeting, room
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.calendars.agenda import bookings_at
from appliance.calendars.booking import ReadRequest
from appliance.calendars.expand import read_calendar
from appliance.conductor import Conductor
from appliance.daemon import calendar_rules
from appliance.desired import Desired
from appliance.dispatch import Context, Dispatcher
from appliance.lifecycle.rules import Timing
from appliance.overlay import SETTABLE
from appliance.settings import Own
from appliance.state.buttons import actions
from appliance.state.commands import CancelJoin, Leave, Origin
from appliance.state.events import AgendaChanged, CallWanted
from appliance.state.room import Agenda, AutoJoin, Entry, Wanted
from appliance.state.store import RoomStore

ZONES = st.sampled_from(["", "UTC", "Europe/Berlin", "Asia/Tokyo", "Pacific/Honolulu", "Pacific/Kiritimati"])
HOSTS = st.lists(st.sampled_from(["hub.example.org", "meet.example.org"]), unique=True)
WISHES = {
    "room": {"timezone": ZONES},
    "calendar": {"poll_s": st.integers(1, 86400), "auto_join_hosts": HOSTS},
    "joining": {
        "lead_s": st.integers(0, 900),
        "min_countdown_s": st.integers(3, 60),
        "alone_s": st.integers(0, 600),
        "enter_muted": st.booleans(),
        "enter_camera_off": st.booleans(),
    },
}
"""What a console may set of that which decides when the room joins, and how it enters."""
DOCS = st.fixed_dictionaries(
    {}, optional={section: st.fixed_dictionaries({}, optional=keys) for section, keys in WISHES.items()}
)
OWNS = st.builds(
    lambda zone, hosts, joining: Own(
        {"room": {"timezone": zone}, "calendar": {"auto_join_hosts": hosts}, "joining": joining}
    ),
    ZONES,
    HOSTS,
    st.fixed_dictionaries(WISHES["joining"]),
)
MEETINGS = st.builds(
    lambda key, after_s, length_s, auto: meeting(key, NOON + timedelta(seconds=after_s), length_s / 60, auto),
    st.sampled_from(["a", "b"]),
    st.integers(-300, 300),
    st.integers(1, 900),
    st.sampled_from([AutoJoin.YES, AutoJoin.YES, AutoJoin.YES, AutoJoin.TOUCH, AutoJoin.NO]),
)
AGENDAS = st.lists(MEETINGS, min_size=1, max_size=2, unique_by=lambda one: one.key).map(
    lambda found: tuple(sorted(found, key=lambda one: one.start))
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([2, 5, 15, 30, 60]), st.none() | st.none() | AGENDAS, st.integers(0, 9).map(lambda n: n == 9)
    ),
    min_size=10,
    max_size=30,
)
"""So many seconds later, perhaps with another calendar, and somebody may press Cancel."""


class Day:
    """The real conductor, dispatcher and store, with a clock of the test's, and a room's settings."""

    def __init__(self, agenda, joining):
        self.now = NOON - timedelta(seconds=60)
        self.store = RoomStore(room(*agenda), now=lambda: self.now)
        self.desired = Desired()
        self._entry = Entry(joining.enter_muted, joining.enter_camera_off)
        self.dispatcher = Dispatcher(context=self._context, save=lambda _: None, adopt=self._adopt)
        self.conductor = Conductor(
            self.store,
            Timing(joining.lead_s, joining.min_countdown_s, joining.alone_s),
            desired=lambda: self.desired,
            dispatch=self.dispatcher.dispatch,
            change=self.dispatcher.change,
            now=lambda: self.now,
        )

    def _context(self):
        links = {one.key: URL for one in self.store.state.agenda.meetings}
        return Context(self.store.state, self.desired, links, self._entry, self.now)

    def _adopt(self, desired):
        self.desired = desired
        call = desired.call
        self.store.apply(CallWanted(Wanted(call.key, call.title, call.ends_at) if call else None))

    async def touch(self, command):
        await self.dispatcher.dispatch(command, Origin.TOUCH)


async def live_through(own, doc, agenda, steps):
    """Let a room live through a day, fail where it joins as it may not, and return how many meetings it is out of."""
    held, alone = own.over(doc).joining, own.settings().joining
    day, shown, shown_at, out = Day(agenda, held), None, None, set()
    for seconds, moved, cancels in steps:
        day.now += timedelta(seconds=seconds)
        if moved is not None:
            day.store.apply(AgendaChanged(Agenda(moved, NOON)))
        await day.conductor._step()
        state = day.store.state
        if state.wanted is not None:
            booked = next(one for one in state.agenda.meetings if one.key == state.wanted.key)
            assert booked.start <= day.now < booked.end
            assert booked.auto_join is AutoJoin.YES
            assert booked.key not in out
            assert shown.key == booked.key
            assert day.now - shown_at >= timedelta(seconds=alone.min_countdown_s)
            assert day.desired.controls.mic_muted >= alone.enter_muted
            assert day.desired.controls.camera_off >= alone.enter_camera_off
            out.add(booked.key)
            await day.touch(Leave())
        elif state.countdown is not None:
            assert any(button.enabled and button.command == CancelJoin() for button in actions(state, day.now))
            if cancels:
                out.add(state.countdown.key)
                await day.touch(CancelJoin())
        if day.store.state.countdown != shown:
            shown, shown_at = day.store.state.countdown, day.now
    return len(out)


@given(OWNS, st.fixed_dictionaries({"joining": st.fixed_dictionaries(WISHES["joining"])}), AGENDAS, STEPS)
def test_a_room_joins_by_itself_within_a_booking_after_a_countdown_with_cancel(own, doc, agenda, steps):
    asyncio.run(live_through(own, doc, agenda, steps))


def test_such_a_day_has_joins_in_it():
    """Lest the rule above holds because nothing is ever joined."""
    own, steps = Own({}), [(10, None, False)] * 12
    assert asyncio.run(live_through(own, {}, (meeting(length=10),), steps)) == 1


def event(number, start, *, zone, length_min):
    """Return a booking with a time that names its zone, or none."""
    end = start + timedelta(minutes=length_min)
    return (
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTAMP:20261101T000000Z\r\nDTSTART{zone(start)}\r\nDTEND{zone(end)}\r\n"
        "LOCATION:https://hub.example.org/#AbCdEfGhIjKlMnOpQrSt-_\r\nEND:VEVENT\r\n"
    )


SHAPES = st.sampled_from(
    [
        lambda at: f":{at:%Y%m%dT%H%M%S}",
        lambda at: f":{at:%Y%m%dT%H%M%S}Z",
        lambda at: f";TZID=America/New_York:{at:%Y%m%dT%H%M%S}",
        lambda at: f";VALUE=DATE:{at:%Y%m%d}",
    ]
)
EVENTS = st.lists(
    st.tuples(st.integers(-12, 30).map(lambda h: NOON + timedelta(hours=h)), SHAPES, st.sampled_from([30, 90, 1500])),
    max_size=3,
)


def joined_by_itself(own, doc, calendar):
    """Return when the room may join which booking, as its settings read the calendar."""
    rules = calendar_rules(own.over(doc), own)
    zone = ZoneInfo(rules.zone)
    midnight = datetime.combine(NOON.astimezone(zone).date(), datetime.min.time(), zone)
    reading = read_calendar(
        calendar, ReadRequest(rules.zone, midnight - timedelta(days=1), midnight + timedelta(days=4))
    )
    found = bookings_at(NOON, reading, zone=ZoneInfo(rules.shown_in), policy=rules.join).agenda.meetings
    soon = (one for one in found if one.start < NOON + timedelta(hours=6))
    return {
        (one.key, one.start.astimezone(UTC), one.end.astimezone(UTC)) for one in soon if one.auto_join is AutoJoin.YES
    }


@settings(max_examples=60)
@given(OWNS, DOCS, EVENTS)
def test_no_console_moves_when_the_room_joins(own, doc, events):
    calendar = "BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n".format(
        "".join(event(n, start, zone=shape, length_min=length) for n, (start, shape, length) in enumerate(events))
    ).encode()
    assert joined_by_itself(own, doc, calendar) <= joined_by_itself(own, {}, calendar)


def test_a_booking_that_names_no_zone_is_joined_by_the_rooms_own_clock_and_shown_by_the_consoles():
    own = Own({"room": {"timezone": "Europe/Berlin"}, "calendar": {"auto_join_hosts": ["hub.example.org"]}})
    doc = {"room": {"timezone": "Asia/Tokyo"}}
    floating = event(1, NOON, zone=lambda at: f":{at:%Y%m%dT%H%M%S}", length_min=90)
    calendar = f"BEGIN:VCALENDAR\r\n{floating}END:VCALENDAR\r\n".encode()
    ((_, start, _),) = joined_by_itself(own, doc, calendar)
    assert start == NOON - timedelta(hours=1)
    assert calendar_rules(own.over(doc), own).shown_in == "Asia/Tokyo"


def test_every_setting_about_joining_was_tried():
    """A new one among them belongs above, or it is not tried."""
    for section in ("calendar", "joining"):
        assert WISHES[section].keys() == SETTABLE[section].keys()
