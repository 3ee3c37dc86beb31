"""Tables for a spreadsheet, as CSV: rooms, what happened in one, meetings and alerts of a time, the audit log.

Only the audit log's has people's names in it, and none has a meeting's title.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fleet.control.use import LONGEST_MS, MOST_MEETINGS, TooMuch, to_csv
from fleet.store import audit, browse
from fleet.store.database import Reader, Row

_MEETING = (
    *("room", "site", "outcome", "booked_from", "booked_until", "began_at", "ended_at", "began", "server"),
    *("participants", "reconnects", "loss", "worst_loss", "jitter_ms", "rtt_ms", "freezes", "longest_gap_ms"),
)
_ALERT = (
    *("room", "site", "rule", "about", "severity", "state", "text"),
    *("began_at", "fired_at", "ended_at", "acknowledged_at"),
)
_ROOM = ("room", "name", "site", "floor", "tags", "status", "since", "issue", "issues", "version")
_EVENT = ("room", "at", "severity", "type", "issue", "text")
_ENTRY = ("n", "at", "actor", "action", "target", "detail", "hash")
_TIMES = frozenset({"at", "booked_from", "booked_until", "began_at", "ended_at", "fired_at", "acknowledged_at"})
_PAGE = 1000


async def rooms_csv(reader: Reader, wanted: browse.Filter, *, sites: browse.Sites = None) -> str:
    """Return the rooms that are looked for, by id; of some sites, or of all. May raise `TooMuch`."""
    found: list[browse.RoomLine] = []
    while page := await browse.find_rooms(reader, sites, wanted, after=found[-1].id if found else "", limit=_PAGE):
        found += page
        if len(found) > MOST_MEETINGS:
            raise TooMuch(f"That is more than {MOST_MEETINGS} rooms; ask for those of one site.")
    ids = {site.key: site.id for site in await browse.all_sites(reader)}
    return await asyncio.to_thread(to_csv, [_room(line, ids) for line in found], _ROOM)


def _room(line: browse.RoomLine, ids: Mapping[int, str]) -> dict[str, Any]:
    return {
        "room": line.id,
        "name": line.name,
        "site": ids.get(line.site) if line.site is not None else None,
        "floor": line.floor,
        "tags": " ".join(line.tags),
        "status": line.status,
        "since": _moment(line.status_at) if line.status_at else None,
        "issue": line.worst,
        "issues": line.issue_count,
        "version": line.sw,
    }


async def events_csv(reader: Reader, room: browse.RoomLine, from_at: int, until_at: int) -> str:
    """Return what happened in a room in a time. May raise `TooMuch`."""
    _check(from_at, until_at)
    rows = await reader.fetch(
        "SELECT at, severity, type, issue, text FROM events WHERE room = $1 AND at >= $2 AND at < $3 "
        "ORDER BY at, n LIMIT $4",
        room.key,
        from_at,
        until_at,
        MOST_MEETINGS + 1,
    )
    return await _table([{**row, "room_id": room.id} for row in rows], _EVENT)


async def audit_csv(reader: Reader, from_at: int, until_at: int, *, search: str = "") -> str:
    """Return who did what in a time, with the details and hashes as they are kept. May raise `TooMuch`."""
    _check(from_at, until_at)
    rows = await audit.rows_between(reader, from_at, until_at, search=search, limit=MOST_MEETINGS + 1)
    return await _table(rows, _ENTRY)


async def meetings_csv(reader: Reader, from_at: int, until_at: int, *, sites: browse.Sites = None) -> str:
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
    return await _table(rows, _MEETING, sites)


async def alerts_csv(reader: Reader, from_at: int, until_at: int, *, sites: browse.Sites = None) -> str:
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
    return await _table(rows, _ALERT, sites)


def _check(from_at: int, until_at: int) -> None:
    if not 0 < until_at - from_at <= LONGEST_MS:
        raise TooMuch("A table covers up to a year, and ends after it begins.")


async def _table(rows: Sequence[Row], columns: Sequence[str], sites: browse.Sites = None) -> str:
    if len(rows) > MOST_MEETINGS:
        raise TooMuch(f"That is more than {MOST_MEETINGS} lines; ask for a shorter time.")
    seen = rows if sites is None else [row for row in rows if row["site_key"] in sites]
    # not in the event loop: a year of a large fleet
    return await asyncio.to_thread(_written, seen, columns)


def _written(rows: Sequence[Row], columns: Sequence[str]) -> str:
    return to_csv([{name: _value(row, name) for name in columns} for row in rows], columns)


def _value(row: Row, name: str) -> Any:
    match name:
        case "room":
            return row["room_id"]
        case "site":
            return row["site_id"]
    value = row[name]
    return _moment(value) if name in _TIMES and value is not None else value


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
