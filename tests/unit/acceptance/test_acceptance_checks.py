"""Each check fails where its device is not there, and where it is there and wrong. None of it is ever passed."""

from dataclasses import replace

import pytest
from acceptance.check import Failed, Skipped
from acceptance.checks import CHECKS
from acceptance.room import Devices, Spans, with_options
from acceptance_bench import Absent, Bench, Script
from acceptance_sounds import EchoRoom, TappedArray, VoiceArray

from hardware.gpio.mock import drive
from hardware.ports import DeviceError

BY_NAME = {check.name: check for check in CHECKS}
HASTY = Spans(stream=0.3, still=0.05, listen=0.5, echo=3.0, patience=0.6, tv=1.5, call=0.5)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, HASTY)


def no_pins(bench):
    """A machine without such a chip."""
    wires = ("mute_button", "mute_line", "motion", "relay", "green")
    chip = "gpio:{}@no-such-chip"
    light = f"{chip.format(9)}?active_low=1&pull=down"
    bench.having(red=light, **{name: chip.format(line) for line, name in enumerate(wires)})


ABSENT = {
    "board": lambda bench: bench.put("proc/device-tree/model", ""),
    "usb-camera": lambda bench: bench.left.unlink(),
    "usb-camera-picture": lambda bench: bench.left.unlink(),
    "camera-unplugged": lambda bench: bench.left.unlink(),
    "two-cameras": lambda bench: bench.right.unlink(),
    "pi-camera": lambda bench: bench.having(pi_camera=f"sim:pattern?plug={bench.folder}/nowhere"),
    "hdmi-stick": lambda bench: setattr(bench, "stick", Absent()),
    "microphone-channels": lambda bench: setattr(bench, "taps", Absent()),
    "voice-direction": lambda bench: setattr(bench, "voice", lambda _: Absent()),
    "sound-check": lambda bench: setattr(bench.echo, "speaker", Absent()),
    "echo-reduction": lambda bench: setattr(bench.echo, "hears", lambda _: Absent()),
    "mute-button": no_pins,
    "mute-line": no_pins,
    "mute-light-colours": no_pins,
    "mute-light-killed": no_pins,
    "motion": no_pins,
    "relay": no_pins,
    "tv-cec": lambda bench: (bench.root / "dev/cec0").unlink(),
    "tv-replugged": lambda bench: bench.put("sys/class/drm/card1-HDMI-A-1/status", "disconnected"),
    "touch-panel": lambda bench: setattr(bench, "panel", Absent()),
    "demo-call": lambda bench: bench.demo.unlink(),
    "boot-time": lambda bench: bench.said.clear(),
    "power-cut": lambda bench: bench.said.clear(),
}


def done(name, bench, person=None):
    person, room = person or Script(bench), bench.room()
    person.ready(BY_NAME[name].do)
    return BY_NAME[name].measure(room, person)


def refusal(name, bench, person=None):
    with pytest.raises(Failed) as failed:
        done(name, bench, person)
    return str(failed.value)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_check_does_not_pass_without_its_device(name, bench):
    ABSENT[name](bench)
    not_installed = name in {"boot-time", "power-cut"}
    with pytest.raises(Skipped if not_installed else (Failed, DeviceError)) as told:
        done(name, bench)
    assert str(told.value)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_check_says_what_it_stands_on(name):
    room_devices = set(Devices.__dataclass_fields__)
    assert BY_NAME[name].uses
    assert set(BY_NAME[name].uses) <= {"machine", *room_devices}


def test_only_what_stands_on_nothing_simulated_counts_as_real(bench):
    room = bench.room()
    assert all(room.is_simulated(use) for check in CHECKS for use in check.uses)
    real = type(room)(bench.folder)
    assert not any(real.is_simulated(use) for check in CHECKS for use in check.uses)


class Blind(Script):
    """Sees nothing of what it is asked for."""

    def yes(self, question):
        return False


@pytest.mark.parametrize(
    "name", ["usb-camera-picture", "pi-camera", "sound-check", "mute-light-colours", "relay", "tv-cec", "tv-replugged"]
)
def test_what_a_person_does_not_see_or_hear_fails(name, bench):
    assert refusal(name, bench, Blind(bench))


def test_a_camera_of_another_size_is_refused(bench):
    bench.having(camera="sim:pattern?size=640x360")
    assert "not 1280x720" in refusal("usb-camera", bench)


def test_a_slow_camera_is_refused(bench):
    bench.having(camera="sim:pattern?fps=15")
    assert "too few pictures" in refusal("usb-camera", bench)


def test_a_picture_is_kept_for_the_person_to_look_at(bench):
    done("usb-camera-picture", bench)
    assert (bench.folder / "out" / "usb-camera.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


class Idle(Script):
    """Stands there and does nothing."""

    def _do(self, text):
        pass


@pytest.mark.parametrize(
    "name", ["camera-unplugged", "hdmi-stick", "mute-line", "motion", "tv-replugged", "touch-panel"]
)
def test_what_nobody_does_is_not_seen(name, bench):
    assert refusal(name, bench, Idle(bench))


def test_a_stick_that_always_has_a_signal_is_found(bench):
    bench.stick.signal = True
    bench.spans = replace(HASTY, still=1.0)
    assert "no signal without a computer" in refusal("hdmi-stick", bench)


def test_a_stick_whose_signal_comes_and_goes_is_found(bench):
    bench.stick.loose = True
    bench.spans = replace(HASTY, patience=12.0, still=3.0)
    words = refusal("hdmi-stick", bench)
    assert "stay so" in words or "more often" in words


@pytest.mark.parametrize("presses", [19, 21])
def test_one_press_too_few_or_too_many_is_told(presses, bench):
    person = Script(bench)
    person.presses = presses
    assert f"{presses} presses were counted, not 20" in refusal("mute-button", bench, person)


def test_a_button_wired_the_other_way_round_is_told(bench):
    bench.having(mute_button=bench.devices.mute_button.replace("active_low=1", "active_low=0"))
    assert "active_low=" in refusal("mute-button", bench)


def test_a_dead_microphone_is_found(bench):
    bench.taps = TappedArray(dead={2})
    assert "no tap was loudest in 2" in refusal("microphone-channels", bench)


def test_an_array_that_lies_turned_is_found(bench):
    bench.spans = replace(HASTY, listen=3.0)
    bench.voice = lambda degrees: VoiceArray((degrees + 90) % 360)
    assert "turn it" in refusal("voice-direction", bench)


def test_a_loudspeaker_that_nobody_hears_is_found(bench):
    bench.echo = EchoRoom(loss=0.0)
    assert "No microphone heard the loudspeaker" in refusal("sound-check", bench)
    assert "hardly hears" in refusal("echo-reduction", bench)


def test_an_echo_that_is_not_taken_out_is_found(bench, monkeypatch):
    monkeypatch.setattr("acceptance.checks.sound._LEAST_DB", 200.0)
    assert "too much of the echo" in refusal("echo-reduction", bench)


def test_a_light_that_a_killed_program_leaves_green_fails_with_the_kernel_s_setting_as_hint(bench):
    bench.put("sys/module/pinctrl_rp1/parameters/persist_gpio_outputs", "Y\n")
    keeps = {name: f"{bench.devices.named(name)}&released=keep" for name in ("red", "green")}
    bench.having(**keeps)
    with pytest.raises(Failed, match="dtparam=strict_gpiod") as failed:
        done("mute-light-killed", bench)
    assert failed.value.figures == {"red_by_itself": False, "outputs_persist": "Y", "red_with_help": True}


def test_a_light_that_would_be_dark_without_a_program_is_refused(bench):
    bench.having(red=bench.devices.red.replace("&pull=down", ""))
    with pytest.raises(DeviceError, match="Solder 10 kOhm"):
        done("mute-light-colours", bench)


def test_a_fan_before_the_motion_sensor_is_found(bench):
    class Fan(Script):
        def tell(self, text):
            if "Keep still, and" in text:
                drive(self.bench.devices.motion, active=True)

    bench.spans = replace(HASTY, still=0.3)
    assert "movement where there was none" in refusal("motion", bench, Fan(bench))


def test_a_tv_that_hears_and_stays_as_it_is_fails(bench):
    program = bench.folder / "cec-ctl"
    program.write_text(program.read_text().replace("printf off", "printf on"))
    assert "no method brought the TV off" in refusal("tv-cec", bench)


def test_a_panel_that_is_turned_is_found(bench):
    class Turned(Script):
        def touch(self, corner):
            self.bench.panel.touches.append((float("left" in corner), float("top" in corner)))

    assert "turned or mirrored" in refusal("touch-panel", bench, Turned(bench))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda bench: bench.put("sys/class/thermal/thermal_zone0/temp", "84500"), "too hot"),
        (lambda bench: bench.said.update({"vcgencmd get_throttled": "throttled=0x50005\n"}), "power supply"),
        (lambda bench: (bench.root / "sys/class/thermal/thermal_zone0/temp").unlink(), "no temperature sensor"),
        (lambda bench: bench.demo.write_text(bench.demo.read_text().replace("True", "False")), "joined_by_itself"),
        (lambda bench: bench.demo.write_text("raise SystemExit(1)"), "its end"),
    ],
)
def test_a_call_that_the_board_does_not_bear_fails(bench, broken, words):
    broken(bench)
    assert words in refusal("demo-call", bench)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("21500000", "75000000", "not within a minute"),
        ("ActiveState=active", "ActiveState=failed", "is failed"),
        ("in the call", "the call is over", "did not join"),
        ("33.250000", "98.250000", "too late"),
    ],
)
def test_a_boot_that_takes_too_long_or_leads_nowhere_fails(bench, before, after, words):
    bench.said = {command: said.replace(before, after) for command, said in bench.said.items()}
    assert words in refusal("boot-time", bench)


def test_a_power_cut_that_was_none_is_told(bench):
    assert "still the same boot" in refusal("power-cut", bench, Idle(bench))


def test_a_real_camera_is_asked_for_a_mode_and_keeps_what_the_person_asked_for():
    assert with_options("v4l2:", fps="30", format="mjpeg") == "v4l2:?fps=30&format=mjpeg"
    assert with_options("v4l2:BRIO?fps=25", fps="30", format="mjpeg") == "v4l2:BRIO?fps=25&format=mjpeg"
    assert with_options("sim:pattern", fps="30") == "sim:pattern"
