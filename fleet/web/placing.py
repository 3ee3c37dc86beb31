"""Where a room is: its site, floor, seats and tags, which only the console knows."""

import json
import re
from dataclasses import dataclass

from fleet.control import layers
from fleet.control.places import lock
from fleet.store.browse import RoomDetail
from fleet.store.rooms import next_version
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.acting import SettingsWish, save_settings
from fleet.web.console import Console
from fleet.web.gate import require

_TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_MOST_TAGS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a room is to be."""

    site: str
    """A site's id; empty for none."""
    floor: str
    capacity: int | None
    tags: tuple[str, ...]


async def placed(console: Console, visitor: Visitor, room: RoomDetail, place: Place) -> None:
    """Put a room there. Who moves it needs the right at both ends."""
    require(visitor, Action.EDIT_ROOMS, room.line.site)
    site = await site_key(console, place.site)
    require(visitor, Action.EDIT_ROOMS, site)
    tags = sorted({tag.strip().lower() for tag in place.tags} - {""})
    if wrong := [tag for tag in tags if not _TAG.fullmatch(tag)]:
        raise NotPossible(f"A tag is up to 32 letters, digits and . _ -, not {wrong[0]!r}.")
    if len(tags) > _MOST_TAGS:
        raise NotPossible(f"A room has at most {_MOST_TAGS} tags.")
    if place.capacity is not None and not 0 <= place.capacity < 10_000:
        raise NotPossible("A room has 0 to 9999 seats.")
    floor = " ".join(place.floor.split())[:40]
    async with console.database.transaction() as tx:
        # whoever saves settings now waits: the room is told by its old place or by its new one, never by neither
        await lock(tx, "layers")
        version = await next_version(tx)
        await tx.execute(
            "UPDATE rooms SET site = $1, floor = $2, capacity = $3, version = $4 WHERE key = $5",
            site,
            floor,
            place.capacity,
            version,
            room.line.key,
        )
        await tx.execute("DELETE FROM room_tags WHERE room = $1", room.line.key)
        await tx.many("INSERT INTO room_tags (room, tag) VALUES ($1, $2)", [(room.line.key, tag) for tag in tags])
        # other layers of settings hold there
        await layers.refresh(tx, console.database, console.now(), [room.line.key])
        await console.audit.note(
            tx,
            console.now(),
            visitor.actor,
            "room placed",
            f"room:{room.line.id}",
            site=place.site,
            floor=floor,
            capacity=place.capacity,
            tags=tags,
        )


async def renamed(console: Console, visitor: Visitor, room: RoomDetail, name: str) -> None:
    """Have a room bear another name: a setting of that room, which it is told and shows."""
    past = await layers.history(console.database, f"room:{room.line.id}")
    doc = {section: dict(keys) for section, keys in past[0].doc.items()} if past else {}
    doc.setdefault("room", {})["name"] = " ".join(name.split())[:60]
    rev, locks = (past[0].rev, past[0].locks) if past else (0, ())
    wish = SettingsWish(f"room:{room.line.id}", json.dumps(doc), locks, rev, "renamed")
    await save_settings(console, visitor, wish)


async def site_key(console: Console, site: str) -> int | None:
    """Return a site's key by its id; None for no site."""
    if not site:
        return None
    rows = await console.database.fetch("SELECT key FROM sites WHERE id = $1", site)
    if not rows:
        raise NotPossible(f"There is no site {site!r}.")
    key: int = rows[0]["key"]
    return key
