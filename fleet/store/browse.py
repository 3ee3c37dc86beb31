"""What pages and API read of sites and rooms."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.store.database import Reader, Row

Sites = frozenset[int] | None
"""Which sites' rooms somebody sees; None for all, also those without a site."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place with rooms."""

    key: int
    id: str
    name: str
    timezone: str
    keep_raw_days: int = 7
    keep_5min_days: int = 90
    keep_hours_days: int = 730
    keep_events_days: int = 730
    """Of events and meetings, too."""
    open_days: str = "12345"
    """When its rooms may be booked; 1 is Monday."""
    open_from: int = 480
    """In minutes of the day."""
    open_until: int = 1080


@dataclass(frozen=True, slots=True)
class RoomLine:
    """A room as one of many: what a grid, a list and a search need."""

    key: int
    id: str
    name: str
    site: int | None
    floor: str
    status: str
    status_at: int
    worst: str
    issue_count: int
    version: int
    tags: tuple[str, ...] = ()
    sw: str = ""
    """The version of Salon that it runs; empty before it has said so."""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class RoomDetail:
    """All that is known of a room now; the documents as it said them, or None."""

    line: RoomLine
    capacity: int | None
    presence: str
    presence_at: int
    seen_at: int
    health_at: int
    skew_ms: int | None
    phase: str
    state: Mapping[str, Any] | None
    info: Mapping[str, Any] | None
    health: Mapping[str, Any] | None
    reported: Mapping[str, Any] | None
    rev_desired: int
    rev_applied: int
    enrolled_at: int | None
    retired_at: int | None


_MOST_VERSIONS = 10_000
"""Rooms may say anything; a statement takes so many values and no more."""
_LINE = "r.key, r.id, r.name, r.site, r.floor, r.status, r.status_at, r.worst, r.issue_count, r.version, r.sw"


def within(sites: Sites, column: str) -> str:
    """Return a condition that a column's site may be seen. The keys are whole numbers of ours."""
    if sites is None:
        return "TRUE"
    return f"{column} IN ({', '.join(str(int(site)) for site in sorted(sites))})" if sites else "FALSE"


async def all_sites(reader: Reader, sites: Sites = None) -> list[Site]:
    """Return the sites that may be seen, by name."""
    columns = ", ".join(Site.__dataclass_fields__)
    rows = await reader.fetch(f"SELECT {columns} FROM sites WHERE {within(sites, 'key')} ORDER BY name, key")
    return [Site(**dict(row)) for row in rows]


async def rooms_version(reader: Reader) -> int:
    """Return a number that rises with every change of a room."""
    rows = await reader.fetch("SELECT value FROM counters WHERE name = 'rooms'")
    version: int = rows[0]["value"]
    return version


async def count_rooms(reader: Reader) -> int:
    """Return how many rooms there are, without those that have retired."""
    rows = await reader.fetch("SELECT count(*) AS n FROM rooms WHERE retired_at IS NULL")
    count: int = rows[0]["n"]
    return count


async def rooms_since(reader: Reader, version: int) -> tuple[list[RoomLine], list[int]]:
    """Return the rooms that changed after a version, and the keys of those retired since."""
    rows = await reader.fetch(f"SELECT {_LINE}, r.retired_at FROM rooms r WHERE r.version > $1", version)
    tags = await reader.fetch(
        "SELECT t.room, t.tag FROM room_tags t JOIN rooms r ON r.key = t.room WHERE r.version > $1 ORDER BY t.tag",
        version,
    )
    lines = _lines([row for row in rows if row["retired_at"] is None], tags)
    return lines, [row["key"] for row in rows if row["retired_at"] is not None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rooms are looked for; what is empty leaves all."""

    status: Sequence[str] = ()
    site: str = ""
    tag: str = ""
    versions: Sequence[str] | None = None
    """That they run; None for any."""
    search: str = ""


async def find_rooms(
    reader: Reader, sites: Sites, wanted: Filter = Filter(), *, after: str = "", limit: int = 100
) -> list[RoomLine]:
    """Return rooms by id, a page at a time: those after an id."""
    where, args = [within(sites, "r.site"), "r.retired_at IS NULL", "r.id > $1"], [after]
    if wanted.status:
        # words of ours only, so they may stand in the statement
        states = ", ".join(f"'{word}'" for word in STATUSES if word in wanted.status)
        where.append(f"r.status IN ({states})" if states else "FALSE")
    if wanted.site:
        args.append(wanted.site)
        where.append(f"r.site = (SELECT key FROM sites WHERE id = ${len(args)})")
    if wanted.tag:
        args.append(wanted.tag)
        where.append(f"EXISTS (SELECT 1 FROM room_tags t WHERE t.room = r.key AND t.tag = ${len(args)})")
    if wanted.versions is not None:
        places = ", ".join(f"${len(args) + number}" for number in range(1, len(wanted.versions) + 1))
        args.extend(wanted.versions)
        where.append(f"r.sw IN ({places})" if places else "FALSE")
    # as the rooms' page does: each word, wherever it stands
    for word in dict.fromkeys(wanted.search.lower().split()):
        spellings = _spellings(word)
        first = len(args) + 1
        args.extend(f"%{_literal(spelling)}%" for spelling in spellings)
        found = [_found_in(f"LIKE ${first + number} ESCAPE '!'") for number in range(len(spellings))]
        where.append(f"({' OR '.join(found)})")
    condition = " AND ".join(where)
    rows = await reader.fetch(
        f"SELECT {_LINE} FROM rooms r WHERE {condition} ORDER BY r.id LIMIT {min(int(limit), 1000)}", *args
    )
    keys = ", ".join(str(row["key"]) for row in rows) or "0"
    tags = await reader.fetch(f"SELECT room, tag FROM room_tags WHERE room IN ({keys}) ORDER BY tag")
    return _lines(rows, tags)


async def versions_of(reader: Reader, sites: Sites) -> list[str]:
    """Return the versions that rooms run, of those that may be seen."""
    rows = await reader.fetch(
        # what most of them run, should strangers claim to run all there can be
        f"SELECT r.sw AS sw FROM rooms r WHERE {within(sites, 'r.site')} AND r.retired_at IS NULL AND r.sw <> '' "
        f"GROUP BY r.sw ORDER BY count(*) DESC, r.sw LIMIT {_MOST_VERSIONS}"
    )
    return [row["sw"] for row in rows]


def _spellings(word: str) -> Sequence[str]:
    """Return how a word may be written: SQLite makes no letters small but A to Z, and a function of ours is slow."""
    return [word] if word.isascii() else list(dict.fromkeys((word, word.capitalize(), word.upper())))


def _found_in(like: str) -> str:
    """Return a condition that a text stands in what a viewer of the rooms' page finds them by."""
    own = " OR ".join(f"lower(r.{column}) {like}" for column in ("name", "id", "floor", "worst", "sw"))
    return (
        f"({own} OR r.site IN (SELECT key FROM sites WHERE lower(name) {like}) "
        f"OR r.key IN (SELECT room FROM room_tags WHERE lower(tag) {like}))"
    )


STATUSES = ("broken", "offline", "warning", "meeting", "ready", "new")
"""From what needs somebody to what does not."""


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _lines(rows: Sequence[Row], tag_rows: Sequence[Row]) -> list[RoomLine]:
    tags: dict[int, list[str]] = {}
    for row in tag_rows:
        tags.setdefault(row["room"], []).append(row["tag"])
    return [_line(row, tags.get(row["key"], ())) for row in rows]


def _line(row: Row, tags: Sequence[str]) -> RoomLine:
    return RoomLine(
        row["key"],
        row["id"],
        row["name"],
        row["site"],
        row["floor"],
        row["status"],
        row["status_at"],
        row["worst"],
        row["issue_count"],
        row["version"],
        tuple(tags),
        row["sw"],
    )


async def room(reader: Reader, room_id: str) -> RoomDetail | None:
    """Return one room by its id."""
    rows = await reader.fetch("SELECT * FROM rooms WHERE id = $1", room_id)
    if not rows:
        return None
    row = rows[0]
    tags = await reader.fetch("SELECT tag FROM room_tags WHERE room = $1 ORDER BY tag", row["key"])
    return RoomDetail(
        _line(row, [tag["tag"] for tag in tags]),
        row["capacity"],
        row["presence"],
        row["presence_at"],
        row["seen_at"],
        row["health_at"],
        row["skew_ms"],
        row["phase"],
        document(row["state"]),
        document(row["info"]),
        document(row["health"]),
        document(row["reported"]),
        row["rev_desired"],
        row["rev_applied"],
        row["enrolled_at"],
        row["retired_at"],
    )


def document(text: str | None) -> dict[str, Any] | None:
    """Parse what a room said; None when it said nothing that can be read."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
