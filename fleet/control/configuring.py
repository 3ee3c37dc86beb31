"""Brings a revision of settings to the rooms of a wave, and learns from what rooms report how they fare with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.telemetry.protocol.payloads import IN_A_MEETING
from appliance.telemetry.protocol.records import JobState
from fleet.control import layers
from fleet.control.jobs import policy_of
from fleet.control.rollouts import Policy
from fleet.store.database import Database, Row, Transaction

_LONGEST_TEXT = 500
TOLD, BROKEN_BEFORE = "told", "told, and was broken before"
"""The first step of an execution."""
_TOLD = (
    "SELECT e.job AS job, e.room AS room, e.state AS state, e.rev AS rev, e.step AS step, "
    "e.changed_at AS changed_at, r.rev_applied AS rev_applied, r.reported AS reported, r.status AS status, "
    "r.status_at AS status_at, r.presence AS presence, r.presence_at AS presence_at, j.policy AS policy "
    "FROM executions e JOIN jobs j ON j.key = e.job JOIN rooms r ON r.key = e.room "
    "WHERE e.rev IS NOT NULL AND j.kind = 'configuration' AND"
)
# each by an index: of years of jobs, few rooms are at it
_AT_IT = f"{_TOLD} e.state IN ('held', 'queued', 'accepted', 'running') AND e.state = 'running'"
_WATCHED = (
    f"{_TOLD} e.job IN (SELECT key FROM jobs WHERE state = 'running' AND kind = 'configuration') "
    "AND e.state = 'succeeded' AND (r.rev_applied < e.rev OR r.status = 'broken')"
)
_REFUSED = "refused"
"""How a room begins that finds a document wrong, and does not even try it."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that a revision has come to, as it stands."""

    state: JobState
    """Of its execution: running, or succeeded while the wave is watched."""
    rev: int
    """By this number the room knows it."""
    step: str
    since: int
    """When it was told, or has succeeded."""
    applied: int
    reported: Mapping[str, Any]
    present_since: int | None
    """None: it is away."""
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a room's reports come to."""

    state: JobState
    step: str = ""
    detail: str = ""


def answer(room: Room, policy: Policy, now: int) -> Answer | None:
    """Return what a room's reports say of the revision; None: nothing new."""
    if _broke(room, policy):
        return Answer(JobState.FAILED, detail="The room is broken since it has these settings; look at its page.")
    if room.applied >= room.rev:
        done = Answer(JobState.SUCCEEDED, room.step if room.step == BROKEN_BEFORE else "", _troubles(room))
        return done if room.state is JobState.RUNNING else None
    seen, waits = _number(room.reported.get("seen")) >= room.rev, str(room.reported.get("waits", ""))
    if seen and waits not in {"", IN_A_MEETING}:
        state = JobState.REJECTED if waits.startswith(_REFUSED) else JobState.FAILED
        return Answer(state, detail="; ".join(filter(None, (waits, _troubles(room)))))
    if room.state is not JobState.RUNNING:
        return None
    if seen and waits:
        return None if room.step == BROKEN_BEFORE else Answer(JobState.RUNNING, step=waits)
    if room.present_since is not None and now - max(room.since, room.present_since) >= policy.lost_after_s * 1000:
        return Answer(JobState.FAILED, detail="The room is there and has not taken its settings in time.")
    return None


def _broke(room: Room, policy: Policy) -> bool:
    """Whether it broke after it was told, or while its wave was watched: what comes later has other causes."""
    if room.broken_at is None or room.broken_at < room.since or room.step == BROKEN_BEFORE:
        return False
    return room.state is JobState.RUNNING or room.broken_at - room.since <= policy.soak_s * 1000


def _troubles(room: Room) -> str:
    found = room.reported.get("troubles")
    pairs = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return "; ".join(f"{one.get('key')}: {one.get('reason')}" for one in pairs)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


async def tell(tx: Transaction, database: Database, job: int, wave: int, now: int) -> None:
    """Give the rooms of a wave the new revision."""
    await tx.execute("UPDATE jobs SET state = 'running', wave = $1, wave_at = $2 WHERE key = $3", wave, now, job)
    mine = "job = $1 AND wave <= $2 AND state = 'held'"
    rooms = [row["room"] for row in await tx.fetch(f"SELECT room FROM executions WHERE {mine}", job, wave)]
    # that they have a number is what makes the revision theirs
    await tx.execute(f"UPDATE executions SET rev = 0 WHERE {mine}", job, wave)
    await layers.refresh(tx, database, now, rooms)
    await tx.execute(
        "UPDATE executions SET state = 'running', changed_at = $3, "
        "rev = (SELECT r.rev_desired FROM rooms r WHERE r.key = executions.room), step = "
        "CASE WHEN (SELECT r.status FROM rooms r WHERE r.key = executions.room) = 'broken' THEN $4 ELSE $5 END "
        f"WHERE {mine}",
        job,
        wave,
        now,
        BROKEN_BEFORE,
        TOLD,
    )


async def hear(tx: Transaction, now: int) -> bool:
    """Note how the rooms fare that have been told, and say whether anything is new."""
    rows = await tx.fetch(f"{_AT_IT} UNION ALL {_WATCHED}")
    policies = {row["policy"]: policy_of(row) for row in rows}
    news = [(row, found) for row in rows if (found := answer(_room(row), policies[row["policy"]], now))]
    fresh = [(row, found) for row, found in news if (found.state, found.step) != (row["state"], row["step"])]
    await tx.many(
        "UPDATE executions SET state = $1, step = $2, detail = $3, changed_at = $4, told = $5 "
        "WHERE job = $6 AND room = $7",
        [
            (
                found.state.value,
                found.step[:_LONGEST_TEXT],
                found.detail[:_LONGEST_TEXT],
                row["changed_at"] if found.state == row["state"] else now,
                found.state is not JobState.RUNNING,
                row["job"],
                row["room"],
            )
            for row, found in fresh
        ],
    )
    return bool(fresh)


def _room(row: Row) -> Room:
    reported = json.loads(row["reported"] or "{}")
    return Room(
        JobState(row["state"]),
        row["rev"],
        row["step"],
        row["changed_at"],
        row["rev_applied"],
        reported if isinstance(reported, dict) else {},
        row["presence_at"] if row["presence"] == "online" else None,
        row["status_at"] if row["status"] == "broken" else None,
    )
