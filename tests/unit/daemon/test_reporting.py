"""To which broker a room reports, and whose orders count there."""

import base64
import json

import pytest

from appliance.reporting import access_of
from appliance.settings import parse
from provisioning.enrolled import Enrolment, NotEnrolled, enrolment

KEY = bytes(range(32))
FOUND = Enrolment(
    "https://console.example.org",
    "acme",
    "room-1",
    "mqtts://broker.example.org:8883",
    (base64.b64encode(KEY).decode(),),
    "room-1.pem",
    "ca-1.pem",
)


def settings(tmp_path, mqtt=""):
    return parse(f'[paths]\nstate = "{tmp_path}"\n[mqtt]\n{mqtt}', where="the test")


def test_an_enrolled_room_reports_to_its_consoles_broker_with_its_certificate(tmp_path):
    access = access_of(settings(tmp_path, "health_s = 20"), FOUND)
    assert (access.url, access.org, access.keys, access.health_s) == (FOUND.broker, "acme", (KEY,), 20)
    assert access.certificate_file == str(tmp_path / "console" / "room-1.pem")
    assert access.ca_file == str(tmp_path / "console" / "ca-1.pem")


def test_a_broker_in_the_settings_is_kept_and_still_only_the_console_gives_orders(tmp_path):
    access = access_of(settings(tmp_path, 'url = "mqtt://127.0.0.1:1883"'), FOUND)
    assert (access.url, access.org, access.keys, access.certificate_file) == (
        "mqtt://127.0.0.1:1883",
        "acme",
        (KEY,),
        "",
    )


def test_without_a_console_all_is_as_the_settings_say(tmp_path):
    access = access_of(settings(tmp_path, 'url = "mqtt://127.0.0.1:1883"\norg = "home"'), None)
    assert (access.url, access.org, access.keys) == ("mqtt://127.0.0.1:1883", "home", ())


@pytest.mark.parametrize("text", ["{", "{}", "[]", json.dumps({"keys": ["AAAA"]}), json.dumps({"keys": ["ä"]})])
def test_a_broken_enrolment_does_not_pass_for_none(tmp_path, text):
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "enrolment.json").write_text(text)
    with pytest.raises(NotEnrolled, match="is broken"):
        enrolment(tmp_path)
