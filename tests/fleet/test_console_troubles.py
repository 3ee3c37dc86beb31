"""What `salon console` says when something is in its way: in one line, with the remedy, and nothing is left behind."""

import asyncio
import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from appliance.cli import main
from fleet.store.sqlite import open_sqlite

SOMEBODY = 65534


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path)


class Config:
    """A console.toml, and the console's commands with it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "console.toml"
        self.write()

    def write(self, console="", **sections):
        lines = [f'[console]\nstate = "{self.folder}/state"', console]
        lines += [f"[{name}]\n{text}" for name, text in sections.items()]
        self.file.write_text("\n".join(lines) + "\n")

    def run(self, *words):
        return main(["console", *words[:1], "--config", str(self.file), *words[1:]])

    def make(self):
        assert self.run("init", "--broker", str(self.folder / "broker"), "--host", "localhost") == 0

    @property
    def state(self):
        return self.folder / "state"


@pytest.fixture
def told(capsys):
    def words():
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said

    return words


def test_a_taken_port_is_said_with_its_remedy(config, told):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write(web=f"port = {port}")
        assert config.run("web") == 1
    assert f"cannot be at 127.0.0.1:{port}" in (said := told())
    assert "Another port goes into [web] port" in said


def test_an_address_of_another_machine_is_said_with_its_remedy(config, told):
    config.write(web='address = "192.0.2.99"\nbehind_proxy = true')
    assert config.run("web") == 1
    assert "[web] address is an IP address of this very machine" in told()


def test_what_is_no_certificate_is_named(config, told):
    pem = config.folder / "cert.pem"
    pem.write_text("no certificate")
    config.write(web=f'port = 0\ncert_file = "{pem}"\nkey_file = "{pem}"')
    assert config.run("web") == 1
    assert "a certificate and its own key, each as PEM" in told()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7"])
def test_passwords_never_go_through_a_network_unencrypted(config, told, address):
    config.write(web=f'address = "{address}"')
    assert config.run("web") == 1
    assert "passwords would go there unencrypted: set web.cert_file" in told()


@pytest.mark.parametrize("words", [("backup", "new.tar"), ("erase", "room", "x"), ("audit", "verify"), ("top",)])
def test_a_console_that_is_not_there_is_not_made_by_looking(config, told, words, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert config.run(*words) == 1
    assert "There is no console here" in (said := told())
    assert "salon console init" in said
    assert not config.state.exists()


def test_an_audit_log_of_one_entry_is_told_as_one(config, capsys):
    config.make()
    assert config.run("admin-link") == 0
    capsys.readouterr()
    assert config.run("audit", "verify") == 0
    assert capsys.readouterr().out.startswith("The log is whole: 1 entry. Note its head: ")


def test_no_link_is_made_where_nothing_was_set_up(told, monkeypatch, tmp_path):
    monkeypatch.delenv("SALON_CONSOLE_CONFIG", raising=False)
    monkeypatch.setattr("fleet.settings.SYSTEM_FILE", tmp_path / "none.toml")
    assert main(["console", "admin-link"]) == 1
    assert "There is no console here" in told()


def test_the_first_admins_link_is_there_before_the_console_runs(config, capsys):
    config.write(web="port = 8123")
    assert config.run("admin-link") == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:8123/welcome/")


def test_the_terminal_view_needs_a_terminal(config, told):
    assert config.run("top") == 1
    assert "ssh -t" in told()


@pytest.fixture
def as_somebody(config):
    """Run the test as a user whose console this is not; put back as it was."""
    root = os.geteuid() == 0
    config.state.mkdir(mode=0o700)
    if root:
        # the folders above are root's alone as well
        open_folder = Path(tempfile.mkdtemp(prefix="salon-troubles-"))
        open_folder.chmod(0o755)
        config.file = Path(shutil.copy(config.file, open_folder))
        config.file.chmod(0o644)
        os.seteuid(SOMEBODY)
    else:
        config.state.chmod(0)
    yield
    if root:
        os.seteuid(0)
        shutil.rmtree(open_folder)
    config.state.chmod(0o700)


@pytest.mark.usefixtures("as_somebody")
@pytest.mark.parametrize("words", [("backup", "new.tar"), ("erase", "room", "x"), ("admin-link",), ("audit", "verify")])
def test_whose_console_it_is_not_is_told_to_say_sudo(config, told, words):
    assert config.run(*words) == 1
    assert "say sudo before this command" in told()


async def test_a_database_that_root_makes_is_its_folders_owners(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root hands files on")
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, SOMEBODY, SOMEBODY)
    await (await open_sqlite(str(folder / "fleet.db"))).close()
    assert (folder / "fleet.db").stat().st_uid == SOMEBODY


async def _made(state):
    await (await open_sqlite(str(state / "fleet.db"))).close()


async def test_a_backup_into_no_folder_is_said_with_its_remedy(config, told):
    await _made(config.state)
    assert await in_thread(config, "backup", str(config.folder / "none/new.tar")) == 1
    assert "cannot be written: No such file or directory. Is " in told()


async def test_a_backup_onto_a_full_disk_leaves_nothing(config, told, monkeypatch):
    await _made(config.state)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fleet.store.backup.os.fsync", full)
    assert await in_thread(config, "backup", str(config.folder / "new.tar")) == 1
    assert "No space left on device. Make room on that disk." in told()
    assert [path.name for path in config.folder.iterdir() if path.name not in {"state", "console.toml"}] == []


async def test_a_backup_comes_back_from_a_place_nobody_can_write_to(config, told, capsys):
    await _made(config.state)
    file = config.folder / "new.tar"
    assert await in_thread(config, "backup", str(file)) == 0
    if os.geteuid() == 0:
        os.chown(config.state, SOMEBODY, SOMEBODY)
        for folder in config.state.parents:
            folder.chmod(folder.stat().st_mode | 0o111)
    with file.open("rb") as held:
        # nobody, not even root, can make a file in that folder
        assert await in_thread(config, "restore", f"/proc/self/fd/{held.fileno()}") == 0
    assert sorted(path.name for path in config.state.iterdir()) == ["fleet.db"]
    assert (config.state / "fleet.db").stat().st_uid == config.state.stat().st_uid


async def test_a_backup_that_is_not_there_is_no_damaged_one(config, told):
    assert await in_thread(config, "restore", str(config.folder / "none.tar")) == 1
    assert "cannot be put back: No such file or directory. Is " in told()


async def in_thread(config, *words):
    return await asyncio.to_thread(config.run, *words)


def test_a_postgresql_that_does_not_answer_is_said_with_its_remedy(config, told):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config.write(f'database = "postgresql://x@127.0.0.1:{port}/fleet"')
    for part in ("web", "ingest", "control"):
        assert config.run(part) == 1
        assert "PostgreSQL cannot be used" in (said := told())
        assert "Is it running, is console.database its address" in said


@pytest.mark.parametrize(
    ("module", "part", "words"),
    [("asyncpg", "console-pg", 'database = "postgresql://x@127.0.0.1/fleet"'), ("uvicorn", "console", "")],
)
def test_software_that_is_missing_is_named_before_anything_is_started(config, told, monkeypatch, module, part, words):
    config.write(words)
    monkeypatch.setattr("fleet.main.find_spec", lambda name: None if name == module else object())
    assert main(["console", "--config", str(config.file)]) == 1
    assert f"{module} is not installed" in (said := told())
    assert f"make install PARTS=room,hub,{part}" in said
    assert not config.state.exists()
