"""`salon console init`: what it makes, what it keeps, what it says. With Debian's mosquitto."""

import json
import os
import pwd
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from mqtt_parts import free_port

from appliance.cli import main
from fleet.certificates import open_authority
from fleet.init import Made, next_steps
from fleet.settings import SYSTEM_FILE, load

pytestmark = pytest.mark.interop


def init(folder, *more):
    return main(
        ["console", "init", "--config", str(folder / "console.toml"), "--broker", str(folder / "broker"), *more]
    )


def first(folder):
    return init(folder, "--org", "acme", "--state", str(folder / "state"), "--host", "rooms.example.org")


def kept(folder):
    return {
        path.name: path.read_bytes()
        for path in (folder / "state" / "authority").iterdir()
        if path.name != "crl.pem"  # signed anew
    }


def test_it_makes_everything_once_and_says_what_comes_next(tmp_path, capsys):
    assert first(tmp_path) == 0
    said = capsys.readouterr().out
    for words in ("/etc/mosquitto/mosquitto.conf", "admin-link", "salon-revoked.path", "backup"):
        assert words in said
    # what it says can be copied
    config = tmp_path / "console.toml"
    assert f"Start the console: salon console --config {config}\n" in said
    assert f"salon console admin-link --config {config}\n" in said
    settings = load(tmp_path / "console.toml", look=True)
    assert settings.mqtt.rooms_url == "mqtts://rooms.example.org:8883"
    assert settings.mqtt.control.username == "console.control"
    assert "max_queued_messages 0\n" in (tmp_path / "broker" / "mosquitto.conf").read_text()
    before, text = kept(tmp_path), (tmp_path / "console.toml").read_text()
    assert init(tmp_path) == 0
    assert kept(tmp_path) == before
    assert (tmp_path / "console.toml").read_text() == text
    assert "Put this into" not in capsys.readouterr().out


def test_where_the_unit_looks_for_its_settings_the_unit_is_started(tmp_path):
    assert first(tmp_path) == 0
    made = Made(load(tmp_path / "console.toml"), SYSTEM_FILE, tmp_path / "mosquitto.conf", "")
    said = "\n".join(next_steps(made))
    assert "sudo systemctl enable --now salon-console" in said
    assert "sudo -u salon-console salon console admin-link\n" in said
    assert "--config" not in said


def test_a_home_assistant_that_is_switched_on_gets_a_user_of_its_own(tmp_path, capsys):
    assert first(tmp_path) == 0
    assert "home.assistant" not in capsys.readouterr().out
    config = tmp_path / "console.toml"
    config.write_text(f"{config.read_text()}[home_assistant]\nenabled = true\n")
    assert init(tmp_path) == 0
    assert "as the user home.assistant" in capsys.readouterr().out
    assert "user home.assistant\n" in (tmp_path / "broker" / "permissions").read_text()


def test_without_mosquitto_it_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fleet.init.shutil.which", lambda *_, **__: None)
    assert first(tmp_path) == 1
    assert "sudo apt install mosquitto" in capsys.readouterr().err


def test_settings_that_are_there_are_added_to_or_told_what_to_change(tmp_path, capsys):
    config = tmp_path / "console.toml"
    config.write_text(f'[console]\norg = "acme"\nstate = "{tmp_path}/state"\n')
    assert init(tmp_path, "--host", "192.0.2.7", "--port", "18883") == 0
    assert load(config).mqtt.rooms_url == "mqtts://192.0.2.7:18883"
    config.write_text(f'[console]\nstate = "{tmp_path}/state"\n[mqtt]\nurl = "mqtt://127.0.0.1:1884"\n')
    capsys.readouterr()
    assert init(tmp_path, "--host", "192.0.2.7") == 0
    assert 'username = "console.ingest"' in capsys.readouterr().out
    assert "console.ingest" not in config.read_text()


def test_the_embedded_broker_needs_no_mosquitto(tmp_path, capsys):
    config = tmp_path / "console.toml"
    config.write_text(f'[console]\nstate = "{tmp_path}/state"\n[broker]\nembedded = true\n')
    assert init(tmp_path) == 0
    said = capsys.readouterr().out
    assert "take no orders" in said
    assert "mosquitto.conf" not in said
    assert (tmp_path / "state" / "authority" / "orders.key").exists()
    assert not (tmp_path / "broker").exists()


def test_shutting_out_says_so_when_there_is_no_broker(tmp_path, capsys):
    """The unit that runs it tries again then."""
    ports = ("--console-port", str(free_port()))
    assert init(tmp_path, "--org", "acme", "--state", str(tmp_path / "state"), "--host", "127.0.0.1", *ports) == 0
    shut_out = ["console", "shut-out", "--config", str(tmp_path / "console.toml")]
    assert main(shut_out) == 0
    assert "cut off now: 0" in capsys.readouterr().out
    now = datetime.now(UTC)
    open_authority(tmp_path / "state" / "authority").revoke("room-1", [7], now)
    assert main(shut_out) == 1
    assert "is it running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"), [((), "--host rooms.example.org"), (("--host", "a b"), "no name"), (("--org", "My Org"), "org")]
)
def test_what_cannot_be_made_is_told_before_anything_is(tmp_path, more, words):
    command = (sys.executable, "-m", "appliance.cli", "console", "init", "--config", str(tmp_path / "c.toml"), *more)
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state"), "--broker", str(tmp_path / "broker")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [], json.dumps([str(path) for path in tmp_path.rglob("*")])


NOBODY = 65534
"""Stands for the console's user, in whose folder root writes."""


@pytest.mark.skipif(os.geteuid() != 0, reason="hands files to another user")
def test_a_console_in_foreign_hands_gets_nothing_of_roots_by_it(tmp_path, monkeypatch):
    monkeypatch.setattr("fleet.init.pwd.getpwnam", lambda _: pwd.getpwuid(NOBODY))
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o111)
    assert first(tmp_path) == 0
    broker, authority = tmp_path / "broker", tmp_path / "state" / "authority"
    assert {path.stat().st_uid for path in (tmp_path / "state").rglob("*")} == {NOBODY}
    listed = authority / "crl.pem"
    assert listed.resolve() == broker / "revoked" / "crl.pem"
    # nobody but root says what a broker does that begins as root
    assert {path.stat().st_uid for path in (broker, broker / "mosquitto.conf", broker / "server.key")} == {0}
    # the list and a password lead somewhere else now
    roots = tmp_path / "roots"
    roots.write_text("root's own")
    roots.chmod(0o600)
    for trap in (listed, broker / "revoked" / "crl.pem", authority / "console.ingest.password"):
        trap.unlink()
        trap.symlink_to(roots)
    with suppress(PermissionError):
        first(tmp_path)
    assert (roots.read_text(), roots.stat().st_uid, roots.stat().st_mode & 0o777) == ("root's own", 0, 0o600)
