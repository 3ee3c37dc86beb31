"""Sites: where rooms are and roles hold."""

import asyncio
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleet.store.browse import Site
from fleet.store.rooms import next_version
from fleet.web.access.accounts import NotPossible
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")


async def add_site(console: Console, visitor: Visitor, site_id: str, name: str, timezone: str) -> Site:
    """Add a site, or rename the one of that id."""
    site_id, name = site_id.strip().lower(), " ".join(name.split())[:60]
    if not _ID.fullmatch(site_id):
        raise NotPossible("A site's id is 1 to 36 small letters, digits and -, such as berlin-1.")
    if not name:
        raise NotPossible("Give the site a name.")
    try:
        # reads files
        await asyncio.to_thread(ZoneInfo, timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise NotPossible(f"{timezone!r} is no time zone; one is like Europe/Berlin.") from err
    async with console.database.transaction() as tx:
        await next_version(tx)
        rows = await tx.fetch(
            "INSERT INTO sites (id, name, timezone) VALUES ($1, $2, $3) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, timezone = excluded.timezone RETURNING key",
            site_id,
            name,
            timezone,
        )
        await console.audit.note(
            tx, console.now(), visitor.actor, "site saved", f"site:{site_id}", name=name, timezone=timezone
        )
    return Site(rows[0]["key"], site_id, name, timezone)
