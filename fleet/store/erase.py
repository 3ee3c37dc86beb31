"""Forgets a room or a person on demand, whole and at once. What the audit log says stays, under another name."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fleet.store.audit import rename_actor
from fleet.store.database import Database, DatabaseTrouble, Transaction
from fleet.store.pseudonym import Pseudonym
from fleet.store.rooms import next_version
from fleet.store.samples import Kind, tables

logger = logging.getLogger(__name__)
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
    await _out_of_the_file(database)
    return True


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of a person's name."""

    found: bool
    standing: tuple[str, ...] = ()
    """Where it still stands, because it is how something is called or set now: an admin has to change that."""


async def erase_person(database: Database, name: str, now: int) -> Forgotten:
    """Delete a user, and put a made-up name where theirs was noted: their sign-in name, their full name, in any case.

    Titles of meetings that hold the name go whole. The name need not be a user's.
    """
    async with database.transaction() as tx:
        users = await tx.fetch("SELECT name, full_name FROM users WHERE lower(name) = $1", name.strip().lower())
        known = {name.strip(), *(word.strip() for row in users for word in (row["name"], row["full_name"]))}
        who = Pseudonym(tuple(sorted(known - {""})), f"erased-{secrets.token_hex(4)}")
        if not who.names:
            return Forgotten(found=False)
        found = await tx.execute("DELETE FROM users WHERE lower(name) = $1", name.strip().lower())
        for title in await _that_may_hold(tx, who, "meetings", "title"):
            if any(one.lower() in title.lower() for one in who.names):
                found += await tx.execute("UPDATE meetings SET title = NULL WHERE title = $1", title)
        for table, columns in SAID.items():
            for column in columns:
                found += await _reword(tx, who, table, column, who.in_text)
        for table, column in JSON_SAID:
            found += await _reword(tx, who, table, column, who.in_json)
        for table, newest in SETTINGS.items():
            found += await _reword(tx, who, table, "doc", who.in_json, f" AND NOT ({newest})")
        found += await rename_actor(tx, database.dialect, who, now)
        standing = await _standing(tx, who)
    await _out_of_the_file(database)
    return Forgotten(found > 0 or bool(standing), standing)


async def _reword(
    tx: Transaction, who: Pseudonym, table: str, column: str, reword: Callable[[str], str], only: str = ""
) -> int:
    changed = 0
    for text in await _that_may_hold(tx, who, table, column, only):
        if (after := reword(text)) != text:
            sql = f"UPDATE {table} SET {column} = $2 WHERE {column} = $1{only}"
            changed += await tx.execute(sql, text, after)
    return changed


async def _that_may_hold(tx: Transaction, who: Pseudonym, table: str, column: str, only: str = "") -> list[str]:
    """Return the texts of a column that are worth a closer look; of other letters than ASCII's SQLite knows no case."""
    runs = [max(re.findall(r"[A-Za-z0-9]+", name), key=len, default="").lower() for name in who.names]
    like = " OR ".join(f"lower({column}) LIKE ${number}" for number in range(1, len(runs) + 1))
    sql = f"SELECT DISTINCT {column} AS text FROM {table} WHERE ({like}){only}"
    return [row["text"] for row in await tx.fetch(sql, *(f"%{run}%" for run in runs))]


async def _standing(tx: Transaction, who: Pseudonym) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for words, sql in NOW.items():
        for row in await tx.fetch(sql):
            if any(who.stands_in(str(row[name])) for name in row.keys() if row[name] is not None):  # noqa: SIM118
                found[f"{words} {row['called']}"] = None
    return tuple(found)


async def _out_of_the_file(database: Database) -> None:
    """Have SQLite write its file anew, without what it has deleted but not overwritten."""
    if database.dialect != "sqlite":
        return
    try:
        await database.fetch("VACUUM")
        await database.fetch("PRAGMA wal_checkpoint(TRUNCATE)")
    except DatabaseTrouble as err:
        logger.warning("%s What was erased is in no table any more, and may be in unused parts of the file.", err)


SAID: Mapping[str, Sequence[str]] = {
    "jobs": ("made_by", "approved_by", "ended_by", "note", "why"),
    "executions": ("step", "detail"),
    "calls": ("made_by", "reason"),
    "layers": ("made_by", "note"),
    "maintenance": ("made_by", "reason"),
    "alerts": ("acknowledged_by", "text", "remedy"),
    "events": ("text",),
    "outbox": ("title", "body", "trouble"),
    "files": ("name",),
    "api_tokens": ("name",),
    "saved_views": ("name", "query"),
    "enrolment_codes": ("made_by", "name"),
}
"""What people, and rooms about them, once said: the name goes out of it."""
JSON_SAID = (("jobs", "args"), ("calls", "args"), ("events", "data"))
SETTINGS: Mapping[str, str] = {
    "layers": "rev = (SELECT max(l.rev) FROM layers l WHERE l.scope = layers.scope)",
    "desired": "EXISTS (SELECT 1 FROM rooms r WHERE r.key = desired.room AND r.rev_desired = desired.rev)",
}
"""Settings, JSON, each with which are in force: those stay as they are."""
NOW: Mapping[str, str] = {
    "the room": "SELECT id AS called, name, floor, worst, trouble, state, info, health, reported FROM rooms",
    "a tag of the room": "SELECT r.id AS called, t.tag FROM room_tags t JOIN rooms r ON r.key = t.room",
    "the site": "SELECT id AS called, name FROM sites",
    "the rule": "SELECT id AS called, name FROM alert_rules",
    "the channel": "SELECT id AS called, name, url FROM channels",
    "the user": "SELECT name AS called, full_name, subject FROM users",
    "the settings of": f"SELECT scope AS called, doc FROM layers WHERE {SETTINGS['layers']}",
}
"""How things are called and set now, and what rooms told last: an admin changes it, or the room will tell it again."""
