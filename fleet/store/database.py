"""One way to talk to the two databases a console may live in. The SQL is the same text for both.

Parameters are `$1`, `$2`; rows are read by column name. `sqlite:/path/fleet.db` is the default, one file for a site or
a few; `postgresql://USER@HOST/NAME` (with `salon[console-pg]`) for more.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar

from appliance.errors import SalonError

Row = Mapping[str, Any]
T = TypeVar("T")


class DatabaseTrouble(SalonError, OSError):
    """The database cannot be used; says why and what would help."""


class Unfit(SalonError, ValueError):
    """A value that this database cannot hold: trying again would not help."""


class Reader(Protocol):
    """What can be read with."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """Return all rows of a query."""


class Transaction(Reader, Protocol):
    """Changes that happen together or not at all."""

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement and return how many rows it changed."""

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many new rows the quickest way there is (COPY on PostgreSQL)."""


class Database(Reader, Protocol):
    """An open database. `fetch` sees what is committed."""

    dialect: Literal["sqlite", "postgresql"]

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin; leaving commits, leaving with an error takes all of it back. One writes at a time."""

    async def change(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        """Do work in a transaction of its own, at once: for what happens often.

        It may await nothing but the transaction, since SQLite does all of it on its own thread: to go there and back
        for each statement costs more than most statements do.
        """

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]]) -> T:
        """Read several things at once, likewise."""

    async def close(self) -> None:
        """Give everything back."""


def places(columns: int, rows: int) -> str:
    """Return the VALUES of an INSERT of several rows: ($1, $2), ($3, $4)."""
    each = (range(row * columns + 1, (row + 1) * columns + 1) for row in range(rows))
    return ", ".join(f"({', '.join(f'${number}' for number in numbers)})" for numbers in each)


def among(column: str, parameter: str, dialect: str) -> str:
    """Return a condition that a text column is one of the texts in a parameter; pass a JSON list for it."""
    if dialect == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({parameter}))"
    return f"{column} IN (SELECT json_array_elements_text({parameter}::json))"


def among_keys(column: str, parameter: str, dialect: str) -> str:
    """Return the same for a column of numbers; pass a JSON list of numbers."""
    if dialect == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({parameter}))"
    return f"{column} IN (SELECT CAST(json_array_elements_text({parameter}::json) AS INTEGER))"
