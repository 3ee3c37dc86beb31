"""`salon console shut-out`: ends the connections of rooms whose certificates were just revoked.

mosquitto reads the list of revoked certificates anew when it reloads, and looks at it when somebody connects; who is
in stays in. A room's name is its client id at the broker, and a second connection under it ends the first one.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from fleet.certificates import FOLDER, open_authority
from fleet.line import Access, Line
from fleet.settings import Settings

logger = logging.getLogger(__name__)
RECENTLY = timedelta(hours=1)
"""Longer ago is done: whoever was cut off then has not been let in again."""


async def shut_out(settings: Settings, access: Access, now: datetime) -> int:
    """Cut off whose certificate was revoked lately, and return how many; `BrokerUnreachable` when that fails."""
    authority = await asyncio.to_thread(open_authority, settings.state_dir / FOLDER)
    rooms = await asyncio.to_thread(authority.revoked_rooms, now - RECENTLY)
    await cut_off(access, rooms)
    return len(rooms)


async def cut_off(access: Access, rooms: Iterable[str]) -> None:
    """Take the place of these rooms at the broker, for a moment."""
    for room in sorted(rooms):
        async with Line(replace(access, client_id=room), hear=lambda _topic, _payload, _retained: None):
            logger.info("Room %s has no connection to the broker any more", room)
