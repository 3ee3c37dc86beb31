import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.gpio import chips
from hardware.gpio.chips import Chip, choose, find_chip, parse_chip_info, peek
from hardware.gpio.pins import input_line
from hardware.ports import DeviceError, DeviceMissing


def info(name: bytes, label: bytes, lines: int) -> bytes:
    return struct.pack("=32s32sI", name, label, lines)


def test_the_kernels_answer_is_read():
    assert parse_chip_info(info(b"gpiochip0", b"pinctrl-rp1", 54), 0) == Chip(0, "pinctrl-rp1", 54)
    assert parse_chip_info(info(b"x" * 32, b"\xff" * 32, 0), 3).label


def test_the_header_is_found_by_its_label_wherever_the_kernel_counts_it():
    pi5_before = [Chip(0, "gpio-brcmstb@107d508500", 32), Chip(4, "pinctrl-rp1", 54)]
    pi5_now = [Chip(0, "pinctrl-rp1", 54), Chip(10, "gpio-brcmstb@107d508500", 32)]
    pi4 = [Chip(0, "pinctrl-bcm2711", 58), Chip(1, "raspberrypi-exp-gpio", 8)]
    pi3 = [Chip(0, "pinctrl-bcm2835", 54)]
    assert [choose("", found).number for found in (pi5_before, pi5_now, pi4, pi3)] == [4, 0, 0, 0]
    assert choose("raspberrypi-exp-gpio", pi4).number == 1
    assert choose("", [Chip(0, "INT34C5:00", 400)]) is None
    assert choose("", []) is None


def test_a_machine_without_pins_is_told_what_it_has(tmp_path):
    with pytest.raises(DeviceMissing, match="none at all"):
        find_chip("", dev=tmp_path)
    # what is no gpiochip: a file, a directory, an old name for another
    (tmp_path / "gpiochip0").write_bytes(b"")
    (tmp_path / "gpiochip1").mkdir()
    (tmp_path / "gpiochipx").write_bytes(b"")
    (tmp_path / "gpiochip4").symlink_to(tmp_path / "gpiochip0")
    with pytest.raises(DeviceError, match=r"gpiochip0 and \S+gpiochip1 may not be opened") as told:
        find_chip("cp2112_gpio", dev=tmp_path)
    assert "gpiochip4" not in str(told.value)
    assert "group gpio" in str(told.value)


def test_a_line_that_cannot_be_asked_is_not_known(tmp_path):
    (tmp_path / "gpiochip0").write_bytes(b"")
    assert peek(Chip(0, "x", 8), 3, dev=tmp_path) is None
    assert peek(Chip(7, "x", 8), 3, dev=tmp_path) is None


def test_a_pin_on_a_pc_is_a_clear_error_and_not_a_crash(tmp_path, monkeypatch):
    monkeypatch.setattr(chips, "_nodes", lambda _: iter(()))
    with pytest.raises(DeviceMissing, match="A PC has no such pins"), input_line("gpio:17"):
        raise AssertionError


@pytest.mark.parametrize("missing", ["lgpio", "gpiozero"])
def test_a_missing_library_says_what_to_install(monkeypatch, missing):
    monkeypatch.setattr(chips, "find_chip", lambda _: Chip(0, "pinctrl-rp1", 54))
    monkeypatch.delitem(sys.modules, "hardware.gpio.lgpio_chip", raising=False)
    for name in [name for name in sys.modules if name == missing or name.startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DeviceError, match=r"missing .*apt install python3-lgpio"), input_line("gpio:17"):
        raise AssertionError


def test_a_room_without_pins_loads_no_library(monkeypatch, tmp_path):
    code = (
        "import sys; from hardware.gpio.pins import input_line\n"
        f"with input_line('mock:x?dir={tmp_path}') as line: line.read()\n"
        "assert not {'gpiozero', 'lgpio', 'hardware.gpio.real'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


LOADED = """
import os, sys
from hardware.gpio import chips
from hardware.gpio.chips import Chip
from hardware.ports import DeviceError
chips.find_chip = lambda _: Chip(77, "pinctrl-rp1", 54)
from hardware.gpio.pins import input_line
try:
    with input_line("gpio:17"):
        print("opened")
except DeviceError as err:
    print(err)
print(os.getcwd(), "LG_WD" in os.environ, "lgpio" in sys.modules)
"""


def test_lgpio_is_loaded_also_where_its_pipe_cannot_be_made_and_leaves_nothing_there(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", LOADED]
    done = subprocess.run(command, cwd="/proc", env=environment, capture_output=True, text=True, check=True)
    assert "pinctrl-rp1 cannot be opened" in done.stdout
    assert done.stdout.endswith("/proc False True\n")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
