"""Both databases behave the same: transactions, parameters, loading, migrations."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from fleet.store.database import DatabaseTrouble, among
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date, migrations

HERE = Path(__file__).resolve().parent
SITE = "INSERT INTO sites (id, name) VALUES ($1, $2) RETURNING key"


async def names(database) -> list[str]:
    return [row["id"] for row in await database.fetch("SELECT id FROM sites ORDER BY key")]


async def test_a_transaction_is_seen_whole_or_not_at_all(database):
    async with database.transaction() as tx:
        first = await tx.fetch(SITE, "berlin", "Berlin")
        assert await names(database) == []
        assert [row["id"] for row in await tx.fetch("SELECT id FROM sites")] == ["berlin"]
    assert first[0]["key"] == 1
    with suppress(RuntimeError):
        async with database.transaction() as tx:
            await tx.execute(SITE, "paris", "Paris")
            assert len(await tx.fetch("SELECT id FROM sites")) == 2
            raise RuntimeError
    assert await names(database) == ["berlin"]


async def test_a_transaction_after_a_failed_one_works(database):
    with pytest.raises(Exception, match=r"(?i)syntax"):
        async with database.transaction() as tx:
            await tx.execute("INSART")
    async with database.transaction() as tx:
        await tx.execute(SITE, "berlin", "Berlin")
    assert await names(database) == ["berlin"]


async def test_transactions_take_turns(database):
    async def add(number: int) -> None:
        async with database.transaction() as tx:
            rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = 'rooms' RETURNING value")
            await tx.execute(SITE, f"site-{rows[0]['value']}", "x")

    await asyncio.gather(*(add(number) for number in range(20)))
    assert sorted(await names(database)) == sorted(f"site-{number}" for number in range(1, 21))


async def test_a_change_is_one_transaction_and_returns_what_its_work_did(database):
    async def add(tx) -> list[str]:
        await tx.load("sites", ("id", "name"), [("berlin", "Berlin"), ("paris", "Paris")])
        await tx.many("UPDATE sites SET name = $2 WHERE id = $1", [("paris", "Paname")])
        await tx.execute(SITE, "rome", "Rome")
        rows = await tx.fetch("SELECT name FROM sites WHERE id = $1", "paris")
        return [row["name"] for row in rows]

    assert await database.change(add) == ["Paname"]
    assert await names(database) == ["berlin", "paris", "rome"]


async def test_a_change_that_fails_leaves_nothing_and_is_in_nobody_s_way(database):
    async def fail(tx) -> None:
        await tx.execute(SITE, "berlin", "Berlin")
        raise LookupError

    with pytest.raises(LookupError):
        await database.change(fail)
    assert await names(database) == []
    await database.change(lambda tx: tx.execute(SITE, "paris", "Paris"))
    assert await names(database) == ["paris"]


async def test_changes_and_transactions_take_turns(database):
    async def one(tx) -> None:
        rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = 'rooms' RETURNING value")
        await tx.execute(SITE, f"site-{rows[0]['value']}", "x")

    async def other() -> None:
        async with database.transaction() as tx:
            await one(tx)

    await asyncio.gather(*(database.change(one) if number % 2 else other() for number in range(20)))
    assert sorted(await names(database)) == sorted(f"site-{number}" for number in range(1, 21))


async def test_a_change_nobody_waits_for_any_more_happens_whole_or_not_at_all(database):
    async def add(tx) -> None:
        await tx.load("sites", ("id", "name"), [(f"s{n:05}", "x") for n in range(20_000)])
        await tx.execute(SITE, "last", "x")

    adding = asyncio.create_task(database.change(add))
    await asyncio.sleep(0.01)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT count(*) AS n FROM sites")
        assert rows[0]["n"] in {0, 20_001}
        await tx.execute(SITE, "after", "x")
    assert (await names(database))[-1] == "after"


async def test_several_things_are_read_at_once(database):
    async with database.transaction() as tx:
        await tx.execute(SITE, "berlin", "Berlin")

    async def look(reader) -> tuple[int, str]:
        count = await reader.fetch("SELECT count(*) AS n FROM sites")
        return count[0]["n"], (await reader.fetch("SELECT name FROM sites"))[0]["name"]

    assert await database.read(look) == (1, "Berlin")


async def test_work_that_waits_for_something_else_is_told_so_rather_than_left_hanging(tmp_path):
    database = await open_database(f"sqlite:{tmp_path}/fleet.db")
    await bring_up_to_date(database)

    async def waits(tx) -> None:
        await tx.execute(SITE, "berlin", "Berlin")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="Only the database itself"):
        await database.change(waits)
    assert await names(database) == []
    await database.close()


async def test_a_commit_is_on_the_disk_before_it_is_told(tmp_path):
    database = await open_database(f"sqlite:{tmp_path}/fleet.db")
    async with database.transaction() as tx:
        (row,) = await tx.fetch("PRAGMA synchronous")
    assert row[0] == 2, "FULL: NORMAL may lose what was committed last with the power"
    await database.close()


async def test_execute_says_how_many_rows_it_changed(database):
    async with database.transaction() as tx:
        await tx.many("INSERT INTO sites (id, name) VALUES ($1, $2)", [("a", "x"), ("b", "x"), ("c", "y")])
        assert await tx.execute("UPDATE sites SET name = $1 WHERE name = $2", "z", "x") == 2


async def test_many_rows_are_loaded(database):
    async with database.transaction() as tx:
        await tx.load("sites", ("id", "name"), [(f"s{n:04}", "Ünïcode ' \0"[:-1]) for n in range(1000)])
    rows = await database.fetch("SELECT count(*) AS n, min(name) AS name FROM sites")
    assert (rows[0]["n"], rows[0]["name"]) == (1000, "Ünïcode ' ")


async def test_a_list_of_texts_is_one_parameter(database):
    async with database.transaction() as tx:
        await tx.many("INSERT INTO sites (id, name) VALUES ($1, $1)", [(name,) for name in ("a", "b", "c")])
    sql = f"SELECT id FROM sites WHERE {among('id', '$1', database.dialect)} ORDER BY id"
    rows = await database.fetch(sql, json.dumps(["a", "c", "it's"]))
    assert [row["id"] for row in rows] == ["a", "c"]


async def test_truth_bytes_and_numbers_come_back_as_they_went(database):
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs (id, kind, state, made_at, made_by, expires_at, if_idle, policy) "
            "VALUES ('j', 'reboot', 'running', $1, 'eve', $1, $2, '{}')",
            2**53,
            True,
        )
    rows = await database.fetch("SELECT made_at, if_idle FROM jobs WHERE if_idle")
    assert (rows[0]["made_at"], bool(rows[0]["if_idle"])) == (2**53, True)


async def test_the_schema_comes_up_to_date_once(database):
    newest = max(migrations())
    assert await bring_up_to_date(database) == newest
    assert len(await database.fetch("SELECT version FROM schema_version")) == newest


async def test_a_database_of_a_newer_release_is_left_alone(database):
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO schema_version (version) VALUES (9999)")
    with pytest.raises(DatabaseTrouble, match="newer release"):
        await bring_up_to_date(database)


async def test_two_consoles_that_start_together_migrate_once(database_url):
    both = [await open_database(database_url) for _ in range(2)]
    assert await asyncio.gather(*map(bring_up_to_date, both)) == [max(migrations())] * 2
    rows = await both[0].fetch("SELECT count(*) AS n FROM schema_version")
    assert rows[0]["n"] == max(migrations())
    for database in both:
        await database.close()


STEPS = {1: "CREATE TABLE one (n INTEGER); INSERT INTO one (n) VALUES (1)", 2: "INSERT INTO one (n) VALUES (2); KILL"}


def _migrate_and_die(url: str) -> None:
    """Run the steps and be killed in the middle of the second."""

    async def run() -> None:
        database = await open_database(url)
        async with database.transaction() as tx:
            transaction = type(tx)
        execute = transaction.execute

        async def deadly(self, sql, *args):
            if sql == "KILL":
                os.kill(os.getpid(), signal.SIGKILL)
            return await execute(self, sql, *args)

        transaction.execute = deadly
        await bring_up_to_date(database, STEPS)

    asyncio.run(run())


async def test_a_migration_killed_in_the_middle_never_happened(database_url):
    code = f"import test_database; test_database._migrate_and_die({database_url!r})"
    env = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=env)
    assert await victim.wait() == -signal.SIGKILL
    database = await open_database(database_url)
    assert [row["n"] for row in await database.fetch("SELECT n FROM one")] == [1]
    again = {**STEPS, 2: "INSERT INTO one (n) VALUES (2); INSERT INTO one (n) VALUES (3)"}
    assert await bring_up_to_date(database, again) == 2
    assert [row["n"] for row in await database.fetch("SELECT n FROM one ORDER BY n")] == [1, 2, 3]
    await database.close()


async def test_an_address_that_is_none_is_refused_in_words():
    with pytest.raises(DatabaseTrouble, match="sqlite:/path"):
        await open_database("mysql://x")
    with pytest.raises(DatabaseTrouble, match="Is it running"):
        await open_database("postgresql:///x?host=/nonexistent")


async def test_several_that_open_a_new_file_at_once_wait_for_each_other(tmp_path, monkeypatch):
    """SQLite sends one away at once where two set the journal's mode: seen in one of 240 processes, four at a time."""
    sent_away = []

    class Contended(sqlite3.Connection):
        def execute(self, sql, *args):
            if "journal_mode" in sql and len(sent_away) < 3:
                busy = sqlite3.OperationalError("database is locked")
                busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
                sent_away.append(sql)
                raise busy
            return super().execute(sql, *args)

    monkeypatch.setattr("fleet.store.sqlite.sqlite3.connect", partial(sqlite3.connect, factory=Contended))
    database = await open_database(f"sqlite:{tmp_path}/fleet.db")
    try:
        assert [row[0] for row in await database.fetch("PRAGMA journal_mode")] == ["wal"]
        assert len(sent_away) == 3
    finally:
        await database.close()
