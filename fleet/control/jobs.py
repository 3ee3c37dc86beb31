"""Jobs: made for one room or many, told in waves, and what each room answered.

The web makes them, `drive` moves them on, the writer of what rooms say hands their reports in.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from appliance.errors import SalonError
from appliance.telemetry.protocol.orders import JobKind
from appliance.telemetry.protocol.records import JobReport, JobState
from fleet.control import scope
from fleet.control.also import Also, nothing_else
from fleet.control.places import bump, lock, places_in
from fleet.control.rollouts import AT_ONCE, HELD, Policy, checked, waves_of
from fleet.control.scope import Place
from fleet.store.database import Database, Row, Transaction

LONGEST_MS = 30 * 24 * 3600 * 1000
_LONGEST_TEXT = 500
_NEEDED: Mapping[JobKind, tuple[str, ...]] = {JobKind.UPDATE: ("version", "url")}
_ALLOWED: Mapping[JobKind, tuple[str, ...]] = {**_NEEDED, JobKind.JOIN: ("key",), JobKind.SCREENSHOT: ("what",)}
_SCREENSHOTS = ("interface", "picture")
_RANK = {HELD: -1, JobState.QUEUED: 0, JobState.ACCEPTED: 1, JobState.RUNNING: 2}
_FINAL_RANK = 3


class OwnKind(StrEnum):
    """What the console does by itself: rooms are sent no order."""

    CONFIGURATION = "configuration"
    """Settings that come to the rooms in waves: see settings_rollout."""


class BadJob(SalonError, ValueError):
    """A job that cannot be made or changed like that; says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job as somebody asks for it."""

    kind: JobKind | OwnKind
    scopes: tuple[str, ...]
    """For whom: room:ID, site:ID, tag:TAG, org."""
    expires_at: int
    """When rooms do not begin it any more."""
    args: Mapping[str, str] = field(default_factory=dict)
    not_before: int = 0
    if_idle: bool = True
    policy: Policy = AT_ONCE
    dynamic: bool = False
    """Rooms that come to be in the scopes later do it too, until it expires."""
    needs_approval: bool = False
    """Somebody else has to agree first."""
    note: str = ""


async def create(
    database: Database,
    wanted: Wanted,
    who: str,
    now: int,
    *,
    sites: frozenset[int] | None = None,
    also: Also = nothing_else,
) -> str:
    """Make a job and return its id, or raise `BadJob` (or `BadScope`, `BadPolicy`).

    Somebody who may act in some sites only makes it for the rooms of these, whatever else the scopes hold.
    """
    _check(wanted, now)
    if sites is not None and wanted.dynamic:
        raise BadJob("A job that rooms may join later needs somebody who may act in all sites.")
    async with database.transaction() as tx:
        await lock(tx, "jobs")
        found = await places_in(tx, database.dialect, wanted.scopes)
        rooms = {row["key"]: row["site"] for row in await tx.fetch("SELECT key, site FROM rooms")}
        mine = [place for place in found if sites is None or rooms[place.key] in sites]
        if not mine and not wanted.dynamic:
            raise BadJob("No room is in there; nothing would be done.")
        job = await add(tx, wanted, mine, who, now)
        await also(tx, f"job:{job}", rooms=len(mine))
    return job


async def add(tx: Transaction, wanted: Wanted, rooms: Sequence[Place], who: str, now: int) -> str:
    """Write down a job for these rooms, for whoever has locked the jobs, and return its id."""
    job = f"job-{secrets.token_hex(8)}"
    key = await _insert(tx, job, wanted, who, now)
    told = await in_order(tx, job, rooms)
    waves = waves_of(len(told), wanted.policy)
    rows = [(key, place.key, wave, HELD, now) for place, wave in zip(told, waves, strict=True)]
    await tx.load("executions", ("job", "room", "wave", "state", "changed_at"), rows)
    await bump(tx, "jobs")
    return job


async def approve(database: Database, job: str, who: str, now: int, *, also: Also = nothing_else) -> None:
    """Agree to a job of somebody else."""
    async with database.transaction() as tx:
        await lock(tx, "jobs")
        row = await _one(tx, job)
        if row["state"] != "waiting" or not row["needs_approval"] or row["approved_by"]:
            raise BadJob("This job waits for nobody's approval.")
        if row["made_by"] == who:
            raise BadJob("Whoever made a job cannot approve it; ask a second admin.")
        await tx.execute("UPDATE jobs SET approved_by = $1, approved_at = $2 WHERE key = $3", who, now, row["key"])
        await bump(tx, "jobs")
        await also(tx, f"job:{job}")


async def cancel(database: Database, job: str, who: str, now: int, *, also: Also = nothing_else) -> None:
    """Take a job back where it has not begun; rooms that are at it finish and say so."""
    async with database.transaction() as tx:
        await lock(tx, "jobs")
        row = await _one(tx, job)
        if row["state"] not in {"waiting", "running", "paused"}:
            raise BadJob(f"This job is over already ({row['state']}).")
        await end(tx, row["key"], "cancelled", "somebody took it back", now)
        await tx.execute("UPDATE jobs SET ended_by = $1 WHERE key = $2", who, row["key"])
        await also(tx, f"job:{job}")


async def pause(database: Database, job: str, now: int, *, also: Also = nothing_else) -> None:
    """Tell no further wave until it is resumed."""
    await _turn(database, job, "running", "paused", now, also)


async def resume(database: Database, job: str, now: int, *, also: Also = nothing_else) -> None:
    """Go on with a paused job."""
    await _turn(database, job, "paused", "running", now, also)


async def take_report(tx: Transaction, room_key: int, report: JobReport, now: int) -> bool:
    """Note what a room says of a job, in the writer's transaction; False where it changes nothing.

    A room's own final word stands for ever. What the console made of silence, expired or cancelled, gives way to it.
    """
    final = report.state not in _RANK
    if report.state is JobState.UNKNOWN:
        return False
    await lock(tx, "jobs")
    rank = _RANK.get(report.state, _FINAL_RANK)
    lower = [state for state, other in _RANK.items() if other < rank and state != HELD]
    fresh = " OR ".join(["(attempt < $1 AND state <> 'held')", *(f"state = '{state}'" for state in lower)])
    # a silent room's job that the console has closed: only a final word opens the book again
    closed = "state IN ('expired', 'cancelled')" if final else "FALSE"
    changed = await tx.execute(
        "UPDATE executions SET state = $2, attempt = $1, step = $3, detail = $4, changed_at = $5, told = $6 "
        "WHERE room = $7 AND job = (SELECT key FROM jobs WHERE id = $8) AND NOT told "
        f"AND ((state NOT IN ('expired', 'cancelled') AND ({fresh})) OR {closed})",
        report.attempt,
        report.state.value,
        report.step[:_LONGEST_TEXT],
        report.detail[:_LONGEST_TEXT],
        now,
        final,
        room_key,
        report.job,
    )
    if changed:
        await bump(tx, "jobs")
    return bool(changed)


async def take_reports(tx: Transaction, reports: Iterable[tuple[int, JobReport, int]]) -> None:
    """Note what rooms say of jobs, in their order: each with the room's key and its time."""
    for room_key, report, at in reports:
        await take_report(tx, room_key, report, at)


async def end(tx: Transaction, key: int, state: str, why: str, now: int) -> None:
    """Close a job; what no room has begun is cancelled. A room that has accepted it sees it gone, and answers."""
    await tx.execute("UPDATE jobs SET state = $1, why = $2 WHERE key = $3", state, why, key)
    await tx.execute(
        "UPDATE executions SET state = 'cancelled', changed_at = $1 WHERE job = $2 AND state IN ('held', 'queued')",
        now,
        key,
    )
    await bump(tx, "jobs")


async def in_order(tx: Transaction, job: str, rooms: Sequence[Place]) -> list[Place]:
    """First those that can answer, so that the first wave tells something; then by lot, so that no site is first."""
    away = {row["key"] for row in await tx.fetch("SELECT key FROM rooms WHERE status IN ('offline', 'new')")}

    def lot(place: Place) -> tuple[bool, bytes]:
        return place.key in away, hashlib.sha256(f"{job} {place.room}".encode()).digest()

    return sorted(rooms, key=lot)


def policy_of(row: Row) -> Policy:
    """Return how careful a stored job is."""
    data = json.loads(row["policy"])
    return Policy(**{**data, "waves": tuple(data.get("waves", AT_ONCE.waves))})


def target_of(row: Row) -> tuple[tuple[str, ...], bool]:
    """Return a stored job's scopes, and whether rooms may join it later."""
    data = json.loads(row["target"])
    return tuple(data.get("scopes", ())), bool(data.get("dynamic", False))


async def _turn(database: Database, job: str, before: str, after: str, now: int, also: Also) -> None:
    async with database.transaction() as tx:
        await lock(tx, "jobs")
        row = await _one(tx, job)
        if row["state"] != before:
            raise BadJob(f"This job is {row['state']}, not {before}.")
        await tx.execute("UPDATE jobs SET state = $1, wave_at = $2 WHERE key = $3", after, now, row["key"])
        await bump(tx, "jobs")
        await also(tx, f"job:{job}")


async def _one(tx: Transaction, job: str) -> Row:
    rows = await tx.fetch("SELECT * FROM jobs WHERE id = $1", job)
    if not rows:
        raise BadJob("There is no such job.")
    return rows[0]


async def _insert(tx: Transaction, job: str, wanted: Wanted, who: str, now: int) -> int:
    rows = await tx.fetch(
        "INSERT INTO jobs (id, kind, args, state, made_at, made_by, not_before, expires_at, if_idle, policy, note, "
        "target, needs_approval) VALUES ($1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING key",
        job,
        wanted.kind.value,
        json.dumps(dict(wanted.args)),
        now,
        who,
        wanted.not_before,
        wanted.expires_at,
        wanted.if_idle,
        json.dumps(asdict(wanted.policy)),
        wanted.note[:_LONGEST_TEXT],
        json.dumps({"scopes": wanted.scopes, "dynamic": wanted.dynamic}),
        wanted.needs_approval,
    )
    return int(rows[0]["key"])


def _check(wanted: Wanted, now: int) -> None:
    checked(wanted.policy)
    if not wanted.scopes:
        raise BadJob("Name the rooms it is for.")
    for one in wanted.scopes:
        scope.checked(one)
    if not now < wanted.expires_at <= now + LONGEST_MS or wanted.not_before >= wanted.expires_at:
        raise BadJob("A job expires in the future, within 30 days, and after its earliest time.")
    _check_args(wanted.kind, wanted.args)


def _check_args(kind: JobKind | OwnKind, args: Mapping[str, Any]) -> None:
    if kind is JobKind.UNKNOWN or isinstance(kind, OwnKind):
        raise BadJob(f"A job is one of {', '.join(word for word in JobKind if word is not JobKind.UNKNOWN)}.")
    missing = [name for name in _NEEDED.get(kind, ()) if not args.get(name)]
    strange = sorted(set(args) - set(_ALLOWED.get(kind, ())))
    if missing or strange:
        takes = ", ".join(_ALLOWED.get(kind, ())) or "nothing else"
        raise BadJob(f"{kind} takes {takes}; {f'missing: {missing[0]}' if missing else f'unknown: {strange[0][:40]}'}.")
    if not all(isinstance(value, str) and len(value) <= _LONGEST_TEXT for value in args.values()):
        raise BadJob(f"What a job is told is text of at most {_LONGEST_TEXT} letters.")
    if args.get("what", "interface") not in _SCREENSHOTS:
        raise BadJob("A screenshot shows interface, or picture where the room agrees.")
