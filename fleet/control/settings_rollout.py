"""Settings that go through their rooms in waves: a job of the console's own, and what becomes of it when more is saved.

Rooms are sent no order: `configuring` makes the new revision what is wanted of those whose wave has come.
"""

from collections.abc import Sequence

from fleet.control.jobs import OwnKind, Wanted, add, end
from fleet.control.places import lock
from fleet.control.rollouts import Policy, checked
from fleet.control.scope import Place
from fleet.store.database import Transaction

LIFE_MS = 7 * 24 * 3600 * 1000
"""Rooms that are away for so long are not waited for."""


async def begin(
    tx: Transaction, scope: str, rev: int, rooms: Sequence[Place], *, who: str, now: int, policy: Policy, note: str
) -> str:
    """Have a revision that was just saved go through these rooms in waves, and return the job's id."""
    wanted = Wanted(
        OwnKind.CONFIGURATION,
        (scope,),
        now + LIFE_MS,
        {"rev": str(rev)},
        policy=checked(policy),
        note=note,
    )
    await lock(tx, "jobs")
    job = await add(tx, wanted, rooms, who, now)
    await tx.execute(
        "UPDATE layers SET job = (SELECT key FROM jobs WHERE id = $1) WHERE scope = $2 AND rev = $3", job, scope, rev
    )
    return job


async def supersede(tx: Transaction, scope: str, rev: int, now: int) -> None:
    """End what still goes through the rooms of older revisions of a scope."""
    await lock(tx, "jobs")
    older = await tx.fetch(
        "SELECT j.key AS key FROM jobs j JOIN layers l ON l.job = j.key "
        "WHERE l.scope = $1 AND l.rev < $2 AND j.state IN ('waiting', 'running', 'paused')",
        scope,
        rev,
    )
    for row in older:
        await end(tx, row["key"], "cancelled", f"revision {rev} was saved in its place", now)
