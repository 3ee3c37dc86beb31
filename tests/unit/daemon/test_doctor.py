"""What the doctor finds on a made-up machine."""

import re

from appliance.doctor import diagnose, examine, names_finding
from appliance.findings import Level
from appliance.settings import parse
from hardware.ports import DeviceError, Found

BRIO = Found("camera", "usb:046d:085e:1", "Logitech BRIO", "/dev/video0", "pci-1")


def findings(tmp_path, text="", found=()):
    """Examine a machine with these settings and devices."""
    settings = parse(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}/run" }}\n{text}', where="the test")
    return tuple(examine(settings, tmp_path, lambda: found))


def test_a_calendars_secret_address_is_never_in_a_finding(tmp_path):
    file = tmp_path / "calendar"
    file.touch(mode=0o600)
    file.write_text("https://127.0.0.1:9/t0ken/basic.ics")
    told = findings(tmp_path, f'calendar.source_file = "{file}"')
    assert any("calendar at 127.0.0.1 does not answer" in finding.what for finding in told)
    assert not any("t0ken" in finding.what + finding.remedy for finding in told)


def test_a_calendars_file_that_cannot_be_read_is_a_lack(tmp_path):
    told = findings(tmp_path, f'calendar.source_file = "{tmp_path}/none"')
    (found,) = (finding for finding in told if finding.what.startswith("calendar"))
    assert found.level is Level.LACK
    assert found.remedy


def test_a_machine_without_fonts_is_told_the_packages_for_names_in_other_scripts(tmp_path):
    (found,) = (finding for finding in findings(tmp_path) if finding.what.startswith("names on the TV"))
    assert found.level is Level.NOTE
    for script in ("Arabic", "Thai", "Chinese", "emoji"):
        assert script in found.what
    for package in ("fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"):
        assert package in found.remedy


def test_only_what_is_missing_is_to_be_installed():
    whole = {"fonts-noto-core": [], "fonts-noto-cjk": []}
    assert names_finding(whole, right_to_left=True).level is Level.OK
    found = names_finding({**whole, "fonts-noto-cjk": ["Korean"]}, right_to_left=True)
    assert (found.what, found.remedy) == ("names on the TV: no font for Korean", "apt install fonts-noto-cjk")
    found = names_finding(whole, right_to_left=False)
    assert "wrong order" in found.what
    assert found.remedy == "apt install libfribidi0"


def test_the_doctor_finds_what_every_program_would_refuse(tmp_path):
    config = tmp_path / "room.toml"
    config.write_text('devices.camera = ["webcam:0"]\nmqtt.url = "broker.example.org"\nmqtt.ca_file = "/none/ca.pem"\n')
    told = tuple(diagnose(config, tmp_path))
    lacks = [finding.what for finding in told if finding.level is Level.LACK]
    assert any("no camera driver webcam: yet; known: sim: (simulated), file: (simulated)" in what for what in lacks)
    assert any("mqtt.url: 'broker.example.org' is no broker's address" in what for what in lacks)
    assert any("mqtt.ca_file: there is no file /none/ca.pem" in what for what in lacks)
    assert not any("does not answer" in finding.what for finding in told)
    assert any(finding.what.startswith("Python") for finding in told)


def test_a_missing_file_is_found_beside_everything_else(tmp_path):
    config = tmp_path / "room.toml"
    config.write_text(f'paths = {{ state = "{tmp_path}", runtime = "{tmp_path}" }}\nmqtt.ca_file = "/none/ca.pem"\n')
    told = [finding.what for finding in diagnose(config, tmp_path)]
    assert "settings: mqtt.ca_file: there is no file /none/ca.pem" in told
    assert "the room is not running" in told


def test_remedies_in_settings_can_be_copied(tmp_path):
    lines = [
        line for finding in findings(tmp_path) for line in finding.remedy.splitlines() if re.match(r"\w+\.\w+ = ", line)
    ]
    assert {line.partition(" = ")[0] for line in lines} >= {
        "devices.camera",
        "devices.microphone",
        "devices.speaker",
        "calendar.source",
        "mqtt.url",
        "display.screen",
    }
    parse("\n".join(dict.fromkeys(lines)), where="the doctor")


def said(told, words):
    return [(finding.level.value, finding.what) for finding in told if words in finding.what]


def test_devices_are_told_as_the_room_sees_them(tmp_path):
    text = 'devices = { camera = ["v4l2:BRIO", "v4l2:C920"], microphone = ["sim:tone"] }'
    told = findings(tmp_path, text, found=(BRIO,))
    assert said(told, "camera") == [
        ("ok", "camera v4l2:BRIO: Logitech BRIO"),
        ("note", "camera v4l2:C920: not there"),
    ]
    assert said(told, "microphone") == [("ok", "microphone sim:tone (simulated)")]
    (missing,) = said(findings(tmp_path, 'devices.camera = ["v4l2:C920"]', found=(BRIO,)), "C920")
    assert missing == ("lack", "camera v4l2:C920: not there")


def test_what_is_plugged_in_and_not_named_is_listed(tmp_path):
    told = findings(tmp_path, 'devices.camera = ["sim:pattern"]', found=(BRIO,))
    assert ("note", "camera Logitech BRIO: plugged in and not named in the settings") in said(told, "BRIO")


def test_without_any_device_the_doctor_says_how_to_try_the_room(tmp_path):
    (camera,) = (finding for finding in findings(tmp_path) if finding.what.startswith("camera"))
    assert (camera.level, camera.what) == (Level.NOTE, "camera: none is plugged in")
    assert 'devices.camera = ["sim:pattern"]' in camera.remedy


def test_udev_that_fails_is_a_lack(tmp_path):
    def broken():
        raise DeviceError("udev cannot list the devices")

    settings = parse(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}/run" }}', where="the test")
    told = tuple(examine(settings, tmp_path, broken))
    assert ("lack", "devices: udev cannot list the devices") in said(told, "udev")


def test_a_mute_light_that_would_go_dark_is_a_lack(tmp_path):
    (wrong,) = said(findings(tmp_path, 'wires.mute_light = ["gpio:17"]'), "gpio:17")
    assert wrong[0] == "lack"
    assert said(findings(tmp_path, 'wires.mute_light = ["gpio:17?active_low=1&pull=down"]'), "wires:") == [
        ("ok", "wires: gpio:17")
    ]
