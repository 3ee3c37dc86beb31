"""A head with motors and its thread: what goes wrong is told, once, and what was wanted is done in the end."""

import contextlib
import logging
import queue
import threading

import pytest

from appliance.media import aiming
from appliance.media.aiming import Aiming
from appliance.media.options import CameraOptions
from appliance.state.camera import CameraAim
from hardware.camera.aim import Aim
from hardware.ports import DeviceError


class Head:
    """Fails on command; a real one's failure shows after the call that caused it."""

    simulated = False
    pan_deg = 90.0
    name = "Head"

    def __init__(self, bench):
        self._bench = bench

    def __enter__(self):
        self._bench.opened += 1
        if self._bench.gone:
            raise DeviceError("the head is gone")
        return self

    def __exit__(self, *_):
        pass

    def move(self, aim):
        if self._bench.odd:
            raise ZeroDivisionError
        self._bench.moves.put((aim, self._bench.refuses))

    def check(self):
        if self._bench.refuses or self._bench.gone:
            self._bench.checked.set()
            raise DeviceError("the head is in standby" if self._bench.refuses else "the head is gone")


class Bench:
    def __init__(self):
        self.refuses = self.gone = self.odd = False
        self.opened = 0
        self.moves, self.uses = queue.Queue(), queue.Queue()
        self.checked = threading.Event()

    def next_use(self):
        use = self.uses.get(timeout=10)
        return use.open, use.error

    def reaches(self, aim):
        while self.moves.get(timeout=10) != (aim, False):
            pass
        return True


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    monkeypatch.setattr(aiming, "head", lambda _uri: Head(bench))
    monkeypatch.setattr(aiming, "_AGAIN_S", 0.02)
    monkeypatch.setattr(aiming, "_BEAT_S", 0.01)
    monkeypatch.setattr(aiming, "_SETTLED_S", 0.2)
    return bench


@contextlib.contextmanager
def turning(bench):
    turned = Aiming(CameraOptions(ptz="visca:camera"), bench.uses.put)
    try:
        yield turned
    finally:
        turned.close()
    assert not turned._turning._thread.is_alive()


def test_a_move_that_failed_is_told_and_made_when_the_head_is_well_again(bench):
    with turning(bench) as turned:
        assert bench.next_use() == (True, "")
        bench.refuses = True
        turned.aim(CameraAim(0.5))
        assert bench.next_use() == (False, "the head is in standby")
        bench.refuses = False
        assert bench.reaches(Aim(0.5))
        assert bench.next_use() == (True, "")
    assert bench.next_use() == (False, "")


def test_a_head_that_goes_while_nobody_turns_it_is_told(bench):
    with turning(bench):
        assert bench.next_use() == (True, "")
        bench.gone = True
        assert bench.next_use() == (False, "the head is gone")


def test_one_that_refuses_again_and_again_is_no_news_and_fills_no_log(bench, caplog):
    with turning(bench):
        assert bench.next_use() == (True, "")
        with caplog.at_level(logging.INFO):
            bench.refuses = True
            assert bench.next_use() == (False, "the head is in standby")
            for _ in range(5):
                bench.checked.clear()
                assert bench.checked.wait(10)
        assert bench.opened > 4
        assert bench.uses.empty()
        assert len(caplog.records) == 1


def test_what_nobody_foresaw_is_logged_once_and_the_head_opened_again(bench, caplog):
    bench.odd = True
    with turning(bench):
        _, error = bench.next_use()
        assert "nobody foresaw" in error
        while bench.opened < 4:
            bench.checked.wait(0.01)
        assert caplog.text.count("Traceback") == 1
        bench.odd = False
        assert bench.next_use() == (True, "")
