"""The databases every test of the fleet runs on: SQLite and PostgreSQL, the same test on both; and a disk to fill."""

import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from ingest_desk import Desk
from postgres_server import postgres_server

from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server's address; a database in it is of one test."""
    with postgres_server() as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request) -> str:
    return request.param


@pytest.fixture
async def database_url(dialect, postgres, tmp_path) -> AsyncIterator[str]:
    """The address of an empty database."""
    if dialect == "sqlite":
        yield f"sqlite:{tmp_path}/fleet.db"
        return
    name = f"t{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def database(database_url):
    """An open database, its schema up to date."""
    opened = await open_database(database_url)
    await bring_up_to_date(opened)
    yield opened
    await opened.close()


@pytest.fixture
def desk(database) -> Desk:
    """An ingest's writer on a database."""
    return Desk(database)


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A disk of two megabytes, which whoever runs a test in a namespace may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
