"""Streams on devices that behave badly, at the pace of a real one."""

import threading
import time

import pytest

from hardware.audio import stream
from hardware.audio.pcm import Xrun
from hardware.audio.stream import Capture, Playback
from hardware.ports import BLOCK, BLOCK_NS, SAMPLE_RATE, DeviceError

SOUND = b"\1\0" * BLOCK


class ScriptedPcm:
    """A device of one channel with a clock of its own; what it should do wrong is set on it."""

    channels = 1
    buffer = 3 * BLOCK

    def __init__(self):
        self.written = []
        self.restarts = 0
        self.closed = False
        self.xrun_on_read = 0
        self.dead = False
        self.lies_ns = 0
        self.on_wait = None
        self._started = None
        self._moved = 0

    def start(self):
        self._started = time.monotonic()

    def restart(self):
        self.restarts += 1
        self._started, self._moved = None, 0

    def close(self):
        self.closed = True

    def wait(self, timeout_s):
        if self.on_wait:
            self.on_wait()
        if self.dead:
            time.sleep(timeout_s)
            return False
        time.sleep(0.005)
        return True

    def _passed(self):
        return 0 if self._started is None else int((time.monotonic() - self._started) * SAMPLE_RATE)

    def delay(self):
        return self.lies_ns, time.monotonic_ns()


class ScriptedMicrophone(ScriptedPcm):
    def available(self):
        return self._passed() - self._moved

    def read(self):
        if self.xrun_on_read:
            self.xrun_on_read -= 1
            raise Xrun
        self._moved += BLOCK
        return SOUND


class ScriptedSpeaker(ScriptedPcm):
    def available(self):
        return self.buffer - (self._moved - self._passed())

    def write(self, samples):
        self._moved += BLOCK
        self.written.append(samples)


@pytest.fixture
def listening():
    """Open a capture; close it after the test."""
    streams = []

    def listen(opened):
        streams.append(Capture("Mic", opened, channels=1))
        streams[-1].begin()
        return streams[-1]

    yield listen
    for one in streams:
        one.end()


def write_until_error(playback):
    while True:
        playback.write(SOUND)


def read_until_error(capture):
    while True:
        capture.read(0.1)


def test_blocks_come_at_the_pace_of_the_device(listening):
    capture = listening(ScriptedMicrophone)
    started = time.monotonic()
    blocks = [capture.read(1.0) for _ in range(20)]
    assert 0.15 < time.monotonic() - started < 1.0
    assert all(block.samples == SOUND for block in blocks)
    stamps = [block.captured_ns for block in blocks]
    assert stamps == sorted(set(stamps))


class ScriptedArray(ScriptedMicrophone):
    channels = 3

    def read(self):
        super().read()
        return b"\1\0\2\0\3\0" * BLOCK


def test_channels_come_in_the_devices_order_and_not_before_that_is_known():
    known, orders = threading.Event(), [(2, 0, 1), (0, 1, 2)]
    pcm = ScriptedArray()

    def order():
        known.wait()
        return orders.pop(0)

    capture = Capture("Array", lambda: pcm, channels=2, order=order)
    capture.begin()
    try:
        assert capture.read(0.3) is None
        known.set()
        assert capture.read(1.0).samples == b"\3\0\1\0" * BLOCK
        # nothing for a while: it may be linked anew
        pcm.dead = True
        while capture.read(0.3):
            pass
        pcm.dead = False
        assert capture.read(1.0).samples == b"\1\0\2\0" * BLOCK
        assert orders == []
    finally:
        known.set()
        capture.end()


def test_who_cannot_tell_the_order_ends_the_stream():
    def order():
        raise DeviceError("nobody knows")

    capture = Capture("Array", ScriptedArray, channels=3, order=order)
    capture.begin()
    with pytest.raises(DeviceError, match="nobody knows"):
        read_until_error(capture)
    capture.end()


def test_a_device_that_fails_to_open_says_why(listening):
    def fail():
        raise DeviceError("no such thing")

    with pytest.raises(DeviceError, match="no such thing"):
        listening(fail)


def test_a_device_that_never_opens_keeps_nobody(listening, monkeypatch):
    monkeypatch.setattr(stream, "OPEN_S", 0.2)
    gate, pcm = threading.Event(), ScriptedMicrophone()

    def hang():
        gate.wait()
        return pcm

    with pytest.raises(DeviceError, match="does not open"):
        Capture("Mic", hang, channels=1).begin()
    gate.set()
    # too late: it is closed at once
    deadline = time.monotonic() + 2
    while not pcm.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pcm.closed
    assert pcm._started is None, "nobody listens any more"


def test_devices_that_hang_are_tried_by_so_many_threads_and_no_more(monkeypatch):
    monkeypatch.setattr(stream, "OPEN_S", 0.02)
    gate, opened = threading.Event(), []

    def hang():
        opened.append(1)
        gate.wait()
        raise DeviceError("at last")

    try:
        words = []
        for _ in range(stream._MOST_STUCK + 3):
            with pytest.raises(DeviceError) as refused:
                Capture("Mic", hang, channels=1).begin()
            words.append(str(refused.value))
        assert len(opened) == stream.stuck() == stream._MOST_STUCK
        assert ["again and again" in said for said in words] == [False] * stream._MOST_STUCK + [True] * 3
    finally:
        gate.set()
    for thread in threading.enumerate():
        if isinstance(thread, stream._Worker):
            thread.join(2)
    assert stream.stuck() == 0


def test_a_device_that_stops_giving_is_gone_within_a_second(listening):
    pcm = ScriptedMicrophone()
    capture = listening(lambda: pcm)
    assert capture.read(1.0)
    pcm.dead = True
    started = time.monotonic()
    with pytest.raises(DeviceError, match="gives no sound"):
        read_until_error(capture)
    assert time.monotonic() - started < 1.5


def test_lost_sound_is_counted_and_the_device_goes_on(listening):
    pcm = ScriptedMicrophone()
    capture = listening(lambda: pcm)
    assert capture.read(1.0)
    pcm.xrun_on_read = 1
    assert [capture.read(1.0) for _ in range(12)][-1]
    assert (capture.xruns, pcm.restarts) == (1, 1)


def test_a_device_that_only_loses_sound_is_gone(listening):
    pcm = ScriptedMicrophone()
    pcm.xrun_on_read = 10**9
    capture = listening(lambda: pcm)
    with pytest.raises(DeviceError, match="gives no sound"):
        read_until_error(capture)
    # it was given time to recover, not all of a core
    assert pcm.restarts < 1500


def test_a_device_that_vanishes_while_it_is_read_says_so(listening):
    pcm = ScriptedMicrophone()
    capture = listening(lambda: pcm)
    assert capture.read(1.0)

    def vanish():
        raise DeviceError("Mic is gone")

    pcm.on_wait = vanish
    with pytest.raises(DeviceError, match="Mic is gone"):
        read_until_error(capture)
    assert pcm.closed


def test_time_never_goes_back_and_a_jump_is_counted(listening):
    pcm = ScriptedMicrophone()
    capture = listening(lambda: pcm)
    stamps = []
    for lie in (0, SAMPLE_RATE, 0, SAMPLE_RATE // 2, 0):
        pcm.lies_ns = lie
        stamps += [capture.read(1.0).captured_ns for _ in range(8)]
    assert stamps == sorted(set(stamps))
    assert capture.xruns >= 1


@pytest.fixture
def played():
    return []


@pytest.fixture
def playing(played):
    streams = []

    def play(pcm):
        streams.append(Playback("Speaker", lambda: pcm, played.append))
        streams[-1].begin()
        return streams[-1]

    yield play
    for one in streams:
        one.end()


def test_sound_goes_out_in_order_with_the_time_it_leaves(playing, played):
    pcm = ScriptedSpeaker()
    playback = playing(pcm)
    blocks = [bytes([n, 0]) * BLOCK for n in range(1, 30)]
    for block in blocks:
        playback.write(block)
    assert [block for block in pcm.written if any(block)] == blocks
    assert [block.samples for block in played[: len(pcm.written)]] == pcm.written
    stamps = [block.captured_ns for block in played]
    assert stamps == sorted(set(stamps))


def test_it_begins_and_goes_on_with_silence_where_nothing_comes(playing, played):
    pcm = ScriptedSpeaker()
    playing(pcm).write(SOUND)
    deadline = time.monotonic() + 2
    while len(played) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [any(block.samples) for block in played].count(True) == 1
    assert not any(played[0].samples)
    assert len(played) >= 20


def test_a_speaker_that_takes_nothing_is_gone_after_a_second(playing):
    pcm = ScriptedSpeaker()
    playback = playing(pcm)
    playback.write(SOUND)
    pcm.dead = True
    started = time.monotonic()
    with pytest.raises(DeviceError, match="plays nothing"):
        write_until_error(playback)
    assert 0.9 < time.monotonic() - started < 2.0


def test_closing_ends_a_device_within_its_time(playing):
    pcm = ScriptedSpeaker()
    playback = playing(pcm)
    started = time.monotonic()
    playback.end()
    assert pcm.closed
    assert time.monotonic() - started < 0.5


def test_blocks_are_ten_milliseconds():
    assert BLOCK * 1_000_000_000 // SAMPLE_RATE == BLOCK_NS
