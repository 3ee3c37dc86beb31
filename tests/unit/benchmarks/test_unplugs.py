"""Whose pictures a guest saw from when on, and how the room of the rows gets its cameras."""

import io
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest

from appliance.demo import stage
from benchmarks import unplug_rows
from benchmarks.rows import Run
from benchmarks.seen import SLATE, Shown, SourceFile, read_shown
from benchmarks.unplug_peer import Times
from benchmarks.unplug_rows import Round, seconds_until
from hardware.camera.mark import Mark, burn


def picture(source=None, count=0):
    y, u, v = np.full((180, 320), 60, np.uint8), np.full((90, 160), 128, np.uint8), np.full((90, 160), 128, np.uint8)
    if source is not None:
        burn(y, u, v, Mark(source, count))
    return y


def test_a_line_is_written_when_the_pictures_become_anothers_or_nobodys(tmp_path):
    path = tmp_path / "guest.seen"
    assert read_shown(path) == []
    with path.open("w") as file:
        notes = SourceFile(file)
        for shown in (picture(), picture(5, 1), picture(5, 2), picture(), picture(), picture(6, 1)):
            notes.note(shown)
    assert [it.source for it in read_shown(path)] == [SLATE, 5, SLATE, 6]


def test_the_first_picture_counts_from_the_first_one_on():
    file = io.StringIO()
    SourceFile(file).note(picture(5))
    assert file.getvalue().endswith(" 5\n")


def test_what_was_seen_before_the_plug_was_pulled_does_not_count():
    shown = [Shown(1.0, SLATE), Shown(2.0, 5), Shown(10.8, SLATE), Shown(12.0, SLATE)]
    assert seconds_until(shown, 10.0, SLATE) == pytest.approx(0.8)
    assert seconds_until(shown, 10.0, 5) is None


def test_the_room_has_both_cameras_on_plugs(tmp_path):
    built = stage.build(tmp_path)
    devices = tomllib.loads(unplug_rows._with_cameras(tmp_path, built.config.read_text()))["devices"]
    assert devices["camera"] == [f"sim:pattern?mark={it}&plug={tmp_path}/camera-{it}" for it in ("First", "Second")]
    assert devices["watch"] == f"sim:{tmp_path}"
    assert devices["speaker"]


def test_pictures_that_go_on_after_a_pause_are_a_line_of_their_own(monkeypatch):
    now = iter([10.0, 10.1, 10.2, 14.0, 14.1])
    monkeypatch.setattr("benchmarks.seen.time", SimpleNamespace(time=lambda: next(now)))
    file = io.StringIO()
    notes = SourceFile(file)
    for _ in range(5):
        notes.note(picture(5))
    assert file.getvalue() == "10.0 5\n14.0 5\n"


def test_a_camera_that_is_muted_is_as_good_as_a_slate():
    file = io.StringIO()
    notes = SourceFile(file)
    notes.note(picture(5))
    notes.note_none()
    assert file.getvalue().endswith(f" {SLATE}\n")


def test_rounds_count_as_often_as_the_part_that_counts_least():
    good, bad = Run(0.5), Run(0.5, counted=False)
    assert unplug_rows._counted([]) == 0
    assert unplug_rows._counted([Round(good, good, good), Round(good, bad, good), Round(good, good, good)]) == 2
    assert unplug_rows._said(Round(good, bad, good)) == "slate 0.50 s, back 0.50 s (not counted), fallback 0.50 s"


def test_the_browser_is_put_beside_as_many_rounds_as_it_was_measured(monkeypatch):
    monkeypatch.setattr(unplug_rows.unplug_peer, "times", lambda _: Times(30.0, 29.0, 28.0))
    monkeypatch.setattr(unplug_rows, "UNPLUG_TURNS", 1)
    beside = unplug_rows._beside_chromium([Round(Run(1.0), Run(2.0), Run(3.0))] * 2)
    assert [[run.peer for run in one] for one in beside] == [[30.0, 29.0, 28.0], [None] * 3]
    assert beside[0].fallback.ours == 3.0
