"""Tables for a spreadsheet: meetings and alerts of a time, as CSV. Nobody's name and no meeting's title is in them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fleet.control.use import LONGEST_MS, MOST_MEETINGS, TooMuch, to_csv
from fleet.store.database import Reader, Row

_MEETING = (
    *("room", "site", "outcome", "booked_from", "booked_until", "began_at", "ended_at", "began", "server"),
    *("participants", "reconnects", "loss", "worst_loss", "jitter_ms", "rtt_ms", "freezes", "longest_gap_ms"),
)
_ALERT = (
    *("room", "site", "rule", "about", "severity", "state", "text"),
    *("began_at", "fired_at", "ended_at", "acknowledged_at"),
)
_TIMES = frozenset({"booked_from", "booked_until", "began_at", "ended_at", "fired_at", "acknowledged_at"})


async def meetings_csv(reader: Reader, from_at: int, until_at: int, *, sites: frozenset[int] | None = None) -> str:
    """Return the meetings that were told of in a time; of some sites, or of all. May raise `TooMuch`."""
    _check(from_at, until_at)
    rows = await reader.fetch(
        "SELECT m.*, r.id AS room_id, r.site AS site_key, s.id AS site_id FROM meetings m "
        "JOIN rooms r ON r.key = m.room LEFT JOIN sites s ON s.key = r.site WHERE m.at >= $1 AND m.at < $2 "
        "ORDER BY m.at, m.room, m.n LIMIT $3",
        from_at,
        until_at,
        MOST_MEETINGS + 1,
    )
    return _table(rows, _MEETING, sites)


async def alerts_csv(reader: Reader, from_at: int, until_at: int, *, sites: frozenset[int] | None = None) -> str:
    """Return the alerts that began in a time and fired; likewise."""
    _check(from_at, until_at)
    rows = await reader.fetch(
        "SELECT a.*, r.id AS room_id, s.key AS site_key, s.id AS site_id FROM alerts a "
        "LEFT JOIN rooms r ON r.key = a.room LEFT JOIN sites s ON s.key = COALESCE(r.site, a.site) "
        "WHERE a.began_at >= $1 AND a.began_at < $2 AND a.fired_at IS NOT NULL ORDER BY a.began_at, a.key LIMIT $3",
        from_at,
        until_at,
        MOST_MEETINGS + 1,
    )
    return _table(rows, _ALERT, sites)


def _check(from_at: int, until_at: int) -> None:
    if not 0 < until_at - from_at <= LONGEST_MS:
        raise TooMuch("A table covers up to a year, and ends after it begins.")


def _table(rows: Sequence[Row], columns: Sequence[str], sites: frozenset[int] | None) -> str:
    if len(rows) > MOST_MEETINGS:
        raise TooMuch(f"That is more than {MOST_MEETINGS} lines; ask for a shorter time.")
    seen = [row for row in rows if sites is None or row["site_key"] in sites]
    return to_csv([{name: _value(row, name) for name in columns} for row in seen], columns)


def _value(row: Row, name: str) -> Any:
    match name:
        case "room":
            return row["room_id"]
        case "site":
            return row["site_id"]
    value = row[name]
    if name in _TIMES and value is not None:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    return value
