"""A back-up holds all a console is, and brings it back."""

import asyncio
import stat
import sys
import tarfile

import pytest
from ingest_desk import Desk
from room_voice import IDLE, Voice

from fleet.store.backup import BackupTrouble, back_up, restore
from fleet.store.database import open_database
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
