"""What can go wrong with a calendar, each in words for the people in the room."""

from appliance.errors import SalonError


class CalendarError(SalonError):
    """The calendar could not be fetched or read; the message says why and what would help."""


class UnknownCalendar(CalendarError, ValueError):
    """The setting does not name a calendar this room can read."""
