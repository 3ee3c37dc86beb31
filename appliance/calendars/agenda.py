"""Decide what the room does with its bookings: what is shown now, what it joins by itself, and why not the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from appliance.calendars.booking import Booking, Reading
from appliance.calendars.links import LIVEKIT, UNKNOWN, JoinLink, is_listed, label
from appliance.state.room import Agenda, AutoJoin, Meeting, MeetingKey

MOST_SHOWN = 100
_NAMED = 3


@dataclass(frozen=True, slots=True)
class JoinPolicy:
    """What this room may join."""

    auto_hosts: tuple[str, ...] = ()
    """Servers it joins by itself, such as "hub.example.org" (any port) or "hub.local:8443"."""
    providers: tuple[str, ...] = (LIVEKIT,)
    """Kinds of meetings it has a client for."""


@dataclass(frozen=True, slots=True)
class Bookings:
    """The public agenda, and beside it the secret links of its meetings."""

    agenda: Agenda = Agenda()
    links: Mapping[MeetingKey, JoinLink] = field(default_factory=dict, repr=False)


def bookings_at(now: datetime, reading: Reading, *, zone: ZoneInfo, policy: JoinPolicy) -> Bookings:
    """Return what matters now: from the meetings that are on until the end of tomorrow, each with its decision."""
    last = _midnight(now, zone, days=2)
    # decided over all that was read: a meeting does not become safe to join because its rival has just ended
    rivals = _rivals(reading.bookings)
    ahead = [b for b in reading.bookings if b.start < last and (b.end > now or b.start >= now)]
    shown = ahead[:MOST_SHOWN]
    meetings = tuple(_meeting(booking, rivals.get(booking.key, ""), zone, policy) for booking in shown)
    links = {b.key: b.link for b in shown if b.link is not None and b.link.provider in policy.providers}
    return Bookings(
        Agenda(meetings, warning=_warning(reading.unreadable, more=reading.more or len(ahead) > MOST_SHOWN)), links
    )


def next_change(now: datetime, agenda: Agenda, zone: ZoneInfo) -> datetime:
    """Return when passing time alone changes the agenda: a meeting ends or a new day begins."""
    midnight = _midnight(now, zone, days=1)
    return min((m.end for m in agenda.meetings if now < m.end < midnight), default=midnight)


def _warning(unreadable: Sequence[str], *, more: bool) -> str:
    """Count the events that were left out and name the first few."""
    words = [f"Only the first {MOST_SHOWN} meetings are shown."] if more else []
    if unreadable:
        count = "1 event was" if len(unreadable) == 1 else f"{len(unreadable)} events were"
        rest = f"; and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
        words.append(f"{count} left out of the calendar. {'; '.join(unreadable[:_NAMED])}{rest}.")
    return " ".join(words)


def _meeting(booking: Booking, rival: str, zone: ZoneInfo, policy: JoinPolicy) -> Meeting:
    auto_join, why = _decide(booking, rival, policy)
    link = booking.link
    return Meeting(
        key=booking.key,
        title=booking.title,
        start=_at_home(booking.start, zone),
        end=_at_home(booking.end, zone),
        organizer=booking.organizer,
        provider=link.provider if link else "",
        host=link.host if link else "",
        auto_join=auto_join,
        why=why,
        all_day=booking.all_day,
    )


def _decide(booking: Booking, rival: str, policy: JoinPolicy) -> tuple[AutoJoin, str]:
    """Apply the rule table of docs/calendars.md, top to bottom."""
    link = booking.link
    if link is None:
        return AutoJoin.NO, "It has no link to an online meeting."
    if link.provider == UNKNOWN:
        return AutoJoin.NO, f"The room does not know how to join meetings on {link.host}."
    if link.provider not in policy.providers:
        return AutoJoin.NO, f"The room cannot join {label(link.provider)} meetings yet."
    hurdles = (
        (booking.all_day, "It lasts all day, so press Join when it begins."),
        (booking.start == booking.end, "It has no length, so press Join when it begins."),
        (booking.free, "It does not book the room, so press Join if you want it here."),
        (not booking.zone_known, "Its time zone is unknown, so its time may be wrong. Press Join when it begins."),
        (bool(rival), f"It overlaps with “{rival}”. Press Join on the one you want."),
        (not is_listed(link.host, policy.auto_hosts), f"The room does not join {link.host} by itself. Press Join."),
    )
    return next(((AutoJoin.TOUCH, why) for met, why in hurdles if met), (AutoJoin.YES, ""))


def _at_home(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the room's wall-clock time with a plain offset, which compares right also when an hour repeats."""
    local = instant.astimezone(zone)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta(0)))


def _midnight(now: datetime, zone: ZoneInfo, *, days: int) -> datetime:
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=days), time(), zone).astimezone(UTC)


def _rivals(bookings: Iterable[Booking]) -> dict[MeetingKey, str]:
    """Name for each meeting one that overlaps it. Back to back is no overlap, and only what books the room counts."""
    rivals: dict[MeetingKey, str] = {}
    latest: Booking | None = None
    timed = (b for b in bookings if not b.all_day and not b.free and b.start < b.end)
    for booking in sorted(timed, key=lambda b: (b.start, b.end)):
        if latest is not None and booking.start < latest.end:
            rivals[booking.key] = latest.title
            rivals.setdefault(latest.key, booking.title)
        # the one that ends last is the only earlier one that can reach the next
        latest = booking if latest is None or booking.end > latest.end else latest
    return rivals
