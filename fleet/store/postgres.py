"""PostgreSQL by asyncpg: for fleets that a single file has been outgrown by, and for more than one console."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, TypeVar

import asyncpg

from fleet.store.database import DatabaseTrouble, Reader, Row, Transaction, Unfit

T = TypeVar("T")
_CONNECT_S = 10
_CONNECTIONS = 5
_NAME = "salon console"
"""How connections are called at the server."""
_LOOKS, _LOOK_S = 10, 0.2
_LEASE_MS = 60_000
"""Longer than any lease, and some of what two machines' clocks may differ by."""
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
        raise _away(err) from err


def _away(err: Exception) -> DatabaseTrouble:
    return DatabaseTrouble(f"The console's PostgreSQL is away: {err or type(err).__name__}. Is it running?")


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
        async with self._connected() as connection:
            rows: Sequence[Row] = await connection.fetch(sql, *args)
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        async with self._connected() as connection, connection.transaction():
            yield _Transaction(connection)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        with _in_words():
            try:
                connection = await self._pool.acquire()
            except OSError as err:
                # of a server that was stopped even the socket's file is gone; of another machine, perhaps its name
                raise _away(err) from err
            try:
                yield connection
            finally:
                await self._pool.release(connection)

    async def change(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        async with self.transaction() as tx:
            return await work(tx)

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]]) -> T:
        return await work(self)

    async def close(self) -> None:
        await self._pool.close()


async def open_postgres(url: str) -> PostgresDatabase:
    """Connect; a password belongs in ~/.pgpass or PGPASSWORD rather than in the address."""
    with _reaching():
        # a pool with a least size restores it by itself, and logs a traceback each time that a server is away
        pool = await asyncpg.create_pool(
            url, min_size=0, max_size=_CONNECTIONS, timeout=_CONNECT_S, server_settings={"application_name": _NAME}
        )
        async with pool.acquire():
            pass
    return PostgresDatabase(pool)


async def is_in_use(url: str, now: int) -> bool:
    """Whether a console works on a database; one that has just hung up gets a moment to be gone."""
    with _reaching():
        connection = await asyncpg.connect(url, timeout=_CONNECT_S)
    try:
        with _in_words():
            return await _is_connected(connection) or await _is_leased(connection, now)
    finally:
        await connection.close()


async def _is_connected(connection: Any) -> bool:
    for _ in range(_LOOKS):
        others = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1", _NAME
        )
        if not others:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


async def _is_leased(connection: Any, now: int) -> bool:
    """Whether a console that is not seen, behind a pool of connections for one, does what one process may do."""
    if await connection.fetchval("SELECT to_regclass('leases')") is None:
        return False
    # one that ends much later was taken by a clock that was wrong
    leased = "SELECT count(*) FROM leases WHERE until_at > $1 AND until_at <= $2"
    return bool(await connection.fetchval(leased, now, now + _LEASE_MS))


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, asyncpg.PostgresError) as err:
        raise DatabaseTrouble(
            f"The console's PostgreSQL cannot be used: {err}. Is it running, is console.database its address, and are "
            "database and user there (createuser, createdb -O USER NAME)?"
        ) from err
