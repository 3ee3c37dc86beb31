"""SQLite: one file, readers beside one writer (WAL). Each connection lives on a thread of its own."""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from appliance.files import owned_like_its_folder
from fleet.store.database import DatabaseTrouble, Reader, Row, Transaction, Unfit

T = TypeVar("T")
_BUSY_S = 20
_AGAIN_S = 0.02
_PARAMETER = re.compile(r"\$(\d+)")


@cache
def _native(sql: str) -> str:
    return _PARAMETER.sub(r"?\1", sql)


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    """Tell what is wrong with the disk from what is wrong with a value; a mistake in SQL stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError) as err:
        raise Unfit(f"The database does not take a value: {err}.") from err
    except sqlite3.DatabaseError as err:
        if err.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
            raise
        raise DatabaseTrouble(f"The console's database {path} cannot be used: {err}.{_remedy(err)}") from err


def _remedy(err: sqlite3.Error) -> str:
    match err.sqlite_errorcode & 0xFF:
        case sqlite3.SQLITE_FULL:
            return " Make room on its disk."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return " Restore a back-up: salon console restore FILE."
    return ""


def _to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal's mode. Of several that open a new file at once SQLite sends some away without waiting."""
    ends = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


class _Worker:
    """A connection, and the one thread that uses it."""

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _in_words(self._path):
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._connection))

    async def open(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    def _open(self) -> None:
        # transactions begin and end where we say
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        _to_wal(connection)
        # what was acknowledged has been deleted in the room: it has to outlive the power, too
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16384")
        self._connection = connection

    async def close(self) -> None:
        await self.run(lambda connection: connection.close())
        self._thread.shutdown(wait=False)


class _Here:
    """A connection, for who is on its thread already: nothing has to be waited for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self._connection)


class _Transaction:
    """Statements, brought to the connection's thread or said on it."""

    def __init__(self, at: _Worker | _Here) -> None:
        self._at = at

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        return await self._at.run(lambda connection: _rows(connection, sql, args))

    async def execute(self, sql: str, *args: Any) -> int:
        return await self._at.run(lambda connection: connection.execute(_native(sql), args).rowcount)

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        await self._at.run(lambda connection: connection.executemany(_native(sql), rows))

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        await self.many(_insert(table, columns), rows)


class SqliteDatabase:
    """An open SQLite file."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: str) -> None:
        self._reading = _Worker(path, "fleet-read")
        self._writing = _Worker(path, "fleet-write")
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Open both connections."""
        await self._writing.open()
        await self._reading.open()

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        return await self._reading.run(lambda connection: _rows(connection, sql, args))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        async with self._turn:
            # from the start as a writer: to become one later may fail in the middle
            await self._writing.run(lambda connection: connection.execute("BEGIN IMMEDIATE"))
            try:
                yield _Transaction(self._writing)
                await asyncio.shield(self._writing.run(lambda connection: connection.execute("COMMIT")))
            except BaseException:
                await asyncio.shield(self._writing.run(_take_back))
                raise

    async def change(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        async with self._turn:
            doing = asyncio.ensure_future(self._writing.run(lambda connection: _changed(connection, work)))
            try:
                return await asyncio.shield(doing)
            finally:
                # also for who is not waited for any more: nobody else's turn begins in the middle of it
                await asyncio.wait({doing})
                doing.exception()

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]]) -> T:
        return await self._reading.run(lambda connection: _at_once(work(_Transaction(_Here(connection)))))

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()


def _changed(connection: sqlite3.Connection, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _at_once(work(_Transaction(_Here(connection))))
        connection.execute("COMMIT")
    except BaseException:
        _take_back(connection)
        raise
    return done


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what never has to wait."""
    try:
        work.send(None)
    except StopIteration as end:
        done: T = end.value
        return done
    work.close()
    raise RuntimeError("Only the database itself may be awaited here.")


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


def _rows(connection: sqlite3.Connection, sql: str, args: Sequence[Any]) -> list[Any]:
    return connection.execute(_native(sql), args).fetchall()


def _take_back(connection: sqlite3.Connection) -> None:
    # some errors, a full disk among them, have ended the transaction already
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _prepare(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        file.touch(mode=0o600)
        owned_like_its_folder(file)


async def open_sqlite(path: str) -> SqliteDatabase:
    """Open the file, made if need be, readable by its owner alone."""
    file = Path(path)
    try:
        await asyncio.to_thread(_prepare, file)
        database = SqliteDatabase(str(file))
        await database.open()
    except (OSError, sqlite3.Error) as err:
        raise DatabaseTrouble(
            f"{file} cannot be used as the console's database: {err}. It belongs to who runs the console: "
            "say sudo before this command. Where it is, console.state says."
        ) from err
    return database
