"""The page says what the results file shows and no more; the program asks, skips, stops and keeps as it should."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from acceptance.__main__ import PAGE, RESULTS, ROOT, written_page
from acceptance.check import Skipped, State, Stopped
from acceptance.checks import CHECKS
from acceptance.machine import Machine, run_program
from acceptance.person import Terminal
from acceptance.results import Result, Run, load
from acceptance.touch import Finger, axes, find

from hardware.ports import DeviceMissing

BOARD = {"board": "Raspberry Pi 5", "os": "Debian 13", "kernel": "6.12", "bootloader": "2025/05/08"}
AT = "2026-01-01T10:00:00+00:00"
EVENT, TRACKING = struct.Struct("llHHi"), 0x39


def run_with(*results):
    return Run(AT, "Ada", "abc1234", BOARD, results)


def test_the_page_is_what_the_results_file_makes_it():
    assert PAGE.read_text() == written_page(load(RESULTS)), "make pi-acceptance writes it; it is not edited by hand"


def test_without_results_nothing_is_claimed():
    page = written_page(())
    assert "Nothing was run yet: nothing is claimed for real hardware." in page
    assert "passed |" not in page


def test_every_check_and_when_it_passes_is_on_the_page():
    page = written_page(())
    assert all(f"`{check.name}`: {check.title}" in page and check.passes in page for check in CHECKS)
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_run_shows_each_check_as_passed_failed_skipped_or_not_done():
    page = written_page(
        (
            run_with(
                Result("board", State.PASSED, AT, {"board": "Pi | 5"}),
                Result("usb-camera", State.FAILED, AT, {"fps": 14.9}, "too few pictures a second"),
                Result("pi-camera", State.SKIPPED, AT, {}, "skipped by the person"),
            ),
        )
    )
    assert "nothing is claimed" not in page
    assert "By Ada, commit abc1234. Raspberry Pi 5, Debian 13, kernel 6.12, bootloader 2025/05/08." in page
    assert "| `board` | passed | board Pi \\| 5 |" in page
    assert "| `usb-camera` | failed | too few pictures a second. fps 14.9 |" in page
    assert "| `pi-camera` | skipped | skipped by the person |" in page
    assert page.count("| not done | |") == len(CHECKS) - 3


def test_a_simulated_result_is_never_shown_as_one_of_hardware():
    page = written_page((run_with(Result("relay", State.PASSED, AT, {}, "", simulated=True)),))
    assert "| `relay` | passed (simulated) |" in page
    assert "nothing about hardware" in page


def test_the_newest_run_comes_first_and_a_check_that_is_no_more_stays():
    page = written_page((run_with(Result("gone", State.PASSED, AT)), Run("2026-02-02", "Bo", "def", BOARD)))
    assert page.index("### 2026-02-02") < page.index("### 2026-01-01") < page.index("| `gone` | passed |")


@pytest.fixture
def types(monkeypatch):
    """Let somebody type these lines, and then leave."""

    def typing(*lines):
        left = list(lines)

        def answer(_):
            if not left:
                raise EOFError
            return left.pop(0)

        monkeypatch.setattr("builtins.input", answer)
        return Terminal()

    return typing


def test_a_person_answers_with_one_key_and_a_wrong_one_is_asked_again(types):
    assert types("y").yes("?") is True
    assert types("maybe", "N").yes("?") is False
    assert types("").ready("?") is None
    assert types("r").again("?") is True
    assert types("").again("?") is False


@pytest.mark.parametrize("ask", ["ready", "yes", "again"])
def test_every_question_can_be_skipped_and_stopped(types, ask):
    for key, raised in (("s", Skipped), ("q", Stopped)):
        with pytest.raises(raised):
            getattr(types(key), ask)("?")
    with pytest.raises(Stopped):
        getattr(types(), ask)("?")


def program(tmp_path, typed, *words):
    path = os.pathsep.join((str(ROOT / "tests"), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-m", "acceptance", "--out", tmp_path / "out", "--results", tmp_path / "r.json", *words],
        input=typed,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_program_writes_results_and_goes_on_with_them(tmp_path):
    stopped = program(tmp_path, "s\n", "--only", "relay", "motion", "--who", "Ada")
    assert stopped.returncode == 1
    assert "ARGS=--resume" in stopped.stdout
    done = program(tmp_path, "s\n", "--only", "relay", "motion", "--resume")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads((tmp_path / "r.json").read_text())
    assert [(result["name"], result["state"]) for result in run["results"]] == [
        ("motion", "skipped"),
        ("relay", "skipped"),
    ]
    assert run["who"] == "Ada"
    assert not load(RESULTS)


def test_the_program_names_a_device_and_refuses_what_is_none(tmp_path):
    pin = f"relay=mock:relay?dir={tmp_path / 'pins'}"
    done = program(tmp_path, "\ny\nn\n\n", "--only", "relay", "--device", pin)
    assert "the lamp was not off" in done.stdout
    (run,) = load(tmp_path / "r.json")
    assert (run.of("relay").state, run.of("relay").simulated) == (State.FAILED, True)
    assert "write NAME=URI" in program(tmp_path, "", "--device", "toaster=gpio:1").stderr


def test_a_pc_says_what_it_is_without_a_device_tree(tmp_path):
    for name, text in {"sys_vendor": "Intel", "product_name": "NUC", "bios_version": "A1", "bios_date": "2024"}.items():
        file = tmp_path / "sys/class/dmi/id" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name and text}\n")
    board = Machine(tmp_path).board()
    assert (board["board"], board["bootloader"], board["os"]) == ("Intel NUC", "A1 2024", "")
    assert Machine(tmp_path).hottest_c() is None
    assert Machine(tmp_path).busy_s() == (0.0, 0.0)


def test_a_program_that_is_not_there_or_hangs_says_nothing():
    assert run_program("no-such-program").status == 127
    assert run_program("sleep", "5", timeout_s=0.05).status == 124
    assert run_program("echo", "hello").text == "hello\n"


def input_device(root: Path, number: int, name: str, *, properties: str, axes: str):
    folder = root / f"sys/class/input/event{number}/device"
    (folder / "capabilities").mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "properties").write_text(f"{properties}\n")
    (folder / "capabilities/abs").write_text(f"{axes}\n")


def test_a_touch_screen_is_told_from_a_touch_pad_and_a_keyboard(tmp_path):
    with pytest.raises(DeviceMissing, match="no touch screen"):
        find(tmp_path)
    input_device(tmp_path, 0, "Keyboard", properties="0", axes="0")
    input_device(tmp_path, 1, "Touch pad", properties="1", axes="660800011000003")
    input_device(tmp_path, 2, "Goodix Capacitive TouchScreen", properties="2", axes="265800000000003")
    assert find(tmp_path) == (tmp_path / "dev/input/event2", "Goodix Capacitive TouchScreen")


def told(finger, *events):
    """Return what a finger makes of the kernel's events."""
    data = b"".join(EVENT.pack(1, 2, *event) for event in events)
    return [at for event in axes(data + data[:7]) if (at := finger.take(*event))]


def test_a_touch_is_told_when_it_is_over_also_where_the_kernel_repeats_no_axis():
    finger = Finger((0, 800), (0, 400))
    down, up, key, end = (3, TRACKING, 7), (3, TRACKING, -1), (1, 330, 1), (0, 0, 0)
    assert told(finger, down, (3, 0x35, 0), (3, 0x36, 100), key, end) == []
    assert told(finger, (3, 0x36, 40), end, up, end) == [(0.0, 0.1)]
    assert told(finger, up, down, (3, 0x35, 800), end, up, end) == [(1.0, 0.1)]
