"""Forgets a room or a person on demand, whole and at once. What the audit log says stays, under another name."""

import secrets

from fleet.store.audit import rename_actor
from fleet.store.database import Database, Transaction
from fleet.store.rooms import next_version
from fleet.store.samples import Kind, tables

_KINDS: tuple[Kind, ...] = ("samples", "samples5", "samples60")


async def erase_room(database: Database, room: str, now: int) -> bool:
    """Delete a room with all it ever said; False when there is none of that id.

    It stays on a list as retired, without anything else, so that what still arrives from it is not taken.
    """
    async with database.transaction() as tx:
        version = await next_version(tx)
        found = await tx.fetch("SELECT key FROM rooms WHERE id = $1", room)
        if not found:
            return False
        key = found[0]["key"]
        for kind in _KINDS:
            for table in await tables(tx, database.dialect, kind):
                await tx.execute(f"DELETE FROM {table} WHERE room = $1", key)
        await tx.execute("DELETE FROM late_samples WHERE room = $1", key)
        await tx.execute("DELETE FROM outbox WHERE alert IN (SELECT key FROM alerts WHERE room = $1)", key)
        await tx.execute("DELETE FROM layers WHERE scope = $1", f"room:{room}")
        # the rest goes with the row
        await tx.execute("DELETE FROM rooms WHERE key = $1", key)
        await tx.execute("INSERT INTO rooms (id, retired_at, version) VALUES ($1, $2, $3)", room, now, version)
    return True


async def erase_person(database: Database, name: str, now: int) -> bool:
    """Delete a user, and put a made-up name where the console has noted who did something; False when it knows none.

    Titles of meetings that hold the name go, too, whether or not it is a user's.
    """
    other = f"erased-{secrets.token_hex(4)}"
    async with database.transaction() as tx:
        found = await _erase_titles(tx, name)
        found += await tx.execute("DELETE FROM users WHERE name = $1", name)
        for table, column in _NOTED:
            found += await tx.execute(f"UPDATE {table} SET {column} = $2 WHERE {column} = $1", name, other)
        found += await rename_actor(tx, database.dialect, name, other, now)
    return found > 0


async def _erase_titles(tx: Transaction, name: str) -> int:
    literal = name.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return await tx.execute("UPDATE meetings SET title = NULL WHERE lower(title) LIKE $1 ESCAPE '!'", f"%{literal}%")


_NOTED = (
    ("jobs", "made_by"),
    ("jobs", "approved_by"),
    ("jobs", "ended_by"),
    ("calls", "made_by"),
    ("layers", "made_by"),
    ("maintenance", "made_by"),
    ("alerts", "acknowledged_by"),
    ("enrolment_codes", "made_by"),
)
