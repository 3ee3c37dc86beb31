"""Forgets what is old enough: whole tables where nobody keeps them longer, single rows where a site keeps less."""

from dataclasses import dataclass

from fleet.store.database import Database, Reader, Transaction
from fleet.store.rooms import wait_for_writers
from fleet.store.samples import DAY, Kind, covers, tables

_BOOTS_DAYS = 90
"""A room's spool keeps samples for two weeks at the most: boots that are older have little to say."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days things are kept."""

    raw_days: int = 7
    five_minutes_days: int = 90
    hours_days: int = 730
    events_days: int = 730
    files_days: int = 30


@dataclass(frozen=True, slots=True)
class _Limit:
    """How long one kind of thing is kept: by rooms without a site, and by each site."""

    column: str
    unsited: int


async def forget_old(database: Database, keeping: Keeping, now: int) -> int:
    """Drop what nobody keeps any more; returns how many tables and rows are gone. After `roll_up`, by one process."""
    gone = 0
    kinds: tuple[tuple[Kind, _Limit], ...] = (
        ("samples", _Limit("keep_raw_days", keeping.raw_days)),
        ("samples5", _Limit("keep_5min_days", keeping.five_minutes_days)),
        ("samples60", _Limit("keep_hours_days", keeping.hours_days)),
    )
    for kind, limit in kinds:
        gone += await _forget_samples(database, kind, limit, now)
    events = _Limit("keep_events_days", keeping.events_days)
    for table in ("events", "meetings"):
        gone += await _forget_rows(database, table, events, now)
    gone += await _forget_rows(database, "use_days", events, now, column="day", unit=DAY)
    async with database.transaction() as tx:
        gone += await tx.execute("DELETE FROM files WHERE at < $1", now - keeping.files_days * DAY)
        # the boot it was last heard with may go on when a room comes back, however late
        gone += await tx.execute(
            "DELETE FROM boots WHERE heard_at < $1 "
            "AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.key = boots.room AND r.boot = boots.boot)",
            now - _BOOTS_DAYS * DAY,
        )
        longest, _ = await _limits(tx, events)
        for statement in _OVER:
            gone += await tx.execute(statement, now - longest * DAY)
    return gone


_OVER = (
    "DELETE FROM outbox WHERE COALESCE(sent_at, given_up_at) < $1",
    "DELETE FROM alerts WHERE state = 'resolved' AND ended_at < $1",
    "DELETE FROM maintenance WHERE until_at < $1",
    # what a room never answered is closed an hour after it expired; a roll-out of settings that ended early says for
    # ever which rooms have them
    (
        "DELETE FROM jobs WHERE state IN ('done', 'stopped', 'cancelled') AND expires_at < $1 "
        "AND (state = 'done' OR key NOT IN (SELECT job FROM layers WHERE job IS NOT NULL))"
    ),
)
"""What is over, of alerts and jobs: as long as anybody keeps events."""


async def _forget_samples(database: Database, kind: Kind, limit: _Limit, now: int) -> int:
    longest, shorter = await _limits(database, limit)
    gone = 0
    for table in await tables(database, database.dialect, kind):
        async with database.transaction() as tx:
            await wait_for_writers(tx)
            if kind == "samples" and await _waits(tx, table):
                continue
            if covers(table)[1] < now - longest * DAY:
                await tx.execute(f"DROP TABLE IF EXISTS {table}")
                gone += 1
            else:
                for rooms, days in shorter:
                    before = now - days * DAY
                    if covers(table)[0] < before:
                        gone += await tx.execute(f"DELETE FROM {table} WHERE at < $1 AND room IN ({rooms})", before)
    return gone


async def _waits(tx: Transaction, table: str) -> bool:
    """Tell whether samples have come late for a table and are not summed up yet."""
    return bool(await tx.fetch("SELECT 1 FROM late_samples WHERE at >= $1 AND at < $2 LIMIT 1", *covers(table)))


async def _forget_rows(
    database: Database, table: str, limit: _Limit, now: int, *, column: str = "at", unit: int = 1
) -> int:
    longest, shorter = await _limits(database, limit)
    async with database.transaction() as tx:
        gone = await tx.execute(f"DELETE FROM {table} WHERE {column} < $1", (now - longest * DAY) // unit)
        for rooms, days in shorter:
            before = (now - days * DAY) // unit
            gone += await tx.execute(f"DELETE FROM {table} WHERE {column} < $1 AND room IN ({rooms})", before)
    return gone


async def _limits(reader: Reader, limit: _Limit) -> tuple[int, list[tuple[str, int]]]:
    """Return the most days anybody keeps, and which rooms (as a query) keep how many days less."""
    rows = await reader.fetch(f"SELECT key, {limit.column} AS days FROM sites")
    kept = {f"SELECT key FROM rooms WHERE site = {row['key']}": int(row["days"]) for row in rows}
    kept["SELECT key FROM rooms WHERE site IS NULL"] = limit.unsited
    longest = max(kept.values())
    return longest, [(rooms, days) for rooms, days in kept.items() if days < longest]
