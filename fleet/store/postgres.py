"""PostgreSQL by asyncpg: for fleets that a single file has been outgrown by, and for more than one console."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, TypeVar

import asyncpg

from fleet.store.database import DatabaseTrouble, Reader, Row, Transaction, Unfit

T = TypeVar("T")
_CONNECT_S = 10
_CONNECTIONS = 5
_TROUBLES = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that pass: connection, conflict, a full disk, not ready, shut down, the system."""


@contextmanager
def _in_words() -> Iterator[None]:
    """Tell a server in trouble from a value it does not take; a mistake in SQL stays what it is."""
    try:
        yield
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as err:
        raise Unfit(f"The database does not take a value: {err}.") from err
    except asyncpg.PostgresError as err:
        if err.sqlstate[:2] not in _TROUBLES:
            raise
        raise DatabaseTrouble(f"The console's PostgreSQL cannot be used: {err}.") from err
    except (ConnectionError, TimeoutError, asyncpg.InterfaceError) as err:
        raise DatabaseTrouble(f"The console's PostgreSQL is away: {err or type(err).__name__}. Is it running?") from err


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        with _in_words():
            rows: Sequence[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def execute(self, sql: str, *args: Any) -> int:
        with _in_words():
            status: str = await self._connection.execute(sql, *args)
        # "UPDATE 3", "INSERT 0 3", "CREATE TABLE"
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else -1

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with _in_words():
            await self._connection.executemany(sql, rows)

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        with _in_words():
            await self._connection.copy_records_to_table(table, columns=columns, records=rows)


class PostgresDatabase:
    """An open PostgreSQL database."""

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        with _in_words():
            rows: Sequence[Row] = await self._pool.fetch(sql, *args)
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        with _in_words():
            async with self._pool.acquire() as connection, connection.transaction():
                yield _Transaction(connection)

    async def change(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        async with self.transaction() as tx:
            return await work(tx)

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]]) -> T:
        return await work(self)

    async def close(self) -> None:
        await self._pool.close()


async def open_postgres(url: str) -> PostgresDatabase:
    """Connect; a password belongs in ~/.pgpass or PGPASSWORD rather than in the address."""
    try:
        pool = await asyncpg.create_pool(url, min_size=1, max_size=_CONNECTIONS, timeout=_CONNECT_S)
    except (OSError, ValueError, asyncpg.PostgresError) as err:
        raise DatabaseTrouble(
            f"The console's PostgreSQL cannot be used: {err}. Is it running, is console.database its address, and are "
            "database and user there (createuser, createdb -O USER NAME)?"
        ) from err
    return PostgresDatabase(pool)
