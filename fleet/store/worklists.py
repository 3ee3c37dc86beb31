"""What the pages list of alerts, jobs and settings. What changes them is done by `fleet.control`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleet.store.browse import Sites, document, within
from fleet.store.database import Reader, Row

_STATES = ("firing", "pending", "resolved")


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert."""

    key: int
    rule: str
    severity: str
    text: str
    remedy: str
    state: str
    began_at: int
    fired_at: int | None
    ended_at: int | None
    acknowledged_by: str | None
    acknowledged_at: int | None
    snoozed_until: int | None
    room: str | None
    room_name: str | None
    site: int | None
    site_name: str | None
    children: int


_ALERT = (
    "SELECT a.key, a.rule, a.severity, a.text, a.remedy, a.state, a.began_at, a.fired_at, a.ended_at, "
    "a.acknowledged_by, a.acknowledged_at, a.snoozed_until, r.id AS room, r.name AS room_name, "
    "COALESCE(r.site, a.site) AS site, s.name AS site_name, "
    "(SELECT count(*) FROM alerts c WHERE c.parent = a.key) AS children "
    "FROM alerts a LEFT JOIN rooms r ON r.key = a.room LEFT JOIN sites s ON s.key = COALESCE(r.site, a.site) "
)
_WORST_FIRST = "CASE a.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END"


async def alerts(reader: Reader, sites: Sites, *, state: str = "firing", limit: int = 200) -> list[AlertLine]:
    """Return alerts, those of one state: the worst first while they stand, else the newest."""
    order = f"{_WORST_FIRST}, a.began_at DESC" if state == "firing" else "a.began_at DESC"
    rows = await reader.fetch(
        f"{_ALERT} WHERE a.state = $1 AND (a.parent IS NULL OR a.state <> 'firing') "
        f"AND {within(sites, 'COALESCE(r.site, a.site)')} ORDER BY {order}, a.key LIMIT $2",
        state if state in _STATES else "firing",
        limit,
    )
    return [AlertLine(**{name: row[name] for name in AlertLine.__dataclass_fields__}) for row in rows]


async def alerts_of(reader: Reader, room: int) -> list[AlertLine]:
    """Return a room's alerts that stand."""
    rows = await reader.fetch(f"{_ALERT} WHERE a.room = $1 AND a.state = 'firing' ORDER BY {_WORST_FIRST}, a.key", room)
    return [AlertLine(**{name: row[name] for name in AlertLine.__dataclass_fields__}) for row in rows]


async def alert(reader: Reader, key: int) -> AlertLine | None:
    """Return one alert."""
    rows = await reader.fetch(f"{_ALERT} WHERE a.key = $1", key)
    return next((AlertLine(**{name: row[name] for name in AlertLine.__dataclass_fields__}) for row in rows), None)


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job, and how far it is in the rooms that may be seen."""

    id: str
    kind: str
    args: dict[str, Any]
    state: str
    why: str
    made_at: int
    made_by: str
    expires_at: int
    if_idle: bool
    wave: int
    note: str
    not_before: int
    needs_approval: bool
    approved_by: str | None
    ended_by: str | None
    policy: dict[str, Any]
    """Waves as shares in percent, and when it stops."""
    target: dict[str, Any]
    """The scopes it was made for; `dynamic` when rooms may join it later."""
    rooms: int
    succeeded: int
    failed: int
    open: int

    @property
    def waits_for_approval(self) -> bool:
        """Whether somebody else has to agree first."""
        return self.needs_approval and self.state == "waiting" and not self.approved_by

    @property
    def brings_settings(self) -> bool:
        """Whether it brings settings to its rooms, which are sent no order."""
        return self.kind == "configuration"

    @property
    def ended_early(self) -> bool:
        """Whether some of its rooms may never have been told."""
        return self.state in {"stopped", "cancelled"}


_JOB = (
    "j.key, j.id, j.kind, j.args, j.state, j.why, j.made_at, j.made_by, j.expires_at, j.if_idle, j.wave, j.note, "
    "j.not_before, j.needs_approval, j.approved_by, j.ended_by, j.policy, j.target"
)
_COUNTS = ", ".join(
    # PostgreSQL's sum of whole numbers is none
    f"CAST(sum(CASE WHEN state IN ({states}) THEN n ELSE 0 END) AS BIGINT) AS {name}"
    for name, states in (
        ("succeeded", "'succeeded'"),
        ("failed", "'failed', 'rejected', 'expired'"),
        ("open", "'held', 'queued', 'accepted', 'running'"),
    )
)


async def jobs(reader: Reader, sites: Sites, *, job: str = "", limit: int = 100) -> list[JobLine]:
    """Return the newest jobs that concern rooms which may be seen, or one by its id."""
    # CROSS JOIN: SQLite then begins with the rooms, which are few where not all are seen
    seen_rooms = f"rooms r CROSS JOIN executions e WHERE e.room = r.key AND {within(sites, 'r.site')}"
    counted, concerned = "executions e WHERE TRUE", "TRUE"
    if sites is not None:
        counted, concerned = seen_rooms, f"j.key IN (SELECT e.job FROM {seen_rooms})"
    # the newest first, and only theirs is counted; how many is in the text, since PostgreSQL, which plans a statement
    # once for all its arguments, would go by a tenth of all jobs and be ten times slower
    rows = await reader.fetch(
        f"WITH newest AS (SELECT {_JOB} FROM jobs j WHERE {'j.id = $1' if job else 'TRUE'} AND {concerned} "
        f"ORDER BY j.made_at DESC, j.key DESC LIMIT {limit:d}), "
        f"stand AS (SELECT e.job, e.state, count(*) AS n FROM {counted} AND e.job IN (SELECT key FROM newest) "
        f"GROUP BY e.job, e.state), counted AS (SELECT job, "
        f"CAST(sum(n) AS BIGINT) AS rooms, {_COUNTS} FROM stand GROUP BY job) "
        "SELECT n.*, COALESCE(c.rooms, 0) AS rooms, COALESCE(c.succeeded, 0) AS succeeded, "
        "COALESCE(c.failed, 0) AS failed, COALESCE(c.open, 0) AS open "
        "FROM newest n LEFT JOIN counted c ON c.job = n.key ORDER BY n.made_at DESC, n.key DESC",
        *([job] if job else []),
    )
    seen = await seen_scopes(reader, sites)
    return [_job_line(row, seen) for row in rows]


def _job_line(row: Row, seen: Callable[[str], bool]) -> JobLine:
    target = document(row["target"]) or {}
    return JobLine(
        **{
            **{name: row[name] for name in JobLine.__dataclass_fields__},
            "args": document(row["args"]) or {},
            "policy": document(row["policy"]) or {},
            "target": {**target, "scopes": [scope for scope in target.get("scopes", ()) if seen(scope)]},
            "if_idle": bool(row["if_idle"]),
            "needs_approval": bool(row["needs_approval"]),
        }
    )


@dataclass(frozen=True, slots=True)
class WaveLine:
    """How far a job is in one wave's rooms, of those that may be seen."""

    wave: int
    """From 0."""
    rooms: int
    succeeded: int
    failed: int
    open: int
    held: int
    """Not told yet."""


async def waves(reader: Reader, job: str, sites: Sites) -> list[WaveLine]:
    """Return a job's waves in their order."""
    rows = await reader.fetch(
        "SELECT e.wave AS wave, count(*) AS rooms, "
        "sum(CASE WHEN e.state = 'succeeded' THEN 1 ELSE 0 END) AS succeeded, "
        "sum(CASE WHEN e.state IN ('failed', 'rejected', 'expired') THEN 1 ELSE 0 END) AS failed, "
        "sum(CASE WHEN e.state IN ('queued', 'accepted', 'running') THEN 1 ELSE 0 END) AS open, "
        "sum(CASE WHEN e.state = 'held' THEN 1 ELSE 0 END) AS held "
        "FROM executions e JOIN jobs j ON j.key = e.job JOIN rooms r ON r.key = e.room "
        f"WHERE j.id = $1 AND {within(sites, 'r.site')} GROUP BY e.wave ORDER BY e.wave",
        job,
    )
    return [WaveLine(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class LayerLine:
    """The newest settings of a scope."""

    scope: str
    rev: int
    doc: dict[str, Any]
    locks: list[str]
    made_at: int
    made_by: str
    note: str
    revisions: int
    rollout: str | None = None
    """The job that has not brought it to all its rooms, under way or stopped: the others have the revision before."""


async def layers(reader: Reader, sites: Sites) -> list[LayerLine]:
    """Return what each scope sets, from the general to the special; of sites and rooms those that may be seen."""
    rows = await reader.fetch(
        "SELECT l.scope, l.rev, l.doc, l.locks, l.made_at, l.made_by, l.note, n.revisions, j.id AS rollout "
        "FROM layers l JOIN (SELECT scope, max(rev) AS rev, count(*) AS revisions FROM layers GROUP BY scope) n "
        "ON n.scope = l.scope AND n.rev = l.rev LEFT JOIN jobs j ON j.key = l.job AND j.state <> 'done' "
        "ORDER BY l.scope"
    )
    ranks = ("org", "site", "tag", "room")
    found = [
        LayerLine(
            row["scope"],
            row["rev"],
            document(row["doc"]) or {},
            json.loads(row["locks"]),
            row["made_at"],
            row["made_by"],
            row["note"],
            row["revisions"],
            row["rollout"],
        )
        for row in rows
    ]
    seen = await seen_scopes(reader, sites)
    found = [layer for layer in found if seen(layer.scope)]
    return sorted(found, key=lambda layer: (ranks.index(layer.scope.partition(":")[0]), layer.scope))


async def seen_scopes(reader: Reader, sites: Sites) -> Callable[[str], bool]:
    """Return what tells whether somebody sees what is for a scope: of sites and rooms their own, and what is wider."""
    if sites is None:
        return lambda _: True
    seen = {f"site:{row['id']}" for row in await reader.fetch(f"SELECT id FROM sites WHERE {within(sites, 'key')}")}
    seen |= {f"room:{row['id']}" for row in await reader.fetch(f"SELECT id FROM rooms WHERE {within(sites, 'site')}")}
    return lambda scope: scope in seen or scope.startswith(("org", "tag:"))
