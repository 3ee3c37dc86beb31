"""Reads a room's samples for charts: 5-minute tables of a day, hourly tables of a month."""

from datetime import UTC, datetime, timedelta

from fleet.store.database import Database, Row

COLUMNS = (
    "participants",
    "cpu",
    "temp_c",
    "mem_available_mb",
    "kbps_in",
    "kbps_out",
    "loss",
    "jitter_ms",
    "rtt_ms",
    "fps_in",
)
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'samples%'",
    "postgresql": "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'samples%'",
}


def tables(since: int, until: int, step_s: int) -> list[str]:
    """Return the tables that may hold a span, the oldest first."""
    day, last = datetime.fromtimestamp(since / 1000, UTC).date(), datetime.fromtimestamp(until / 1000, UTC).date()
    form = "samples60_%Y%m" if step_s >= 3600 else "samples5_%Y%m%d"
    names: dict[str, None] = {}
    while day <= last:
        names[day.strftime(form)] = None
        day += timedelta(days=1)
    return list(names)


async def read(database: Database, room: int, since: int, until: int, step_s: int) -> list[Row]:
    """Return a room's rows in order of time; none of a day that nothing is kept of."""
    there = {row["name"] for row in await database.fetch(_TABLES[database.dialect])}
    rows: list[Row] = []
    for table in tables(since, until, step_s):
        if table in there:
            sql = f"SELECT at, {', '.join(COLUMNS)} FROM {table} WHERE room = $1 AND at >= $2 AND at < $3 ORDER BY at"
            rows += await database.fetch(sql, room, since, until)
    return rows
