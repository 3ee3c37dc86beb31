"""What is read out of a calendar, before the room decides what to do with it. Secret: it holds join links."""

from dataclasses import dataclass
from datetime import datetime

from appliance.calendars.links import JoinLink, Provider
from appliance.state.room import MeetingKey


@dataclass(frozen=True, slots=True)
class Booking:
    """One occurrence of one event."""

    key: MeetingKey
    title: str
    start: datetime
    """In UTC, like the end."""
    end: datetime
    organizer: str = ""
    link: JoinLink | None = None
    all_day: bool = False
    free: bool = False
    """The event does not take up the room's time (TRANSP:TRANSPARENT)."""
    zone_known: bool = True
    """False: the calendar names a time zone nobody knows, so the room's own was assumed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything booked on some days."""

    bookings: tuple[Booking, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Each event that was left out, by name and with the reason."""
    more: bool = False
    """There were more bookings than anybody could show."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """How to read a calendar for one room."""

    zone: str
    """The room's time zone, an IANA name: floating times mean this one."""
    first: datetime
    last: datetime
    addresses: tuple[str, ...] = ()
    """The room's own mail addresses in lower case: what it declined is not booked."""
    providers: tuple[Provider, ...] = ()
    """The operator's own link patterns."""
    livekit_hosts: tuple[str, ...] = ()
