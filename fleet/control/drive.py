"""Drives jobs: begins them, tells the next wave, stops them by their thresholds, closes what expired."""

from dataclasses import dataclass
from typing import assert_never

from fleet.control import configuring, layers
from fleet.control.jobs import OwnKind, end, in_order, policy_of, target_of
from fleet.control.places import bump, lock, places_in
from fleet.control.rollouts import HELD, Advance, Done, Group, Stop, Wait, next_wave, waves_of
from fleet.store.database import Database, Row, Transaction

SILENT_MS = 3600 * 1000
"""A room that had begun may need so long after the expiry to say how it ended."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Moves all jobs on; for the one process that has the lease."""

    database: Database

    async def is_due(self, now: int) -> bool:
        """Tell whether there may be anything to do; costs nobody's turn to write."""
        rows = await self.database.fetch(
            "SELECT 1 FROM jobs WHERE state = 'running' OR (state IN ('waiting', 'paused') AND expires_at <= $1) "
            "OR (state = 'waiting' AND not_before <= $1 AND (approved_by IS NOT NULL OR NOT needs_approval)) "
            "OR (expires_at <= $1 AND EXISTS (SELECT 1 FROM executions e WHERE e.job = jobs.key AND "
            "e.state IN ('held', 'queued', 'accepted', 'running'))) "
            # rooms that were told before their roll-out ended
            "OR (kind = 'configuration' AND EXISTS (SELECT 1 FROM executions e WHERE e.job = jobs.key "
            "AND e.state = 'running')) LIMIT 1",
            now,
        )
        return bool(rows)

    async def drive(self, tx: Transaction, now: int) -> bool:
        """Do what is due, and say whether anything was."""
        # a wave of settings changes what rooms are told
        for counter in ("layers", "rooms", "jobs"):
            await lock(tx, counter)
        changed = await self._expire(tx, now)
        changed |= await self._take_leave(tx, now)
        changed |= await configuring.hear(tx, now)
        for row in await tx.fetch("SELECT * FROM jobs WHERE state IN ('waiting', 'running', 'paused') ORDER BY key"):
            changed |= await self._move(tx, row, now)
        if changed:
            await bump(tx, "jobs")
        return changed

    async def _move(self, tx: Transaction, row: Row, now: int) -> bool:
        match row["state"]:
            case "waiting":
                return await self._begin(tx, row, now)
            case "running":
                joined = await self._let_join(tx, row, now)
                return await self._decide(tx, row, now) or joined
            case "paused" if row["expires_at"] <= now:
                return await self._decide(tx, row, now)
        return False

    async def _begin(self, tx: Transaction, row: Row, now: int) -> bool:
        if row["expires_at"] <= now:
            await end(tx, row["key"], "cancelled", "it expired before it could begin", now)
            return True
        if row["not_before"] > now or (row["needs_approval"] and not row["approved_by"]):
            return False
        await self._tell(tx, row, 0, now)
        return True

    async def _decide(self, tx: Transaction, row: Row, now: int) -> bool:
        policy = policy_of(row)
        decision = next_wave(policy, row["wave"], await groups(tx, row["key"], policy.lost_after_s, now), now)
        match decision:
            case Wait():
                return False
            case Advance(wave):
                await self._tell(tx, row, wave, now)
            case Stop(why):
                await end(tx, row["key"], "stopped", why, now)
            case Done():
                if target_of(row)[1] and row["expires_at"] > now:
                    return False
                await self._finish(tx, row, now)
            case _:
                assert_never(decision)
        return True

    async def _tell(self, tx: Transaction, row: Row, wave: int, now: int) -> None:
        if row["kind"] != OwnKind.CONFIGURATION:
            await tell(tx, row["key"], wave, now)
        elif row["expires_at"] > now:
            await configuring.tell(tx, self.database, row["key"], wave, now)
        else:
            # not done: then all rooms would have these settings
            await end(tx, row["key"], "stopped", "its time was over before all rooms were told", now)

    async def _finish(self, tx: Transaction, row: Row, now: int) -> None:
        await end(tx, row["key"], "done", "", now)
        if row["kind"] == OwnKind.CONFIGURATION:
            # rooms that came meanwhile have it from now on, too
            await layers.refresh(tx, self.database, now)

    async def _let_join(self, tx: Transaction, row: Row, now: int) -> bool:
        scopes, dynamic = target_of(row)
        if not dynamic or row["expires_at"] <= now:
            return False
        known = await tx.fetch("SELECT room, wave FROM executions WHERE job = $1", row["key"])
        already = {one["room"] for one in known}
        fresh = [place for place in await places_in(tx, self.database.dialect, scopes) if place.key not in already]
        if not known:
            # the first to come at all: as careful as with rooms that were there from the beginning
            fresh, policy = await in_order(tx, row["id"], fresh), policy_of(row)
            rows = [(place, wave) for place, wave in zip(fresh, waves_of(len(fresh), policy), strict=True)]
        else:
            # with the last ones: who comes late is no guinea pig
            last = max(one["wave"] for one in known)
            rows = [(place, last) for place in fresh]
        await tx.load(
            "executions",
            ("job", "room", "wave", "state", "changed_at"),
            [(row["key"], place.key, wave, "queued" if wave <= row["wave"] else HELD, now) for place, wave in rows],
        )
        return bool(fresh)

    async def _take_leave(self, tx: Transaction, now: int) -> bool:
        """A room that has retired never answers."""
        gone = await tx.execute(
            "UPDATE executions SET state = 'cancelled', changed_at = $1, detail = 'The room was retired.' "
            "WHERE state IN ('held', 'queued', 'accepted', 'running') "
            "AND room IN (SELECT key FROM rooms WHERE retired_at IS NOT NULL)",
            now,
        )
        return gone > 0

    async def _expire(self, tx: Transaction, now: int) -> bool:
        expired = "SELECT key FROM jobs WHERE expires_at <= $2"
        never_begun = await tx.execute(
            "UPDATE executions SET state = 'expired', changed_at = $1, "
            "detail = 'The room was not there, or not idle, in time.' "
            f"WHERE state IN ('held', 'queued') AND job IN ({expired})",
            now,
            now,
        )
        never_ended = await tx.execute(
            "UPDATE executions SET state = 'expired', changed_at = $1, "
            "detail = 'The room had taken it and has not said how it ended.' "
            f"WHERE state IN ('accepted', 'running') AND job IN ({expired})",
            now,
            now - SILENT_MS,
        )
        return never_begun + never_ended > 0


async def tell(tx: Transaction, job: int, wave: int, now: int) -> None:
    """Have the rooms of a wave do a job."""
    await tx.execute("UPDATE jobs SET state = 'running', wave = $1, wave_at = $2 WHERE key = $3", wave, now, job)
    await tx.execute(
        "UPDATE executions SET state = 'queued', changed_at = $1 WHERE job = $2 AND wave <= $3 AND state = 'held'",
        now,
        job,
        wave,
    )


async def groups(tx: Transaction, job: int, lost_after_s: int, now: int) -> list[Group]:
    """Return how a job's rooms stand."""
    away = "(r.status IN ('offline', 'new') OR r.retired_at IS NOT NULL)"
    rows = await tx.fetch(
        f"SELECT e.wave AS wave, e.state AS state, {away} AS away, count(*) AS rooms, max(e.changed_at) AS changed_at, "
        "sum(CASE WHEN r.status = 'offline' AND r.status_at >= e.changed_at AND r.status_at <= $2 "
        "AND e.state NOT IN ('held', 'queued', 'expired', 'cancelled') THEN 1 ELSE 0 END) AS lost "
        "FROM executions e JOIN rooms r ON r.key = e.room WHERE e.job = $1 "
        f"GROUP BY e.wave, e.state, {away}",
        job,
        now - lost_after_s * 1000,
    )
    return [
        Group(row["wave"], row["state"], row["rooms"], bool(row["away"]), row["lost"], row["changed_at"])
        for row in rows
    ]
