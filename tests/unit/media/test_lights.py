"""The lights tell what is captured: by the rules, and by a real program that is killed, hangs, and is pressed."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from appliance.media.gate import MuteGate
from appliance.media.lights import FRESH_S, Capture, call_light, mute_light
from appliance.media.wires import Wires, show_red
from hardware.gpio.lights import Colour
from hardware.gpio.mock import MockOutput, drive, look, press
from hardware.gpio.wiring import parse
from hardware.ports import BadUri

NOW = 1000.0
OPEN = Capture(mic_muted=False, sound_s=NOW - 0.02, in_call=True)
TIMES = st.none() | st.floats(NOW - 10, NOW)
PROGRAM = Path(__file__).with_name("room_in_hand.py")


def test_the_light_is_green_only_while_sound_leaves_an_open_gate():
    assert mute_light(OPEN, NOW, shut_s=NOW) is Colour.GREEN
    for closed in (
        replace(OPEN, mic_muted=True),
        replace(OPEN, sound_s=None),
        replace(OPEN, sound_s=NOW - FRESH_S),
        Capture(),
    ):
        assert mute_light(closed, NOW, shut_s=NOW) is Colour.RED


def test_what_was_under_way_when_the_gate_shut_keeps_no_light_green():
    assert mute_light(replace(OPEN, mic_muted=True), NOW, shut_s=NOW - 0.05) is Colour.RED


def test_a_gate_that_leaks_is_shown_open():
    assert mute_light(replace(OPEN, mic_muted=True), NOW, shut_s=NOW - 0.5) is Colour.GREEN


@given(st.builds(Capture, st.booleans(), TIMES, TIMES, st.booleans()), st.floats(NOW - 10, NOW))
def test_a_room_whose_packets_stopped_is_red_whatever_its_gate_says(capture, shut_s):
    assert mute_light(capture, NOW, shut_s=shut_s) in {Colour.RED, Colour.GREEN}
    assert mute_light(capture, NOW + FRESH_S + 0.01, shut_s=shut_s) is Colour.RED
    if capture.sound_s is None:
        assert mute_light(capture, NOW, shut_s=shut_s) is Colour.RED


@given(st.builds(Capture, st.booleans(), TIMES, TIMES, st.booleans()))
def test_the_call_light_is_lit_in_a_call_and_while_pictures_leave(capture):
    fresh = capture.camera_s is not None and NOW - capture.camera_s < FRESH_S
    assert call_light(capture, NOW) is (capture.in_call or fresh)


@pytest.mark.parametrize(
    ("wires", "words"),
    [
        (Wires(mute_button="gpio:17", mute_line="gpio:17?active_low=1"), "named twice"),
        (Wires(mute_light=("gpio:22",)), "would be dark"),
        (Wires(mute_light=("gpio:22?pull=up", "gpio:23", "gpio:24", "gpio:25")), "one, two or three"),
        (Wires(call_light="gpio:x"), "line's number"),
    ],
)
def test_wires_that_make_no_sense_are_refused_in_words(wires, words):
    with pytest.raises(BadUri, match=words):
        wires.check()
    Wires().check()
    Wires("gpio:17?active_low=1", "gpio:27", ("gpio:22?pull=up", "gpio:23"), "gpio:24@other").check()


@pytest.fixture(params=["float"])
def wires(request, tmp_path) -> Wires:
    """A room's wires; "float": on a kernel that lets outputs go with their owner, "keep": on one that keeps them."""
    at, released = f"dir={tmp_path}/pins", f"&released={request.param}"
    return Wires(
        f"mock:button?active_low=1&{at}",
        f"mock:line?active_low=1&{at}",
        (f"mock:red?active_low=1&pull=down&{at}{released}", f"mock:green?{at}{released}"),
        f"mock:call?{at}{released}",
    )


@contextmanager
def room(wires: Wires, folder: Path, *, opened: bool = True):
    gate = folder / "gate.json"
    if opened:
        MuteGate(gate).set(mic_muted=False, camera_off=True)
    named = {"mute_button": wires.mute_button, "mute_line": wires.mute_line, "call_light": wires.call_light}
    command = [sys.executable, str(PROGRAM), json.dumps({**named, "mute_light": wires.mute_light}), str(gate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def shows(wires: Wires) -> tuple[bool, bool, bool]:
    """Say whether red, green and call light are lit, as somebody in the room sees them."""
    red, green = wires.mute_light
    return look(red).active, look(green).active, look(wires.call_light).active


def soon(wires: Wires, expected, *, within_s: float) -> float:
    began = time.monotonic()
    while shows(wires) != expected:
        assert time.monotonic() - began < within_s, f"it shows {shows(wires)} instead of {expected}"
        time.sleep(0.005)
    return time.monotonic() - began


GREEN, RED, DEAD = (False, True, True), (True, False, True), (True, False, False)


def test_the_button_mutes_and_unmutes_without_any_daemon(wires, tmp_path):
    with room(wires, tmp_path):
        soon(wires, GREEN, within_s=15)
        press(wires.mute_button, 0.1)
        soon(wires, RED, within_s=1)
        time.sleep(0.5)
        assert MuteGate(tmp_path / "gate.json").mic_muted
        press(wires.mute_button, 0.1)
        soon(wires, GREEN, within_s=1)


def test_a_hanging_button_mutes_and_never_opens(wires, tmp_path):
    with room(wires, tmp_path):
        soon(wires, GREEN, within_s=15)
        drive(wires.mute_button, active=True)
        soon(wires, RED, within_s=1)
        time.sleep(2.2)
        drive(wires.mute_button, active=False)
        time.sleep(0.3)
        assert shows(wires) == RED


def test_the_mute_line_wins_over_the_button_and_its_release_opens_nothing(wires, tmp_path):
    with room(wires, tmp_path):
        soon(wires, GREEN, within_s=15)
        drive(wires.mute_line, active=True)
        soon(wires, RED, within_s=1)
        press(wires.mute_button, 0.1)
        time.sleep(0.4)
        assert shows(wires) == RED
        drive(wires.mute_line, active=False)
        time.sleep(0.6)
        assert shows(wires) == RED
        press(wires.mute_button, 0.1)
        soon(wires, GREEN, within_s=1)


def test_a_mute_line_that_breaks_mutes(wires, tmp_path):
    with room(wires, tmp_path):
        soon(wires, GREEN, within_s=15)
        (tmp_path / "pins" / "line").unlink()
        soon(wires, RED, within_s=1)


def test_a_room_that_starts_with_the_mute_line_asserted_stays_muted(wires, tmp_path):
    drive(wires.mute_line, active=True)
    with room(wires, tmp_path):
        soon(wires, RED, within_s=15)
        press(wires.mute_button, 0.1)
        time.sleep(0.5)
        assert shows(wires) == RED


def test_a_program_that_hangs_goes_red_within_its_second(wires, tmp_path):
    with room(wires, tmp_path) as process:
        soon(wires, GREEN, within_s=15)
        process.send_signal(signal.SIGUSR1)
        soon(wires, RED, within_s=FRESH_S + 0.5)


def test_a_hanging_program_is_muted_by_its_button_all_the_same(wires, tmp_path):
    with room(wires, tmp_path) as process:
        soon(wires, GREEN, within_s=15)
        process.send_signal(signal.SIGUSR1)
        press(wires.mute_button, 0.1)
        soon(wires, RED, within_s=0.5)


def test_a_killed_program_leaves_the_light_red_by_its_wiring(wires, tmp_path):
    with room(wires, tmp_path) as process:
        soon(wires, GREEN, within_s=15)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert soon(wires, DEAD, within_s=1) < 0.1


@pytest.mark.parametrize("wires", ["keep"], indirect=True)
def test_on_a_kernel_that_keeps_outputs_a_supervisor_makes_the_light_red(wires, tmp_path):
    with room(wires, tmp_path) as process:
        soon(wires, GREEN, within_s=15)
        process.send_signal(signal.SIGKILL)
        # systemd runs it when the main process is gone
        process.wait()
        assert shows(wires) == GREEN
        assert show_red(wires) == []
        assert shows(wires) == DEAD


@pytest.mark.parametrize("wires", ["float", "keep"], indirect=True)
def test_show_red_waits_for_a_line_that_is_being_let_go_and_says_when_it_is_not(wires, tmp_path):
    red = wires.mute_light[0]
    with MockOutput(parse(red)):
        began = time.monotonic()
        told = show_red(wires)
        assert 0.9 < time.monotonic() - began < 3
        assert ["in use" in problem for problem in told] == [True]
    assert show_red(wires) == []
    assert show_red(Wires()) == []
    assert "would be dark" in show_red(Wires(mute_light=("mock:red",)))[0]


def test_a_wire_that_cannot_be_opened_is_told_stops_nothing_and_is_tried_again(wires, tmp_path):
    red = MockOutput(parse(wires.mute_light[0]))
    with red, room(wires, tmp_path) as process:
        told = [json.loads(process.stdout.readline()) for _ in range(4)]
        assert ["mute light", False] in [use[:2] for use in told]
        assert {use[0] for use in told if use[1]} == {"mute button", "mute line", "call light"}
        assert "in use" in next(use[2] for use in told if not use[1])
        # the button works without its light, once the mute line was read
        time.sleep(0.5)
        press(wires.mute_button, 0.1)
        time.sleep(0.2)
        assert MuteGate(tmp_path / "gate.json").mic_muted
        red.__exit__()
        assert json.loads(process.stdout.readline()) == ["mute light", True, ""]
        soon(wires, RED, within_s=1)
