"""Rooms as the ingest writes them: one row each, a version that rises with every change."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fleet.store.database import Reader, Row, Transaction


class RoomChange(NamedTuple):
    """What is new of a room. Documents that are None stay as they are."""

    key: int
    status: str
    # the columns as they are
    name: str
    presence: str
    presence_at: int
    bd: int
    boot: str
    seen_at: int
    health_at: int
    due_at: int
    untold: bool
    skew_ms: int | None
    phase: str
    issue_count: int
    worst: str
    trouble: str
    sw: str
    rev_applied: int
    # documents
    state: str | None
    info: str | None
    health: str | None
    reported: str | None


_COLUMNS = RoomChange._fields[2:]
_DOCUMENTS = frozenset({"state", "info", "health", "reported"})
_SETS = ", ".join(
    f"{column} = COALESCE(${place}, {column})" if column in _DOCUMENTS else f"{column} = ${place}"
    for place, column in enumerate(_COLUMNS, 5)
)
_UPDATE = (
    "UPDATE rooms SET status_at = CASE WHEN status = $2 THEN status_at ELSE $3 END, status = $2, version = $4, "
    f"{_SETS} WHERE key = $1"
)


async def next_version(tx: Transaction) -> int:
    """Return the version of this transaction's changes. First of all: others that change rooms wait here for its end.

    Whoever asks for what changed since a version so misses nothing, and two that write never wait for each other.
    """
    rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = 'rooms' RETURNING value")
    version: int = rows[0]["value"]
    return version


async def wait_for_writers(tx: Transaction) -> None:
    """Let nothing that rooms say come in between: whoever stores it begins with the same row."""
    await tx.execute("UPDATE counters SET value = value WHERE name = 'rooms'")


async def changed_since(reader: Reader, version: int) -> Sequence[Row]:
    """Return what the ingest has to know of rooms that changed."""
    return await reader.fetch(
        "SELECT key, id, name, status, presence, presence_at, bd, boot, seen_at, health_at, due_at, untold, skew_ms, "
        "trouble, sw, rev_applied, health, enrolled_at, retired_at FROM rooms WHERE version > $1",
        version,
    )


async def add_rooms(tx: Transaction, ids: Iterable[str], version: int) -> None:
    """List rooms that were heard for the first time."""
    await tx.many(
        "INSERT INTO rooms (id, version) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        [(room, version) for room in sorted(ids)],
    )


async def write_changes(tx: Transaction, changes: Iterable[RoomChange], *, version: int, now: int) -> None:
    """Bring the rows of rooms up to date."""
    await tx.many(_UPDATE, [(change.key, change.status, now, version, *change[2:]) for change in changes])
