"""Simulated wires between processes, one of which is killed."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from gpio_bench import wait_until

from hardware.gpio import mock
from hardware.gpio.buttons import Button
from hardware.gpio.mock import MockInput, MockOutput, Seen, look, press
from hardware.gpio.press import Press, Tap
from hardware.gpio.wiring import parse
from hardware.ports import BadUri, DeviceError, DeviceMissing

OWNER = """
import sys, time
from hardware.gpio.pins import output_line
with output_line(sys.argv[1]) as line:
    line.write(sys.argv[2] == "1")
    print("driven", flush=True)
    time.sleep(60)
"""


@contextmanager
def owner(uri: str, *, active: bool):
    """A program that drives a wire until it is killed."""
    command = [sys.executable, "-c", OWNER, uri, "01"[active]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "driven\n"
            yield process
        finally:
            process.kill()


def killed(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_another_process_sees_what_is_driven(tmp_path):
    uri = f"mock:red?dir={tmp_path}"
    assert look(uri) == Seen(owned=False, active=False)
    with owner(uri, active=True):
        assert look(uri) == Seen(owned=True, active=True)


@pytest.mark.parametrize("options", ["active_low=1&pull=down", "pull=up"])
def test_a_light_wired_to_fail_lit_is_lit_at_once_when_its_owner_is_killed(tmp_path, options):
    uri = f"mock:red?{options}&dir={tmp_path}"
    with owner(uri, active=False) as process:
        assert look(uri) == Seen(owned=True, active=False)
        killed(process)
        assert look(uri) == Seen(owned=False, active=True)


def test_a_light_without_a_resistor_is_dark_when_its_owner_is_killed(tmp_path):
    uri = f"mock:green?dir={tmp_path}"
    with owner(uri, active=True) as process:
        killed(process)
        assert look(uri) == Seen(owned=False, active=False)


def test_on_a_kernel_that_keeps_outputs_a_killed_owners_light_stays_as_it_was(tmp_path):
    uri = f"mock:red?active_low=1&pull=down&released=keep&dir={tmp_path}"
    with owner(uri, active=False) as process:
        killed(process)
        assert look(uri) == Seen(owned=False, active=False)
    # whoever claims it next can make it red and leave it so
    with MockOutput(parse(uri), initial=True, leave=True):
        pass
    assert look(uri) == Seen(owned=False, active=True)


def test_a_killed_owner_leaves_the_line_free(tmp_path):
    uri = f"mock:red?dir={tmp_path}"
    with owner(uri, active=True) as process:
        with pytest.raises(DeviceError, match="in use"), MockOutput(parse(uri)):
            raise AssertionError
        killed(process)
        with MockOutput(parse(uri)) as line:
            assert not line.read()


def test_looking_disturbs_nobody_who_claims(tmp_path):
    uri = f"mock:red?dir={tmp_path}"
    stop, looked = threading.Event(), []

    def stare():
        while not stop.is_set():
            looked.append(look(uri))

    starer = threading.Thread(target=stare)
    starer.start()
    for _ in range(200):
        with MockOutput(parse(uri)) as line:
            line.write(True)
    stop.set()
    starer.join()
    assert looked


def test_a_press_from_another_process_reaches_the_button_soon(tmp_path):
    uri = f"mock:mute?active_low=1&dir={tmp_path}"
    woken = threading.Event()
    done, delays = [], []
    with Button(MockInput(parse(uri)), wake=woken.set) as button:
        for _ in range(5):
            time.sleep(0.31)  # faster ones count once
            woken.clear()
            script = f"from hardware.gpio.mock import press; press({uri!r}, 0.08)"
            with subprocess.Popen([sys.executable, "-c", script]):
                assert woken.wait(10)
                delays.append(time.time() - (tmp_path / "mute").stat().st_mtime)
            assert wait_until(lambda: done.extend(button.look()) or (done and isinstance(done[-1], Tap)))
    assert [type(what) for what in done] == [Press, Tap] * 5
    assert all(0.04 < what.held_s < 1 for what in done if isinstance(what, Tap))
    # looked at each 10 ms; the rest is for file times, which have the kernel's tick, and for a busy machine
    assert sorted(delays)[2] < 0.05


def test_a_press_that_came_and_went_while_the_reader_had_no_time_is_told_with_its_times(tmp_path, monkeypatch):
    uri, seen = f"mock:mute?active_low=1&dir={tmp_path}", []
    monkeypatch.setattr(mock, "POLL_S", 0.3)
    with MockInput(parse(uri)) as line:
        line.watch(lambda *edge: seen.append(edge))
        began = time.monotonic()
        for _ in range(2):
            press(uri, 0.05)
        assert wait_until(lambda: len(seen) == 4)
    assert [active for _, active in seen] == [True, False, True, False]
    assert all(began <= down <= up - 0.05 for (down, _), (up, _) in (seen[:2], seen[2:]))


def test_a_press_before_anybody_listens_is_a_press_all_the_same(tmp_path):
    uri = f"mock:mute?dir={tmp_path}/new/folder"
    press(uri, 0)
    with MockInput(parse(uri)) as line:
        assert not line.read()


@pytest.mark.parametrize("content", [b"", b"\n", b"x", b"\0", b"yes\n", b"A" * 10_000_000])
def test_garbage_in_a_file_changes_nothing(tmp_path, content):
    uri = f"mock:mute?active_low=1&dir={tmp_path}"
    with MockInput(parse(uri)) as line:
        mock.drive(uri, active=True)
        assert line.read()
        (tmp_path / "mute").write_bytes(content)
        assert line.read()
        (tmp_path / "mute").write_bytes(b"1\n")
        assert not line.read()


def test_a_file_that_is_removed_is_a_wire_that_is_gone(tmp_path):
    uri = f"mock:mute?dir={tmp_path}"
    with MockInput(parse(uri)) as line:
        (tmp_path / "mute").unlink()
        with pytest.raises(DeviceMissing, match="removed"):
            line.read()


def test_a_place_that_cannot_be_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for uri in (f"mock:mute?dir={tmp_path}/file", f"mock:link?dir={tmp_path}", f"mock:x?dir={tmp_path}/file/deeper"):
        with pytest.raises(DeviceMissing, match="cannot be opened"), MockInput(parse(uri)):
            raise AssertionError
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(DeviceMissing, match=r"in mock:mute\?pull=up&dir=/"), MockInput(parse("mock:mute?pull=up")):
        raise AssertionError


def test_the_usual_place_is_the_users_runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with MockOutput(parse("mock:red")) as line:
        line.write(True)
        assert (tmp_path / "salon" / "pins" / "red").read_bytes() == b"1"
        assert look("mock:red").active


def test_only_simulated_wires_are_pressed():
    with pytest.raises(BadUri, match="no simulated pin"):
        press("gpio:17")
