"""What the control process does beside its rules: call rooms silent, sum up samples, forget what is old."""

from fleet.control.use_sums import sum_up
from fleet.settings import RetentionSettings
from fleet.status import Presence, Status, is_silent
from fleet.store.database import Database
from fleet.store.retention import Keeping, forget_old
from fleet.store.rollup import roll_up
from fleet.store.rooms import next_version
from fleet.store.samples import DAY

_JUMP_MS = 2 * DAY
_PULSE_MS = 30_000
"""An ingest that has not said for so long that it lives is not there."""


async def call_silent(database: Database, now: int) -> int:
    """Mark rooms whose reports do not come although their connection stands; returns how many. Every few seconds."""
    since = await hearing_since(database, now)
    due = "presence = 'online' AND due_at < $1 AND retired_at IS NULL"
    rows = await database.fetch(f"SELECT key, due_at FROM rooms WHERE {due}", now)
    silent = [row["key"] for row in rows if is_silent(Presence.ONLINE, row["due_at"], now, hearing_since=since)]
    if not silent:
        return 0
    async with database.transaction() as tx:
        version = await next_version(tx)
        # one may have spoken meanwhile
        await tx.many(
            "UPDATE rooms SET presence = $3, presence_at = $1, status = $4, status_at = $1, version = $5 "
            f"WHERE key = $2 AND {due}",
            [(now, key, Presence.SILENT.value, Status.OFFLINE.value, version) for key in silent],
        )
    return len(silent)


async def hearing_since(database: Database, now: int) -> int | None:
    """Return since when some ingest has heard the broker; None while none does."""
    rows = await database.fetch(
        "SELECT min(since_at) AS since_at FROM pulses WHERE name LIKE 'ingest-%' AND at >= $1", now - _PULSE_MS
    )
    since: int | None = rows[0]["since_at"]
    return since


async def keep_house(database: Database, settings: RetentionSettings, now: int) -> None:
    """Sum up what is over and drop what nobody keeps any more. For every minute, in one process."""
    await roll_up(database, now)
    await sum_up(database, now)
    if not await _may_forget(database, now):
        return
    keeping = Keeping(
        settings.raw_days,
        settings.five_minutes_days,
        settings.hours_days,
        settings.events_days,
        settings.files_days,
    )
    await forget_old(database, keeping, now)


async def _may_forget(database: Database, now: int) -> bool:
    """Tell whether the clock is to be believed with what cannot be undone.

    One that jumps ahead would have everything forgotten at once; nothing is for a day, in which it may be set right.
    After a console was away for days it is the same.
    """
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT name, value FROM counters WHERE name IN ('forgot_at', 'jumped_at')")
        then = {row["name"]: row["value"] for row in rows}
        forgot_at, jumped_at = then["forgot_at"], then["jumped_at"]
        waited = 0 < jumped_at <= now - DAY
        if forgot_at and now - forgot_at > _JUMP_MS and not waited:
            if not 0 < jumped_at <= now:
                await tx.execute("UPDATE counters SET value = $1 WHERE name = 'jumped_at'", now)
            return False
        await tx.execute("UPDATE counters SET value = $1 WHERE name = 'forgot_at'", now)
        await tx.execute("UPDATE counters SET value = 0 WHERE name = 'jumped_at'")
    return True
