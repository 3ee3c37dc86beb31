"""`salon setup` at the command line: what it asks for, and what it refuses before it calls anybody."""

import pytest

from appliance.cli import main
from appliance.telemetry.protocol.enrolling import new_code


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What somebody types when asked for the code."""
    typed = []
    monkeypatch.setattr("appliance.cli_setup.getpass", lambda _: typed.pop() if typed else "")
    config = tmp_path / "room.toml"
    config.write_text(f'[paths]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n')
    monkeypatch.setenv("SALON_CONFIG", str(config))
    return typed


def test_without_a_code_on_the_command_line_it_is_asked_for(asked, capsys):
    asked.append(str(new_code()))
    assert main(["setup", "--console", "http://console.example.org"]) == 1
    assert "is not encrypted" in capsys.readouterr().err
    assert asked == []


def test_what_is_no_code_is_told_before_anybody_is_called(asked, capsys):
    assert main(["setup", "--console", "http://console.example.org"]) == 1
    assert "That is no code" in capsys.readouterr().err


def test_a_certificate_that_is_not_there_is_named(asked, tmp_path, capsys):
    command = ["setup", "--console", "https://console.example.org", "--code", str(new_code())]
    assert main([*command, "--ca", str(tmp_path / "none.pem")]) == 1
    assert "none.pem cannot be read as a certificate" in capsys.readouterr().err
