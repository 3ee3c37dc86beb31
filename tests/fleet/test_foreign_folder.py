"""Root's commands in a console's folder that somebody has taken over: nothing of root's is read or written by them."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from appliance.cli import main
from fleet.store.backup import BackupTrouble, back_up, restore

NOBODY = 65534
"""Stands for the console's user."""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="hands files to another user")


@pytest.fixture
def here():
    """A folder that everybody may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="salon-foreign-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def state(here):
    """A console that was used before, in its user's folder."""
    folder = here / "state"
    folder.mkdir(mode=0o700)
    (here / "console.toml").write_text(f'[console]\nstate = "{folder}"\n')
    # so that all is imported: where tests run, Python may be root's alone
    for words in (("admin-link",), ("audit", "verify"), ("erase", "person", "ada")):
        command(here, *words)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, NOBODY, NOBODY)
    return folder


@pytest.fixture
def roots(here):
    """What only root may read and write, in a folder of root's."""
    folder = here / "roots"
    folder.mkdir()
    (folder / "key.pem").write_text("root's own")
    (folder / "key.pem").chmod(0o600)
    with closing(sqlite3.connect(folder / "fleet.db")) as database:
        database.execute("CREATE TABLE secrets (name)")
    (folder / "fleet.db").chmod(0o600)
    return folder


def command(here, *words):
    return main(["console", *words, "--config", str(here / "console.toml")])


def url(state):
    return f"sqlite:{state}/fleet.db"


def owners(state):
    return {path.lstat().st_uid for path in state.rglob("*")}


def test_what_root_does_there_belongs_to_the_folders_owner(here, state, capsys):
    assert owners(state) == {NOBODY}
    assert command(here, "audit", "verify") == 0
    assert command(here, "erase", "person", "ada") == 1
    assert "There is no person ada" in capsys.readouterr().out
    assert command(here, "backup", str(here / "backup.tar")) == 0
    assert (here / "backup.tar").stat().st_uid == 0
    assert command(here, "restore", str(here / "backup.tar")) == 0
    assert owners(state) == {NOBODY}
    assert os.geteuid() == 0


async def test_restoring_writes_through_no_link(here, state, roots):
    authority = state / "authority"
    authority.mkdir()
    (authority / "key.pem").write_text("the console's")
    await back_up(url(state), state, here / "backup.tar")
    shutil.rmtree(authority)
    authority.symlink_to(roots)
    with pytest.raises(BackupTrouble, match="cannot be put back"):
        await restore(url(state), state, here / "backup.tar")
    assert sorted(path.name for path in roots.iterdir()) == ["fleet.db", "key.pem"]
    assert (roots / "key.pem").read_text() == "root's own"


async def test_a_backup_takes_nothing_from_behind_a_link(here, state, roots):
    (state / "fleet.db").unlink()
    (state / "fleet.db").symlink_to(roots / "fleet.db")
    with pytest.raises(BackupTrouble, match="cannot be copied"):
        await back_up(url(state), state, here / "backup.tar")
    assert not (here / "backup.tar").exists()


@pytest.mark.parametrize("words", [("erase", "person", "ada"), ("audit", "verify"), ("admin-link",)])
def test_a_command_makes_nothing_in_a_folder_of_roots(here, state, roots, words, capsys):
    for name in ("fleet.db", "fleet.db-wal", "fleet.db-shm"):
        (state / name).unlink(missing_ok=True)
        (state / name).symlink_to(roots / name)
    before = (roots / "fleet.db").read_bytes()
    assert command(here, *words) == 1
    assert "cannot be used" in capsys.readouterr().err
    assert sorted(path.name for path in roots.iterdir()) == ["fleet.db", "key.pem"]
    assert (roots / "fleet.db").read_bytes() == before
