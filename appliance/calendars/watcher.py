"""Keep the room's bookings up to date: ask the source now and then, keep the last good answer, move with the clock."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appliance.calendars.agenda import Bookings, JoinPolicy, bookings_at, next_change
from appliance.calendars.booking import Reading, ReadRequest
from appliance.calendars.cache import CalendarCache
from appliance.calendars.chunks import fingerprint_text
from appliance.calendars.errors import CalendarError
from appliance.calendars.fetched import Version
from appliance.calendars.links import Provider
from appliance.calendars.reader import read
from appliance.calendars.sources import CalendarSource

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 300.0
_TELL_AGE_EVERY = timedelta(minutes=5)
_TRY_REFUSED_AFTER = timedelta(minutes=15)
_SHORTEST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """How this room reads its calendar and what it joins."""

    zone: str
    """The room's time zone, an IANA name: in it are times that name none, and the days that are read."""
    shown_in: str
    """That of the room's clock, in which meetings are shown. A console may set this one, so nothing is joined by it."""
    poll_s: float = 30.0
    addresses: tuple[str, ...] = ()
    """The room's own mail addresses: what it declined is not booked."""
    providers: tuple[Provider, ...] = ()
    """The operator's own link patterns (`links.providers_from`)."""
    livekit_hosts: tuple[str, ...] = ()
    """Servers whose links are LiveKit meetings whatever they look like."""
    join: JoinPolicy = JoinPolicy()


class CalendarWatcher:
    """One calendar, watched for as long as `run` runs."""

    def __init__(
        self,
        source: CalendarSource,
        cache: CalendarCache,
        *,
        rules: CalendarRules,
        now: Callable[[], datetime],
        on_bookings: Callable[[Bookings], None],
    ) -> None:
        self._source = source
        self._cache = cache
        self._rules = rules
        self._zone = ZoneInfo(rules.zone)
        self._shown_in = ZoneInfo(rules.shown_in)
        self._now = now
        self._on_bookings = on_bookings
        self._version: Version | None = None
        self._good: _Good | None = None
        self._refused: _Refused | None = None
        self._fetched_at: datetime | None = None
        self._confirmed_at: datetime | None = None
        self._error = ""
        self._failures = 0
        self._told: Bookings | None = None

    async def run(self) -> None:
        """Watch until cancelled. The calendar's own failures end in `Agenda.error`, never here."""
        await self._start_from_copy()
        while True:
            await self._poll()
            await self._pause()

    async def _start_from_copy(self) -> None:
        copy = await asyncio.to_thread(self._cache.load)
        if copy is None:
            return
        data, self._fetched_at = copy
        try:
            await self._take(data, fresh=False)
        except CalendarError as err:
            self._fetched_at = None
            logger.warning("the calendar's copy is of no use: %s", err)
        else:
            self._tell()

    async def _poll(self) -> None:
        try:
            fetched = await self._source.fetch(self._version)
            if fetched is not None:
                await self._take(fetched.data, fresh=True)
                self._version = fetched.version
            await self._confirm(self._now())
            self._failures = 0
            self._say("")
        except CalendarError as err:
            self._failures += 1
            self._say(str(err))
        await self._keep_up()

    async def _confirm(self, fetched_at: datetime) -> None:
        """Note when the calendar was last known to be right; on disk only now and then, to spare the card."""
        self._fetched_at = fetched_at
        if self._confirmed_at is None or fetched_at - self._confirmed_at >= _TELL_AGE_EVERY:
            self._confirmed_at = fetched_at
            await asyncio.to_thread(self._cache.confirm, fetched_at)

    async def _keep_up(self) -> None:
        """Read the same calendar again when another day has begun."""
        if self._good is not None and self._good.day != self._today():
            try:
                await self._take(self._good.data, fresh=False)
            except CalendarError as err:
                self._say(str(err))

    async def _take(self, data: bytes, *, fresh: bool) -> None:
        digest = hashlib.sha256(fingerprint_text(data)).digest()
        day = self._today()
        if self._good is not None and (self._good.digest, self._good.day) == (digest, day):
            return
        if self._refused is not None and self._refused.digest == digest and self._now() < self._refused.until:
            raise self._refused.error
        try:
            reading = await read(data, self._request(day))
        except CalendarError as err:
            self._refused = _Refused(digest, err, self._now() + _TRY_REFUSED_AFTER)
            raise
        if fresh and (self._good is None or self._good.digest != digest):
            await asyncio.to_thread(self._cache.save, data, self._now())
        self._good = _Good(data, digest, day, reading)
        if reading.unreadable:
            logger.warning("%s events were left out of the calendar", len(reading.unreadable))

    def _request(self, day: date) -> ReadRequest:
        # a day to each side of what is shown, so that the clock may pass midnight between two readings
        midnight = datetime.combine(day, time(), self._zone)
        return ReadRequest(
            zone=self._rules.zone,
            first=midnight - timedelta(days=1),
            last=midnight + timedelta(days=4),
            addresses=tuple(address.lower() for address in self._rules.addresses),
            providers=self._rules.providers,
            livekit_hosts=self._rules.livekit_hosts,
        )

    async def _pause(self) -> None:
        """Wait until the source is due; tell when passing time alone has changed the agenda."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._delay_s()
        self._tell()
        while (left := due - loop.time()) > 0:
            change = next_change(self._now(), self._told.agenda, self._shown_in) if self._told else None
            until_change = (change - self._now()).total_seconds() if change else left
            await asyncio.sleep(min(left, max(until_change, _SHORTEST_PAUSE_S)))
            self._tell()

    def _delay_s(self) -> float:
        doubled = self._rules.poll_s * 2.0 ** min(max(self._failures - 1, 0), 8)
        return min(doubled, max(self._rules.poll_s, LONGEST_PAUSE_S))

    def _tell(self) -> None:
        reading = self._good.reading if self._good else Reading()
        seen = bookings_at(self._now(), reading, zone=self._shown_in, policy=self._rules.join)
        seen = replace(seen, agenda=replace(seen.agenda, fetched_at=self._fetched_at, error=self._error))
        if self._told is not None and _same(seen, self._told):
            return
        self._told = seen
        self._on_bookings(seen)

    def _say(self, error: str) -> None:
        if error == self._error:
            return
        self._error = error
        if error:
            logger.warning("calendar: %s", error)
        else:
            logger.info("calendar: %s can be read again", self._source.name)

    def _today(self) -> date:
        return self._now().astimezone(self._zone).date()


@dataclass(frozen=True, slots=True)
class _Good:
    """The last calendar that could be read, and what it says about the days around one day."""

    data: bytes
    digest: bytes
    day: date
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Refused:
    """A calendar that cost too much to read; not tried again soon, it would cost as much."""

    digest: bytes
    error: CalendarError
    until: datetime


def _same(new: Bookings, old: Bookings) -> bool:
    """Tell whether nobody needs to hear of it. The age alone is told now and then, not at every poll."""
    if new.links != old.links or replace(new.agenda, fetched_at=old.agenda.fetched_at) != old.agenda:
        return False
    if new.agenda.fetched_at is None or old.agenda.fetched_at is None:
        return new.agenda.fetched_at == old.agenda.fetched_at
    return new.agenda.fetched_at - old.agenda.fetched_at < _TELL_AGE_EVERY
