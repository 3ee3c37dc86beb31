"""What only one process may do at a time, it does under a lease: a dead holder's ends by itself.

Whoever writes under a lease checks it in the same transaction, so that a process that was asleep while another took
over can do nothing when it wakes up.
"""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.errors import SalonError
from fleet.store.database import Database, Transaction

LIFE_MS = 15_000
_ABSURD_MS = 3600 * 1000
"""A lease that ends later than so was taken by a clock that was wrong, and its holder may be long dead."""


class LeaseLost(SalonError):
    """Another process does it now."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A process's claim on a name."""

    name: str
    holder: str
    """Unlike that of any other process, on this or any other machine."""

    async def take(self, database: Database, now: Callable[[], int]) -> bool:
        """Take it where nobody has it, or the holder is dead; renew it where it is ours."""
        return await database.change(lambda tx: self._take(tx, now))

    async def _take(self, tx: Transaction, now: Callable[[], int]) -> bool:
        # the clock is read once it is our turn: who waited long must not take a lease that has ended meanwhile, or is
        # about to
        await tx.execute("UPDATE leases SET until_at = until_at WHERE name = $1", self.name)
        at = now()
        taken = await tx.execute(
            "INSERT INTO leases (name, holder, until_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE "
            "SET holder = $2, until_at = $3 "
            "WHERE leases.holder = $2 OR leases.until_at <= $4 OR leases.until_at > $5",
            self.name,
            self.holder,
            at + LIFE_MS,
            at,
            at + _ABSURD_MS,
        )
        return taken > 0

    async def check(self, tx: Transaction, now: int) -> None:
        """Make sure that it is ours, and stays so until the transaction ends; or raise `LeaseLost`."""
        mine = await tx.execute(
            # what was renewed while this waited for its turn is not made shorter
            "UPDATE leases SET until_at = CASE WHEN until_at > $1 THEN until_at ELSE $1 END "
            "WHERE name = $2 AND holder = $3 AND until_at > $4",
            now + LIFE_MS,
            self.name,
            self.holder,
            now,
        )
        if not mine:
            raise LeaseLost(f"Another console has taken over what {self.name} does.")

    async def give_back(self, database: Database) -> None:
        """Let another one begin at once."""
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM leases WHERE name = $1 AND holder = $2", self.name, self.holder)
