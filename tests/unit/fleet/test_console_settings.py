"""console.toml: its defaults, its mistakes, and which file is read."""

import re
from importlib.resources import files

import pytest

from appliance.tree import BadSettings
from fleet.settings import ENVIRONMENT, load, parse

DEFAULTS = (files("fleet") / "console.toml").read_text()


def test_every_setting_has_a_default():
    settings = parse("", where="nothing")
    assert settings.database_url == "sqlite:/var/lib/salon-console/fleet.db"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.mqtt.ingest.username == settings.mqtt.control.username == ""


def test_every_default_has_a_comment_of_its_own():
    lines = DEFAULTS.splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    assert [lines[number] for number in keys if not lines[number - 1].startswith("# ")] == []


def test_a_part_of_a_section_within_a_section_leaves_the_rest_at_its_default():
    settings = parse('[mqtt.ingest]\nusername = "reader"\n', where="console.toml")
    assert (settings.mqtt.ingest.username, settings.mqtt.ingest.cert_file) == ("reader", "")
    assert settings.mqtt.url == "mqtt://127.0.0.1:1883"


def test_all_mistakes_are_told_at_once():
    text = """
[console]
database = "mysql://x"
org = "My Org"
[mqtt.ingest]
user = "reader"
cert_file = "/c.pem"
[web]
port = 99999
[oidc]
issuer = "http://login"
"""
    with pytest.raises(BadSettings) as caught:
        parse(text, where="console.toml")
    told = "\n".join(caught.value.mistakes)
    for part in (
        "console.database: is sqlite:/path/fleet.db or postgresql://",
        "console.org:",
        "mqtt.ingest.user is not a setting; did you mean mqtt.ingest.username?",
        "mqtt.ingest.cert_file and mqtt.ingest.key_file belong together",
        "web.port must be from 0 to 65535",
        "oidc.issuer: must look like https://",
        "oidc.client_id is empty",
    ):
        assert part in told


def test_a_password_in_the_databases_address_is_refused_and_not_repeated():
    with pytest.raises(BadSettings, match="pgpass") as caught:
        parse('console.database = "postgresql://fleet:hunter2@db/fleet"', where="console.toml")
    assert "hunter2" not in str(caught.value)


def test_the_file_of_the_environment_is_read(tmp_path, monkeypatch):
    (tmp_path / "console.toml").write_text('console.org = "acme"')
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "console.toml"))
    assert load().console.org == "acme"
    (tmp_path / "other.toml").write_text('console.org = "other"')
    assert load(tmp_path / "other.toml").console.org == "other"
