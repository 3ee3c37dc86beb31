"""The whole walk, on simulated devices with a person by script; and what is left of one that is stopped."""

import json
from datetime import UTC, datetime

import pytest
from acceptance.__main__ import begin
from acceptance.check import Skipped, State, Stopped
from acceptance.checks import CHECKS, cameras
from acceptance.results import Run, Unreadable, load, store
from acceptance.walk import Walk
from acceptance_bench import Bench, Script

FRESH = Run(
    "2026-01-01T10:00:00+00:00", "Ada", "abc1234", {"board": "A board", "os": "", "kernel": "6", "bootloader": ""}
)
NAMES = [check.name for check in CHECKS]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "results.json"


def walk_of(bench, person, file, run=FRESH, before=()):
    def keep(run):
        store(file, (*before, run))

    return Walk(run, bench.room(), person, keep=keep, now=lambda: datetime(2026, 1, 1, 10, 1, tzinfo=UTC))


@pytest.mark.timeout(240)
def test_the_whole_walk_passes_on_simulated_devices_and_says_so_of_every_result(bench, file, monkeypatch):
    # how quick this machine is, is for the benchmarks to tell
    monkeypatch.setattr(cameras, "_LEAST_FPS", 1.0)
    for limit in ("_MOST_SLATE_S", "_MOST_SWAP_S", "_MOST_BACK_S"):
        monkeypatch.setattr(cameras, limit, 60.0)
    assert not walk_of(bench, Script(bench), file).through(CHECKS)
    (cut,) = load(file)
    # the power went off at the last check; what was before it is on disk, and so is how to go on
    assert [result.name for result in cut.results] == NAMES[:-1]
    assert dict(cut.notes) == {"power-cut": {"boot": "first"}}
    assert walk_of(bench, Script(bench), file, cut).through(CHECKS)
    (run,) = load(file)
    assert {result.name: (result.state, result.words) for result in run.results} == dict.fromkeys(
        NAMES, (State.PASSED, "")
    )
    assert all(result.simulated for result in run.results)
    assert all(result.figures for result in run.results)
    assert not run.notes


class Idle(Script):
    """Skips everything but the board."""

    def ready(self, text):
        if "Nothing to do" not in text:
            raise Skipped("skipped by the person")


def test_what_is_skipped_is_written_down_as_skipped(bench, file):
    assert walk_of(bench, Idle(bench), file).through(CHECKS)
    (run,) = load(file)
    assert {result.state for result in run.results[1:]} == {State.SKIPPED}
    assert run.results[0].state is State.PASSED


@pytest.mark.parametrize("how", [Stopped, KeyboardInterrupt])
def test_what_was_done_before_the_person_went_is_kept_and_not_done_again(bench, file, how):
    class Impatient(Idle):
        def ready(self, text):
            if "HDMI stick" in text:
                raise how
            super().ready(text)

    assert not walk_of(bench, Impatient(bench), file).through(CHECKS)
    (run,) = load(file)
    assert [result.name for result in run.results] == NAMES[: NAMES.index("hdmi-stick")]
    person = Idle(bench)
    assert walk_of(bench, person, file, run).through(CHECKS)
    assert [result.name for result in load(file)[0].results] == NAMES
    assert person.heard[0].strip().startswith(f"[1/{len(NAMES) - len(run.results)}]")


def test_ctrl_c_in_the_middle_of_a_measurement_keeps_what_was_done(bench, file, monkeypatch):
    room = bench.room()

    def interrupted(_uri):
        raise KeyboardInterrupt

    object.__setattr__(room, "camera", interrupted)
    monkeypatch.setattr(bench, "room", lambda: room)
    assert not walk_of(bench, Script(bench), file).through(CHECKS)
    assert [result.name for result in load(file)[0].results] == ["board"]


def test_a_failed_check_can_be_done_again_and_the_last_time_counts(bench, file):
    class Patient(Script):
        def again(self, words):
            bench.put("proc/device-tree/model", "Raspberry Pi 5")
            return True

    bench.put("proc/device-tree/model", "")
    walk_of(bench, Patient(bench), file).through(CHECKS[:1])
    assert load(file)[0].of("board").state is State.PASSED


def test_a_run_is_added_to_those_before_it_and_only_the_last_of_the_same_board_is_resumed(bench, file):
    walk_of(bench, Idle(bench), file).through(CHECKS[:1])
    earlier = load(file)
    over, run = begin(earlier, FRESH, resume=False)
    walk_of(bench, Idle(bench), file, run, over).through(CHECKS)
    assert [len(run.results) for run in load(file)] == [1, len(CHECKS)]
    assert begin(load(file), FRESH, resume=True)[1] == load(file)[1]
    with pytest.raises(SystemExit, match="another board"):
        begin(load(file), Run("", "", "def5678", FRESH.board), resume=True)
    with pytest.raises(SystemExit, match="no run"):
        begin((), FRESH, resume=True)


def test_a_result_that_cannot_be_written_leaves_the_file_as_it_was(file, monkeypatch):
    store(file, (FRESH,))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store(file, (FRESH, FRESH))
    assert load(file) == (FRESH,)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"who": "me"}]', "[[]]", '[{"begun": 1, "results": [{}]}]'])
def test_a_file_that_nobody_here_wrote_is_refused_rather_than_replaced(file, text):
    file.write_text(text)
    with pytest.raises(Unreadable, match="mend it"):
        load(file)


def test_what_is_stored_is_plain_json_that_others_can_read(bench, file):
    walk_of(bench, Idle(bench), file).through(CHECKS[:2])
    (run,) = json.loads(file.read_text())
    assert run["who"] == "Ada"
    assert run["results"][0]["figures"]["board"] == "Raspberry Pi 5 Model B Rev 1.0"
