"""Rooms and sites in a database, for tests of what the console does with them."""

import json

from appliance.telemetry.protocol.codec import dump

NOW = 1_795_338_000_000
"""2026-11-22, in milliseconds."""


async def add_site(database, site, **more):
    columns = {"id": site, "name": site.title(), **more}
    async with database.transaction() as tx:
        return (await tx.fetch(_insert("sites", columns), *columns.values()))[0]["key"]


async def add_room(database, room, *, site=None, tags=(), status="ready", health=None, **more):
    columns = {"id": room, "name": room.title(), "site": site, "status": status, "status_at": NOW, **more}
    columns["health"] = None if health is None else dump(health).decode()
    async with database.transaction() as tx:
        key = (await tx.fetch(_insert("rooms", columns), *columns.values()))[0]["key"]
        await tx.many("INSERT INTO room_tags (room, tag) VALUES ($1, $2)", [(key, tag) for tag in tags])
        await _bump(tx, key)
    return key


async def change_room(database, key, **columns):
    if "health" in columns:
        columns["health"] = json.dumps(columns["health"])
    places = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 2))
    async with database.transaction() as tx:
        await tx.execute(f"UPDATE rooms SET {places} WHERE key = $1", key, *columns.values())
        await _bump(tx, key)


async def _bump(tx, key):
    rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = 'rooms' RETURNING value")
    await tx.execute("UPDATE rooms SET version = $1 WHERE key = $2", rows[0]["value"], key)


def _insert(table, columns):
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) RETURNING key"
