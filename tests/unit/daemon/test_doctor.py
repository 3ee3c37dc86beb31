"""What the doctor finds on a made-up machine."""

import asyncio
import re
from pathlib import Path

import pytest

from appliance.doctor import diagnose, examine, names_finding
from appliance.findings import Level
from appliance.link.server import LinkServer
from appliance.room import Room
from appliance.seats import WatchSeat
from appliance.settings import parse
from appliance.state.devices import DeviceKind, DeviceTry, DeviceUse
from appliance.state.events import MediaReported
from appliance.state.wishes import MediaReport
from hardware.gpio import chips
from hardware.gpio.chips import Chip
from hardware.ports import DeviceError, Found

BRIO = Found("camera", "usb:046d:085e:1", "Logitech BRIO", "/dev/video0", "pci-1")
C920 = Found("camera", "usb:046d:082d:2", "C920", "/dev/video2", "pci-2")


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
    assert said(told, "camera-") == [
        ("ok", "camera-1: Camera (Logitech BRIO): ready (v4l2:BRIO)"),
        ("note", "camera-2: Camera (v4l2:C920): not there"),
    ]
    assert said(told, "microphone-1") == [("ok", "microphone-1: Microphone: not tried yet (sim:tone, simulated)")]
    (missing,) = (one for one in findings(tmp_path, 'devices.camera = ["v4l2:C920"]', (BRIO,)) if "C920" in one.what)
    assert missing.level is Level.LACK
    assert missing.remedy.splitlines() == [
        "It is not there. Plug the camera in, or check its cable.",
        "Or name another in devices.camera. There is: Logitech BRIO (usb:046d:085e:1).",
    ]


def test_what_is_plugged_in_and_not_named_is_listed(tmp_path):
    told = findings(tmp_path, 'devices.camera = ["sim:pattern"]', found=(BRIO,))
    words = "Camera (Logitech BRIO): not in use; usb:046d:085e:1 is plugged in and not named in the settings"
    assert said(told, "BRIO") == [("note", words)]


def test_without_any_device_the_doctor_says_how_to_try_the_room(tmp_path):
    (camera,) = (finding for finding in findings(tmp_path) if finding.what.startswith("camera-1"))
    assert (camera.level, camera.what) == (Level.NOTE, "camera-1: Camera: none seen yet")
    assert 'devices.camera = ["sim:pattern"]' in camera.remedy


def test_udev_that_fails_is_a_lack(tmp_path):
    def broken():
        raise DeviceError("udev cannot list the devices")

    settings = parse(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}/run" }}', where="the test")
    told = tuple(examine(settings, tmp_path, broken))
    assert ("lack", "devices: udev cannot list the devices") in said(told, "udev")


def test_every_wire_is_told_without_touching_any(tmp_path):
    text = """
    camera.ptz = "visca:192.0.2.7?bogus=1"
    wires.mute_button = "gpio:17"
    wires.mute_light = ["mock:red?pull=up", "mock:green"]
    wires.relays = [{ name = "Lights", pin = "mock:lights" }]
    """
    told = {finding.what.partition(":")[0]: finding for finding in findings(tmp_path, text)}
    assert told["mute-button"].level is Level.LACK
    assert told["mute-button"].what == "mute-button: Mute button (gpio:17): does not work"
    assert "GPIO chips found: none at all" in told["mute-button"].remedy
    assert (told["camera-head"].level, "bogus" in told["camera-head"].remedy) == (Level.NOTE, True)
    assert told["mute-light"].what == "mute-light: Mute light: not tried yet (mock:red mock:green, simulated)"
    assert told["relay-1"].what == "relay-1: Relay (Lights): not tried yet (mock:lights, simulated)"


def test_a_line_that_the_chip_does_not_have_is_a_lack(tmp_path, monkeypatch):
    monkeypatch.setattr(chips, "find_chip", lambda _label, dev: Chip(0, "pinctrl-rp1", 54))
    told = findings(tmp_path, 'wires = { mute_button = "gpio:54", call_light = "gpio:53" }')
    (button,) = (finding for finding in told if finding.what.startswith("mute-button"))
    assert button.remedy == "the GPIO chip pinctrl-rp1 has no line 54: its lines are 0 to 53"
    assert said(told, "call-light") == [("ok", "call-light: Call light: not tried yet (gpio:53)")]


@pytest.mark.parametrize(
    ("devices", "row", "words"),
    [
        ('camera = ["sim:pattern?size=abc"]', "camera-1", "size=abc should look like 1280x720"),
        ('camera = ["v4l2:BRIO?bogus=1"]', "camera-1", "has no option 'bogus'"),
        ('camera = ["file:/nowhere/clip.mp4"]', "camera-1", "there is no clip at /nowhere/clip.mp4: put a video file"),
        (f'camera = ["file:/{"a" * 5000}"]', "camera-1", "File name too long"),
        ('microphone = ["sim:tone?hz=-5"]', "microphone-1", "hz=-5 should be a number from 50 to 8000"),
        ('speaker = ["pipewire:X?buffer=99999"]', "speaker-1", "buffer=99999 should be a number from 20 to 200"),
    ],
)
def test_options_that_no_driver_knows_are_told_as_media_would(tmp_path, devices, row, words):
    (found,) = (one for one in findings(tmp_path, f"devices = {{ {devices} }}", (BRIO,)) if one.what.startswith(row))
    assert found.level is Level.LACK
    assert "does not work" in found.what
    assert words in found.remedy


def test_what_will_be_wrong_with_a_missing_device_is_told_now(tmp_path):
    (found,) = (one for one in findings(tmp_path, 'devices.camera = ["v4l2:C920?bogus=1"]') if "camera-1" in one.what)
    assert "not there" in found.what
    first, second = found.remedy.splitlines()
    assert first.startswith("It is not there.")
    assert "has no option 'bogus'" in second


def test_a_folder_that_may_not_be_looked_into_is_a_lack(tmp_path, monkeypatch):
    exists = Path.exists

    def refused(path):
        if path.name in {"state", "run"}:
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", refused)
    told = [one for one in findings(tmp_path) if one.what.startswith("folder")]
    assert [one.level for one in told] == [Level.LACK] * 2
    assert all("cannot be looked at (Permission denied)" in one.what and one.remedy for one in told)


async def test_with_the_room_running_the_same_fact_has_the_same_words(tmp_path, runtime_dir):
    text = f"""
    paths = {{ state = "{tmp_path}", runtime = "{runtime_dir}" }}
    devices = {{ camera = ["v4l2:BRIO", "v4l2:C920?bogus=1"], microphone = ["sim:tone"], speaker = ["sim:sink"] }}
    wires.relays = [{{ name = "Lights", pin = "mock:lights" }}]
    """
    settings = parse(text, where="the test")
    alone = await asyncio.to_thread(rows, settings, tmp_path)
    room = Room(settings, "r1")
    room.take_devices((C920,))
    bogus = DeviceTry("v4l2:C920?bogus=1", "C920", ok=False, error=remedy_of(alone, "camera-2"))
    room.store.apply(MediaReported(MediaReport(room.boot, devices=(DeviceUse(DeviceKind.CAMERA, tries=(bogus,)),))))
    link = LinkServer(
        settings.runtime_dir / "watch.sock", "watch", boot=room.boot, handler=WatchSeat(room.store, tuple).serve
    )
    serving = asyncio.create_task(link.run())
    async with asyncio.timeout(10):
        while not (settings.runtime_dir / "watch.sock").exists():
            await asyncio.sleep(0.01)
        running = await asyncio.to_thread(rows, settings, tmp_path)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert [finding.level for finding in alone] == [finding.level for finding in running]
    assert [one.what for one in alone] == [re.sub(r" since [0-9-]+ [0-9:]+", "", one.what) for one in running]
    assert [one.remedy for one in alone] == [one.remedy for one in running]
    assert any(" since 20" in one.what for one in running)


def rows(settings, root):
    told = examine(settings, root, lambda: (C920,))
    return [one for one in told if re.match(r"(camera|microphone|speaker|relay)-[0-9]:", one.what)]


def remedy_of(told, row):
    return next(one.remedy for one in told if one.what.startswith(row))


def test_a_mute_light_that_would_go_dark_is_a_lack(tmp_path):
    config = tmp_path / "room.toml"
    config.write_text('wires.mute_light = ["gpio:17"]')
    (wrong,) = (finding for finding in diagnose(config, tmp_path) if "gpio:17" in finding.what)
    assert wrong.level is Level.LACK
    assert "would be dark" in wrong.what


@pytest.mark.parametrize(
    ("status", "settings", "level", "words", "remedy"),
    [
        ("connected", "", "ok", "tv: TV: ready (HDMI-A-1)", ""),
        ("disconnected", "", "lack", "tv: TV (HDMI-A-1): not there", "display lost: nothing answers at HDMI-A-1"),
        ("disconnected", 'display.screen = "null:"', "ok", "tv: TV: not there (HDMI-A-1)", ""),
        (
            "disconnected",
            'tv.connector = "HDMI-A-2"',
            "lack",
            "tv: TV: not there",
            "display lost: nothing answers at HD",
        ),
        (
            "melted",
            "",
            "lack",
            "tv: TV (HDMI-A-1): not there",
            "nobody can tell whether a TV is plugged in at HDMI-A-1",
        ),
    ],
)
def test_the_tv_is_told_as_the_room_sees_it_without_asking_it(tmp_path, status, settings, level, words, remedy):
    socket = tmp_path / "sys/class/drm/card0-HDMI-A-1"
    socket.mkdir(parents=True)
    for name, text in {"status": status, "edid": "", "enabled": "", "modes": ""}.items():
        (socket / name).write_text(text)
    (tv,) = (finding for finding in findings(tmp_path, settings) if finding.what.startswith("tv:"))
    assert (tv.level, tv.what) == (level, words)
    assert tv.remedy.startswith(remedy)
    assert bool(tv.remedy) is bool(remedy)
