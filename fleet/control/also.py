"""What happens together with a change or not at all: whoever has one made can write it down in its transaction."""

from typing import Protocol

from fleet.store.database import Transaction


class Also(Protocol):
    """Is called last in the transaction of a change, with what was changed."""

    async def __call__(self, tx: Transaction, target: str, **detail: object) -> None:
        """Do what belongs to it."""


async def nothing_else(tx: Transaction, target: str, **detail: object) -> None:
    """Leave it at the change."""
