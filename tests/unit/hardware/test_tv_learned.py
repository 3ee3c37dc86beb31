"""What TVs obeyed before is kept over restarts, and losing it is no loss."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.tv.learned import Learned
from hardware.tv.power import CEC_METHODS, Method, Power

TV = "edid:GSM:0001:01010101"
ON = CEC_METHODS[Power.ON]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "tv.json"


def test_what_worked_is_tried_first_after_a_restart(path):
    Learned(path).note(TV, Power.ON, Method.ACTIVE_SOURCE)
    assert Learned(path).order(TV, Power.ON, ON) == (
        Method.ACTIVE_SOURCE,
        Method.IMAGE_VIEW_ON,
        Method.TEXT_VIEW_ON,
        Method.POWER_ON_KEY,
    )
    assert Learned(path).order("edid:SAM:0001:0", Power.ON, ON) == ON
    assert Learned(path).method(TV, Power.OFF) is None


def test_the_newest_that_worked_counts(path):
    learned = Learned(path)
    learned.note(TV, Power.ON, Method.ACTIVE_SOURCE)
    learned.note(TV, Power.OFF, Method.DPMS)
    learned.note(TV, Power.ON, Method.TEXT_VIEW_ON)
    assert Learned(path).method(TV, Power.ON) is Method.TEXT_VIEW_ON
    assert Learned(path).method(TV, Power.OFF) is Method.DPMS


def test_the_file_is_private_and_no_scratch_is_left(path):
    Learned(path).note(TV, Power.ON, Method.IMAGE_VIEW_ON)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["tv.json"]


def test_the_same_again_is_not_written_again(path):
    learned = Learned(path)
    learned.note(TV, Power.ON, Method.IMAGE_VIEW_ON)
    path.unlink()
    learned.note(TV, Power.ON, Method.IMAGE_VIEW_ON)
    assert not path.exists()


def test_a_tv_that_does_not_say_who_it_is_is_not_remembered(path):
    Learned(path).note("", Power.ON, Method.IMAGE_VIEW_ON)
    assert not path.exists()


def test_only_so_many_tvs_are_remembered(path):
    learned = Learned(path)
    for number in range(60):
        learned.note(f"edid:SAM:{number:04x}:0", Power.ON, Method.IMAGE_VIEW_ON)
    assert len(json.loads(path.read_text())) == 50
    assert Learned(path).method("edid:SAM:003b:0", Power.ON) is Method.IMAGE_VIEW_ON


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"x": 1}', b'{"x": {"on": "magic"}}', b"\xff", b"[" * 60_000, b"{}" * 100_000]
)
def test_a_broken_file_is_learned_anew(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    learned = Learned(path)
    assert learned.order(TV, Power.ON, ON) == ON
    learned.note(TV, Power.ON, Method.TEXT_VIEW_ON)
    assert Learned(path).method(TV, Power.ON) is Method.TEXT_VIEW_ON


def test_a_folder_that_cannot_be_written_costs_only_the_memory(caplog):
    learned = Learned(Path("/proc/none/tv.json"))
    learned.note(TV, Power.ON, Method.TEXT_VIEW_ON)
    assert learned.method(TV, Power.ON) is Method.TEXT_VIEW_ON
    assert "cannot be kept" in caplog.text


@given(st.sampled_from(list(Method)))
def test_no_method_is_lost_by_ordering(method):
    learned = Learned(Path("/proc/none/tv.json"))
    learned._worked = {TV: {Power.ON: method}}
    assert sorted(learned.order(TV, Power.ON, ON)) == sorted(ON)
