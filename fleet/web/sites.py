"""Sites: where rooms are and roles hold; how long what their rooms tell is kept, and when they may be booked."""

import asyncio
import re
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleet.store.browse import Site
from fleet.store.rooms import next_version
from fleet.store.sites import put_site
from fleet.web.access.accounts import NotPossible
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")
_DAYS = re.compile(r"1?2?3?4?5?6?7?")
_LONGEST_DAYS = 3660
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class SiteWish:
    """A site as somebody wants it; None leaves what is there, or the default of a new one."""

    id: str
    name: str
    timezone: str
    keep_raw_days: int | None = None
    keep_5min_days: int | None = None
    keep_hours_days: int | None = None
    keep_events_days: int | None = None
    open_days: str | None = None
    open_from: int | None = None
    open_until: int | None = None

    @property
    def more(self) -> dict[str, object]:
        """What of all but its names is to be set."""
        named = {one.name: getattr(self, one.name) for one in fields(self)[3:]}
        return {name: value for name, value in named.items() if value is not None}


async def save_site(console: Console, visitor: Visitor, wish: SiteWish) -> Site:
    """Add a site, or change the one of that id."""
    site_id, name = wish.id.strip().lower(), " ".join(wish.name.split())[:60]
    await _check(site_id, name, wish)
    values = {"name": name, "timezone": wish.timezone, **wish.more}
    async with console.database.transaction() as tx:
        await next_version(tx)
        site = await put_site(tx, site_id, values)
        if site.open_from >= site.open_until:
            raise NotPossible("Rooms may be booked from an earlier time of the day to a later one.")
        await console.audit.note(tx, console.now(), visitor.actor, "site saved", f"site:{site_id}", **values)
    return site


async def _check(site_id: str, name: str, wish: SiteWish) -> None:
    if not _ID.fullmatch(site_id):
        raise NotPossible("A site's id is 1 to 36 small letters, digits and -, such as berlin-1.")
    if not name:
        raise NotPossible("Give the site a name.")
    try:
        # reads files
        await asyncio.to_thread(ZoneInfo, wish.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise NotPossible(f"{wish.timezone!r} is no time zone; one is like Europe/Berlin.") from err
    kept = (wish.keep_raw_days, wish.keep_5min_days, wish.keep_hours_days, wish.keep_events_days)
    if not all(1 <= days <= _LONGEST_DAYS for days in kept if days is not None):
        raise NotPossible(f"Things are kept for 1 to {_LONGEST_DAYS} days.")
    if wish.open_days is not None and not _DAYS.fullmatch(wish.open_days):
        raise NotPossible("Days are written as digits from 1, Monday, to 7, such as 12345.")
    if not all(0 <= minute <= _MINUTES for minute in (wish.open_from, wish.open_until) if minute is not None):
        raise NotPossible("Times of the day are minutes from 0 to 1440.")
