"""Reads where rooms stand, and says that something of the fleet has changed."""

import json
from collections.abc import Iterable, Sequence

from fleet.control.scope import Place
from fleet.store.database import Database, Reader, Transaction, among_keys


async def places(reader: Reader, dialect: str, keys: Iterable[int] | None = None) -> list[Place]:
    """Return the rooms that are listened to: those with a key, or all."""
    wanted = None if keys is None else json.dumps(list(keys))
    args = () if wanted is None else (wanted,)
    only = "" if wanted is None else f" AND {among_keys('r.key', '$1', dialect)}"
    rooms = await reader.fetch(
        "SELECT r.key AS key, r.id AS id, s.id AS site FROM rooms r LEFT JOIN sites s ON s.key = r.site "
        f"WHERE r.retired_at IS NULL{only} ORDER BY r.key",
        *args,
    )
    only = "" if wanted is None else f" WHERE {among_keys('room', '$1', dialect)}"
    tags: dict[int, list[str]] = {}
    for row in await reader.fetch(f"SELECT room, tag FROM room_tags{only}", *args):
        tags.setdefault(row["room"], []).append(row["tag"])
    return [Place(row["key"], row["id"], row["site"], tuple(tags.get(row["key"], ()))) for row in rooms]


async def places_in(reader: Reader, dialect: str, scopes: Iterable[str]) -> list[Place]:
    """Return the rooms that are in one of the scopes."""
    wanted = frozenset(scopes)
    return [place for place in await places(reader, dialect) if wanted & place.scopes]


async def bump(tx: Transaction, counter: str) -> int:
    """Raise a counter and return it; whoever shows what it counts sees that there is news."""
    rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value", counter)
    return int(rows[0]["value"])


async def lock(tx: Transaction, counter: str) -> None:
    """Wait until nobody else is in the middle of changing what a counter counts.

    First of all in a transaction that changes several rows of it, so that two never wait for each other; where more
    than one is taken, in this order: layers, rooms, jobs.
    """
    await tx.execute("UPDATE counters SET value = value WHERE name = $1", counter)


async def counter(reader: Reader, name: str) -> int:
    """Return a counter."""
    rows = await reader.fetch("SELECT value FROM counters WHERE name = $1", name)
    return int(rows[0]["value"])


async def mark_changed(tx: Transaction, database: Database, rooms: Sequence[int]) -> None:
    """Give rooms a new version, so that whoever shows them looks again."""
    if rooms:
        version = await bump(tx, "rooms")
        among = among_keys("key", "$2", database.dialect)
        await tx.execute(f"UPDATE rooms SET version = $1 WHERE {among}", version, json.dumps(list(rooms)))
