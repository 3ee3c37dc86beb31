"""What rooms have kept for the console: each record goes into its table once, however often it arrives."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.telemetry.protocol.payloads import CallAck
from appliance.telemetry.protocol.records import JobReport
from fleet.ranges import Ranges
from fleet.store.database import Transaction, places
from fleet.store.samples import DAY, add_samples

Boot = tuple[int, str]
"""A room's key, and the boot as the room calls it."""
_BOOTS_AT_ONCE = 100
_MOST_FILES = 4
"""Of one room for one job: as often as it may have tried."""
MOST_STRETCHES = 1000
"""A room sends its records in order, so few stretches lack; whoever leaves so many gaps is no room."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A boot as the database knows it."""

    key: int
    got: Ranges


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened once, its fields in the order of the columns."""

    room: int
    boot: int
    n: int
    at: int
    ts: int
    heard_at: int
    type: str
    severity: str
    issue: str | None = None
    text: str = ""
    data: Mapping[str, object] | None = None

    @property
    def row(self) -> Sequence[object]:
        rest = json.dumps(self.data, separators=(",", ":")) if self.data else None
        place = (self.room, self.boot, self.n, self.at, self.ts, self.heard_at)
        return (*place, self.type, self.severity, self.issue, self.text, rest)


@dataclass(slots=True)
class Rows:
    """What a flush puts into the tables."""

    samples: list[tuple[int, int, Sequence[object]]] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    meetings: list[Sequence[object]] = field(default_factory=list)
    jobs: list[tuple[int, JobReport, int]] = field(default_factory=list)
    """What rooms say of jobs, each with the room's key and its time; for `fleet.control.jobs`."""
    answers: list[tuple[int, CallAck]] = field(default_factory=list)
    """To live requests, likewise; for `fleet.control.calls`."""
    chunks: list["FileChunk"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileChunk:
    """A part of a file a job has asked for."""

    room: int
    file: str
    job: str
    name: str
    media_type: str
    size: int
    index: int
    count: int
    data: str
    at: int


async def arrived(tx: Transaction, boots: Mapping[Boot, int], now: int) -> dict[Boot, Arrived]:
    """Return what has arrived of boots (each with its number), listed if need be; nobody else may add to them now."""
    found: dict[Boot, Arrived] = {}
    wanted = sorted(boots.items())
    for begin in range(0, len(wanted), _BOOTS_AT_ONCE):
        part = wanted[begin : begin + _BOOTS_AT_ONCE]
        rows = await tx.fetch(
            f"INSERT INTO boots (room, boot, no, heard_at) VALUES {places(4, len(part))} "
            "ON CONFLICT (room, boot) DO UPDATE SET heard_at = excluded.heard_at RETURNING room, boot, key, got",
            *(value for (room, boot), no in part for value in (room, boot, no, now)),
        )
        found |= {(row["room"], row["boot"]): Arrived(row["key"], Ranges.read(row["got"])) for row in rows}
    return found


async def write_arrived(tx: Transaction, boots: Iterable[Arrived]) -> None:
    """Remember what has arrived."""
    await tx.many("UPDATE boots SET got = $2 WHERE key = $1", [(boot.key, str(boot.got)) for boot in boots])


_EVENT = "room, boot, n, at, ts, heard_at, type, severity, issue, text, data"
_MEETING = (
    "room, boot, n, at, meeting, outcome, booked_from, booked_until, began_at, ended_at, began, server, participants, "
    "reconnects, loss, worst_loss, jitter_ms, rtt_ms, freezes, longest_gap_ms, title"
)


async def write_rows(tx: Transaction, dialect: str, rows: Rows) -> None:
    """Put everything where it belongs."""
    await add_samples(tx, dialect, rows.samples)
    if rows.events:
        sql = f"INSERT INTO events ({_EVENT}) VALUES {places(11, 1)} ON CONFLICT DO NOTHING"
        await tx.many(sql, [event.row for event in rows.events])
    if rows.meetings:
        sql = f"INSERT INTO meetings ({_MEETING}) VALUES {places(21, 1)} ON CONFLICT DO NOTHING"
        await tx.many(sql, rows.meetings)
        await tx.many("INSERT INTO use_marks (day, room) VALUES ($1, $2) ON CONFLICT DO NOTHING", _days(rows.meetings))
    for chunk in rows.chunks:
        await _write_chunk(tx, chunk)


def _days(meetings: Iterable[Sequence[Any]]) -> list[tuple[int, int]]:
    """Return which days of which rooms have to be summed up anew: those in which meetings began, and were told of."""
    days = set()
    for meeting in meetings:
        room, at, began_at = meeting[0], meeting[3], meeting[8]
        began = max(at - DAY, min(at, began_at or at))
        days |= {(day, room) for day in range(began // DAY, at // DAY + 1)}
    return sorted(days)


async def _write_chunk(tx: Transaction, chunk: FileChunk) -> None:
    """Keep a part of a file; what no job of this room has asked for is left, and what is more than one would bring."""
    asked = await tx.fetch(
        "SELECT 1 FROM executions e JOIN jobs j ON j.key = e.job WHERE e.room = $1 AND j.id = $2 "
        "AND j.kind IN ('logs', 'screenshot') "
        "AND (SELECT count(*) FROM files f WHERE f.room = $1 AND f.job = $2 AND f.file <> $3) < $4",
        *(chunk.room, chunk.job, chunk.file, _MOST_FILES),
    )
    data = _bytes(chunk.data)
    if not asked or data is None:
        return
    await tx.execute(
        "INSERT INTO files (room, file, job, name, media_type, size, chunks, at) "
        f"VALUES {places(8, 1)} ON CONFLICT (room, file) DO NOTHING",
        *(chunk.room, chunk.file, chunk.job, chunk.name, chunk.media_type, chunk.size, chunk.count, chunk.at),
    )
    await tx.execute(
        "INSERT INTO file_chunks (file, place, data) SELECT key, $3, $4 FROM files "
        "WHERE room = $1 AND file = $2 AND chunks > $3 ON CONFLICT DO NOTHING",
        *(chunk.room, chunk.file, chunk.index, data),
    )


def _bytes(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
