import json
import threading
from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np
import pytest
from tv_builders import NOW, HandRing, HandSource, in_call, plain, room

from appliance.state.layout import PersonId, Source
from appliance.state.room import Boot, Phase
from appliance.state.wishes import Applied, DisplayWish
from display.canvas import Canvas
from display.compose import Backlog, ComposeLoop, Surroundings
from display.screens.null import NullPresenter
from display.screens.screen import Screen

ADA = PersonId("p0")


class Rig:
    """A compose loop whose steps the test takes, on a clock it moves."""

    def __init__(self, faults):
        self.s = 1000.0
        self.moment = NOW
        self.daemon = True
        self.reports = []
        self.source = HandSource()
        self.faults = faults
        monotonic = lambda: self.s  # noqa: E731 - shorter than a method
        news = threading.Event()
        around = Surroundings(self.source, lambda: self.daemon, faults, self.reports.append, news)
        self.screen = Screen("null:", lambda uri: NullPresenter(), monotonic=monotonic)
        self.canvas = Canvas()
        self.loop = ComposeLoop(
            around,
            canvas=self.canvas,
            screen=self.screen,
            boot=Boot("d1"),
            now=lambda: self.moment,
            monotonic=monotonic,
        )

    def show(self, state, rev=1):
        self.loop.show(DisplayWish(Boot("b1"), rev, state))

    def step(self, seconds=0.0):
        self.s += seconds
        self.moment += timedelta(seconds=seconds)
        return self.loop.step()

    def put(self, state, number=1):
        tile = state.layout.tiles[0]
        self.source.ring = self.source.ring or HandRing(state.layout)
        self.source.ring.layout = state.layout
        self.source.ring.put(ADA, plain(tile.w, tile.h, number=number))

    @property
    def last(self):
        return self.reports[-1]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_the_first_report_comes_before_any_wish(rig):
    rig.step()
    assert (rig.last.applied, rig.last.lit, rig.last.screen) == (None, True, "null:")


def test_a_wish_is_drawn_and_answered(rig):
    rig.step()
    dark = rig.canvas.rev
    rig.show(room(), rev=7)
    rig.step()
    assert rig.last.applied == Applied(Boot("b1"), 7)
    assert rig.canvas.rev > dark


def test_nothing_new_is_reported_once(rig):
    rig.show(room())
    for _ in range(5):
        rig.step(1)
    assert len(rig.reports) == 1


def test_the_first_remote_picture_of_a_call_has_its_time(rig):
    state = in_call(["Ada"])
    rig.show(state)
    rig.step()
    assert rig.last.first_remote_frame_at is None
    rig.put(state)
    rig.step(0.5)
    first = rig.last.first_remote_frame_at
    assert first == NOW + timedelta(seconds=0.5)
    assert first.tzinfo is UTC
    rig.put(state, 2)
    rig.step(5)
    assert rig.last.first_remote_frame_at == first


def test_reconnecting_keeps_the_time_of_the_first_picture_and_the_next_call_has_its_own(rig):
    state = in_call(["Ada"])
    rig.show(state)
    rig.put(state)
    rig.step()
    first = rig.last.first_remote_frame_at
    rig.show(replace(state, call=replace(state.call, phase=Phase.RECONNECTING)), 2)
    rig.step(3)
    assert rig.last.first_remote_frame_at == first
    rig.show(room(), 3)
    rig.step(3)
    assert rig.last.first_remote_frame_at is None
    rig.show(state, 4)
    rig.put(state, 2)
    rig.step(3)
    assert rig.last.first_remote_frame_at == NOW + timedelta(seconds=9)


def test_stale_people_are_reported(rig):
    state = in_call(["Ada"])
    rig.show(state)
    rig.put(state)
    rig.step()
    assert rig.last.stale == ()
    rig.source.ring = None
    rig.step()
    assert rig.last.stale == ("p0",)


def test_the_daemon_may_blink_unnoticed_but_not_stay_away(rig):
    rig.show(in_call(["Ada"]))
    rig.step()
    banner = (slice(110, 170), slice(600, 1300))
    calm = rig.canvas.y[banner].copy()
    rig.daemon = False
    rig.step(1.5)
    assert (rig.canvas.y[banner] == calm).all()
    rig.step(1.5)
    assert (rig.canvas.y[banner] != calm).any()
    rig.daemon = True
    rig.step(1)
    assert (rig.canvas.y[banner] == calm).all()


def test_a_fault_shows_within_a_second_and_goes_with_its_file(rig):
    rig.show(room())
    rig.step()
    idle = rig.canvas.copy()
    fault = rig.faults / "media.json"
    fault.write_text(json.dumps({"program": "media", "reason": "It stopped three times."}))
    rig.step(1)
    assert (rig.canvas.y != idle.y).any()
    fault.unlink()
    rig.step(1)
    assert (rig.canvas.y == idle.y).all()


def test_an_idle_room_sleeps_to_the_next_second_and_draws_nothing(rig):
    rig.moment = NOW.replace(microsecond=250_000)
    rig.show(room())
    assert rig.step() == pytest.approx(0.75)
    rev = rig.canvas.rev
    for _ in range(20):
        rig.step(1)
    assert rig.canvas.rev == rev


def test_the_frame_rate_counts_pictures_that_moved(rig):
    state = in_call(["Ada"])
    rig.show(state)
    for number in range(1, 91):
        rig.put(state, number)
        rig.step(1 / 30)
    assert rig.last.fps == pytest.approx(30, abs=1)
    for _ in range(20):
        rig.step(0.25)
    assert rig.last.fps == 0


def test_a_display_that_draws_slowly_again_and_again_says_so_and_takes_it_back():
    s = [100.0]
    backlog = Backlog(lambda: s[0])
    for seconds, behind in ((0.2, False), (0.2, False), (0.01, False), (0.2, True)):
        backlog.count(seconds)
        assert backlog.behind is behind
        s[0] += 0.5
    s[0] += 3.0
    assert not backlog.behind


def test_the_picture_for_others_is_a_copy(rig):
    rig.show(room())
    rig.step()
    picture = rig.loop.picture()
    assert (picture.memory == rig.canvas.memory).all()
    assert not np.shares_memory(picture.memory, rig.canvas.memory)


def test_a_stopped_loop_ends_at_once(rig):
    thread = threading.Thread(target=rig.loop.run)
    thread.start()
    rig.loop.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_screens_are_told_apart_from_cameras(rig):
    state = in_call(["Ada"])
    rig.show(state)
    rig.source.ring = HandRing(state.layout)
    tile = state.layout.tiles[0]
    rig.source.ring.put(ADA, plain(tile.w, tile.h), Source.SCREEN)
    rig.step()
    assert rig.last.first_remote_frame_at is None
