"""A back-up holds all a console is, and brings it back."""

import asyncio
import stat
import sys
import tarfile
from datetime import UTC, datetime

import pytest
from cryptography.x509 import load_pem_x509_crl
from ingest_desk import Desk
from room_voice import IDLE, Voice

from fleet.certificates import FOLDER, make_authority
from fleet.control.lease import Lease
from fleet.control.main import now_ms
from fleet.store.backup import BackupTrouble, back_up, restore
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date


@pytest.fixture(autouse=True)
def _tools(monkeypatch):
    from postgres_server import programs

    monkeypatch.setenv("PATH", f"{programs()}:/usr/bin:/bin")


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    (folder / "ca").mkdir(parents=True)
    (folder / "ca/key.pem").write_text("secret")
    (folder / "up.lock").touch()
    return folder


async def test_everything_comes_back_as_it_was(database_url, state, tmp_path):
    database, voice = await open_database(database_url), Voice()
    await bring_up_to_date(database)
    desk = Desk(database)
    await desk.hear(voice.state(), voice.health(), voice.batch(1, IDLE))
    file = tmp_path / "backup.tar"
    await back_up(database_url, state, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await desk.hear(voice.batch(2, IDLE), Voice("room-2").state())
    await database.close()
    (state / "ca/key.pem").write_text("another")
    await restore(database_url, state, file)
    again = await open_database(database_url)
    assert [row["id"] for row in await again.fetch("SELECT id FROM rooms")] == ["room-1"]
    assert [row["got"] for row in await again.fetch("SELECT got FROM boots")] == ["1-1"]
    assert (state / "ca/key.pem").read_text() == "secret"
    assert stat.S_IMODE((state / "ca/key.pem").stat().st_mode) == 0o600
    assert len(await Desk(again).samples()) == 1
    await again.close()


async def test_a_backup_holds_what_is_needed_and_nothing_of_the_moment(desk, database_url, state, tmp_path):
    await back_up(database_url, state, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        names = set(archive.getnames())
    assert names == {"about.json", "state/ca/key.pem", "database.db" if "sqlite" in database_url else "database.dump"}
    assert [path.name for path in tmp_path.glob(".salon*")] == []


async def test_a_backup_is_never_overwritten(desk, database_url, state, tmp_path):
    (tmp_path / "backup.tar").write_text("precious")
    with pytest.raises(BackupTrouble, match="there already"):
        await back_up(database_url, state, tmp_path / "backup.tar")
    assert (tmp_path / "backup.tar").read_text() == "precious"


async def test_what_is_no_backup_is_refused_and_changes_nothing(desk, database_url, state, tmp_path):
    await desk.hear(Voice().state())
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    with pytest.raises(BackupTrouble, match="no back-up"):
        await restore(database_url, state, tmp_path / "bad.tar")
    await back_up(database_url, state, tmp_path / "good.tar")
    half = tmp_path / "half.tar"
    half.write_bytes((tmp_path / "good.tar").read_bytes()[:3000])
    with pytest.raises(BackupTrouble, match="no back-up"):
        await restore(database_url, state, half)
    assert (await desk.room())["id"] == "room-1"


ASKED = """#!/bin/sh
echo "$@" >"$(dirname "$0")/argv"; echo "$PGPASSWORD" >"$(dirname "$0")/password"; exit 1
"""


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://ada:s%40cret@db.example:5433/fleet?sslmode=require", "ada@db.example:5433", "s@cret"),
        ("postgresql://ada@db.example/fleet?password=s%40cret", "ada@db.example/fleet", "s@cret"),
        ("postgresql:///fleet?host=/run/postgresql&user=ada", "/fleet?host=%2Frun%2Fpostgresql&user=ada", ""),
    ],
)
async def test_the_databases_password_stands_in_no_list_of_processes(tmp_path, monkeypatch, url, shown, password):
    program = tmp_path / "pg_dump"
    program.write_text(ASKED)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(BackupTrouble, match="pg_dump failed"):
        await back_up(url, tmp_path, tmp_path / "backup.tar")
    argv = (tmp_path / "argv").read_text()
    assert shown in argv
    assert "cret" not in argv
    assert (tmp_path / "password").read_text().strip() == password


async def test_what_was_revoked_since_a_backup_stays_revoked(database_url, tmp_path):
    await (await open_database(database_url)).close()
    state, at = tmp_path / "console", datetime(2026, 11, 23, tzinfo=UTC)
    authority = make_authority(state / FOLDER, "acme", at)
    authority.revoke("room-1", [1], at)
    await back_up(database_url, state, tmp_path / "backup.tar")
    authority.revoke("room-2", [2], at)
    await restore(database_url, state, tmp_path / "backup.tar")
    authority.revoke("room-3", [3], at)
    listed = load_pem_x509_crl((state / FOLDER / "crl.pem").read_bytes())
    assert {one.serial_number for one in listed} == {1, 2, 3}


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_console_that_runs_on_postgresql_is_not_restored_under_its_feet(database_url, state, tmp_path):
    running, file = await open_database(database_url), tmp_path / "backup.tar"
    await bring_up_to_date(running)
    await back_up(database_url, state, file)
    await Desk(running).hear(Voice().state())
    with pytest.raises(BackupTrouble, match="stop it first"):
        await restore(database_url, state, file)
    assert [row["id"] for row in await running.fetch("SELECT id FROM rooms")] == ["room-1"]
    await running.close()
    await restore(database_url, state, file)
    again = await open_database(database_url)
    assert await again.fetch("SELECT id FROM rooms") == []
    await again.close()


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_console_that_is_seen_by_its_lease_alone_is_not_restored_either(database_url, state, tmp_path):
    database, file = await open_database(database_url), tmp_path / "backup.tar"
    await bring_up_to_date(database)
    lease = Lease("control", "behind a pool of connections")
    await lease.take(database, now_ms)
    await database.close()
    await back_up(database_url, state, file)
    with pytest.raises(BackupTrouble, match="stop it first"):
        await restore(database_url, state, file)
    database = await open_database(database_url)
    # a clock that was years ahead holds nothing up
    await lease.take(database, lambda: now_ms() + 365 * 24 * 3600 * 1000)
    await database.close()
    await restore(database_url, state, file)


HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
sys.stdout.write("held\\n"); sys.stdout.flush(); sys.stdin.read()
"""


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_running_console_is_not_restored_under_its_feet(desk, database_url, state, tmp_path):
    await back_up(database_url, state, tmp_path / "backup.tar")
    path, pipe = database_url.removeprefix("sqlite:"), asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, path, stdin=pipe, stdout=pipe)
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(BackupTrouble, match="stop it first"):
        await restore(database_url, state, tmp_path / "backup.tar")
    holder.stdin.close()
    await holder.wait()
