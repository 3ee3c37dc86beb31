"""What a room did: events, meetings, files, jobs, configuration. Newest first, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.store.browse import Sites, document, within
from fleet.store.database import Reader, Row

_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened once."""

    at: int
    type: str
    severity: str
    issue: str | None
    text: str


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting that is over, or did not happen."""

    at: int
    outcome: str
    booked_from: int | None
    booked_until: int | None
    began_at: int | None
    ended_at: int | None
    began: str
    server: str
    participants: int
    reconnects: int
    loss: float | None
    worst_loss: float | None
    jitter_ms: float | None
    rtt_ms: float | None
    freezes: int
    longest_gap_ms: int
    title: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of a job in a room."""

    job: str
    kind: str
    room: str
    room_name: str
    wave: int
    state: str
    step: str
    detail: str
    changed_at: int


@dataclass(frozen=True, slots=True)
class FileLine:
    """A screenshot or logs that a room sent."""

    key: int
    name: str
    media_type: str
    size: int
    chunks: int
    have: int
    at: int

    @property
    def complete(self) -> bool:
        return self.have == self.chunks

    @property
    def picture(self) -> bool:
        return self.media_type in PICTURES


PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


async def events(reader: Reader, room: int, *, before: int = _NEVER, limit: int = 50) -> list[Event]:
    """Return what happened in a room."""
    rows = await reader.fetch(
        "SELECT at, type, severity, issue, text FROM events WHERE room = $1 AND at < $2 "
        "ORDER BY at DESC, n DESC LIMIT $3",
        room,
        before,
        limit,
    )
    return [Event(row["at"], row["type"], row["severity"], row["issue"], row["text"]) for row in rows]


_MEETING = tuple(MeetingLine.__dataclass_fields__)


async def meetings(reader: Reader, room: int, *, before: int = _NEVER, limit: int = 50) -> list[MeetingLine]:
    """Return a room's meetings."""
    rows = await reader.fetch(
        f"SELECT {', '.join(_MEETING)} FROM meetings WHERE room = $1 AND at < $2 ORDER BY at DESC, n DESC LIMIT $3",
        room,
        before,
        limit,
    )
    return [MeetingLine(*(row[name] for name in _MEETING)) for row in rows]


async def files(reader: Reader, room: int, *, limit: int = 20) -> list[FileLine]:
    """Return what a room sent."""
    rows = await reader.fetch(
        "SELECT f.key, f.name, f.media_type, f.size, f.chunks, f.at, "
        "(SELECT count(*) FROM file_chunks c WHERE c.file = f.key) AS have "
        "FROM files f WHERE f.room = $1 ORDER BY f.at DESC, f.key DESC LIMIT $2",
        room,
        limit,
    )
    return [_file(row) for row in rows]


def _file(row: Row) -> FileLine:
    return FileLine(row["key"], row["name"], row["media_type"], row["size"], row["chunks"], row["have"], row["at"])


async def file_content(reader: Reader, room: int, key: int) -> tuple[FileLine, bytes] | None:
    """Return a whole file of a room; None while parts are missing."""
    found = [file for file in await files(reader, room, limit=1000) if file.key == key and file.complete]
    if not found:
        return None
    rows = await reader.fetch("SELECT data FROM file_chunks WHERE file = $1 ORDER BY place", key)
    return found[0], b"".join(bytes(row["data"]) for row in rows)


async def jobs_of(reader: Reader, room: int, *, limit: int = 20) -> list[Execution]:
    """Return a room's jobs."""
    return await _executions(reader, "e.room = $1", room, limit)


async def executions(reader: Reader, job: str, sites: Sites, *, limit: int = 1000) -> list[Execution]:
    """Return what each room that may be seen answered to a job."""
    return await _executions(reader, f"j.id = $1 AND {within(sites, 'r.site')}", job, limit)


async def _executions(reader: Reader, where: str, value: object, limit: int) -> list[Execution]:
    rows = await reader.fetch(
        "SELECT j.id AS job, j.kind, r.id AS room, r.name AS room_name, "
        "e.wave, e.state, e.step, e.detail, e.changed_at "
        f"FROM executions e JOIN jobs j ON j.key = e.job JOIN rooms r ON r.key = e.room WHERE {where} "
        "ORDER BY j.made_at DESC, e.wave, r.name, r.key LIMIT $2",
        value,
        limit,
    )
    return [Execution(*(row[name] for name in Execution.__dataclass_fields__)) for row in rows]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key of a room's configuration: what is wanted, and what is in force."""

    key: str
    wanted: Any
    in_force: Any
    state: str
    """'same', 'differs', 'refused', or 'own' where nothing is wanted."""
    reason: str = ""


async def wanted(reader: Reader, room: int, rev: int) -> Mapping[str, Any]:
    """Return the document a room was told, empty when none was."""
    rows = await reader.fetch("SELECT doc FROM desired WHERE room = $1 AND rev = $2", room, rev)
    return (document(rows[0]["doc"]) if rows else None) or {}


def compared(desired: Mapping[str, Any], reported: Mapping[str, Any] | None) -> list[KeyLine]:
    """Lay both documents beside each other, differences first."""
    reported = reported or {}
    want, force = _flat(desired), _flat(reported.get("doc"))
    troubles = {
        str(entry.get("key")): str(entry.get("reason", ""))
        for entry in _list(reported.get("troubles"))
        if isinstance(entry, dict)
    }
    lines = [_key_line(key, want, force, troubles) for key in sorted(want | force)]
    return sorted(lines, key=lambda line: (line.state not in {"refused", "differs"}, line.key))


def _key_line(key: str, want: Mapping[str, Any], force: Mapping[str, Any], troubles: Mapping[str, str]) -> KeyLine:
    if key not in want:
        return KeyLine(key, None, force[key], "own")
    state = "refused" if key in troubles else "same" if force.get(key) == want[key] else "differs"
    return KeyLine(key, want[key], force.get(key), state, troubles.get(key, ""))


def _flat(doc: object, prefix: str = "") -> dict[str, Any]:
    if not isinstance(doc, dict):
        return {}
    flat: dict[str, Any] = {}
    for key, value in doc.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
