"""One occurrence as the iCalendar parser gives it, made into a `Booking` of ours."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Component

from appliance.calendars.booking import Booking
from appliance.calendars.links import PROPERTIES, LinkFinder, hide_links
from appliance.state.clean import clean_text
from appliance.state.room import MeetingKey

PRIVATE = "Private meeting"
UNTITLED = "Untitled meeting"
_LONGEST_READ = 4096
_PLAIN_UID = re.compile(r"[\w.@+={}-]{1,128}", re.ASCII)


class EventReader:
    """Reads occurrences for one room."""

    def __init__(self, zone: ZoneInfo, finder: LinkFinder, addresses: frozenset[str]) -> None:
        self._zone = zone
        self._finder = finder
        self._addresses = addresses

    def read(self, event: Component, *, repeats: bool, zone_known: bool) -> Booking | None:
        """Return the booking, or None when it does not take place here."""
        if _word(event, "STATUS") == "CANCELLED" or self._declined(event):
            return None
        start, end = event.get("DTSTART").dt, event.get("DTEND").dt
        private = _word(event, "CLASS") in {"PRIVATE", "CONFIDENTIAL"}
        return Booking(
            key=self._key(event, repeats=repeats),
            title=PRIVATE if private else shown_title(_text(event, "SUMMARY")),
            start=self._instant(start),
            end=self._instant(end),
            organizer="" if private else _organizer(event),
            link=self._finder.find(_link_texts(event)),
            # Outlook writes all-day events with times and says so on the side
            all_day=not isinstance(start, datetime) or _word(event, "X-MICROSOFT-CDO-ALLDAYEVENT") == "TRUE",
            free=_word(event, "TRANSP") == "TRANSPARENT",
            zone_known=zone_known,
        )

    def _key(self, event: Component, *, repeats: bool) -> MeetingKey:
        """Name an occurrence the same with and without an exception of its own, in whatever zone that is written."""
        start = event.get("DTSTART").dt
        uid = _text(event, "UID") or f"{start.isoformat()} {_text(event, 'SUMMARY')}"
        if not _PLAIN_UID.fullmatch(uid):
            # a UID is a stranger's text too, and some are links
            uid = hashlib.sha256(uid.encode("utf-8", "replace")).hexdigest()[:32]
        if not repeats:
            return MeetingKey(uid)
        original = event.get("RECURRENCE-ID")
        # RANGE=THISANDFUTURE is copied to all later occurrences, so there the start tells them apart
        moment = start if "RANGE" in original.params else original.dt
        if not isinstance(moment, datetime):
            return MeetingKey(f"{uid}/{moment:%Y%m%d}")
        return MeetingKey(f"{uid}/{self._instant(moment):%Y%m%dT%H%M%SZ}")

    def _instant(self, moment: date) -> datetime:
        """Return a time in UTC: two times in one zone compare by the wall clock, which repeats an hour in autumn."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)

    def _declined(self, event: Component) -> bool:
        """Tell whether this room said no. With no address configured, the invited rooms stand for it: all said no."""
        rooms = [attendee for attendee in _all(event.get("ATTENDEE")) if self._is_room(attendee)]
        return bool(rooms) and all(_param(room, "PARTSTAT") == "DECLINED" for room in rooms)

    def _is_room(self, attendee: Any) -> bool:
        if self._addresses:
            return str(attendee).lower().removeprefix("mailto:") in self._addresses
        return _param(attendee, "CUTYPE") in {"ROOM", "RESOURCE"}


def shown_title(summary: str) -> str:
    """Return a title that is safe to show to everybody."""
    return clean_text(hide_links(summary[:_LONGEST_READ])) or UNTITLED


def _organizer(event: Component) -> str:
    organizer = _first(event.get("ORGANIZER"))
    if organizer is None:
        return ""
    name = getattr(organizer, "params", {}).get("CN") or re.sub(r"(?i)^mailto:", "", str(organizer))
    return clean_text(hide_links(str(name)[:_LONGEST_READ]))


def _link_texts(event: Component) -> Iterator[tuple[str, str]]:
    for name in PROPERTIES:
        values = _all(event.get(name))
        if name == "CONFERENCE":
            # RFC 7986 5.11: one may be for video, others for telephone or chat
            values.sort(key=lambda value: "VIDEO" not in _param(value, "FEATURE"))
        yield from ((name, str(value)) for value in values)


def _param(value: Any, name: str) -> str:
    return str(getattr(value, "params", {}).get(name, "")).upper()


def _word(event: Component, name: str) -> str:
    return _text(event, name).strip().upper()


def _text(event: Component, name: str) -> str:
    value = _first(event.get(name))
    return "" if value is None else str(value)[:_LONGEST_READ]


def _first(value: Any) -> Any:
    return next(iter(_all(value)), None)


def _all(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
