"""What every camera promises, whichever driver it has."""

import threading
import time

import numpy as np
import pytest
from camera_rigs import HELD, PACED, WIRED, wait_for

from hardware.ports import DeviceError


def rigs(table):
    return pytest.mark.parametrize("rig", table.values(), ids=table.keys())


ALL = rigs({**PACED, **HELD})
HELD_RIGS, WIRED_RIGS = rigs(HELD), rigs(WIRED)


@pytest.fixture
def sending(clip):
    """Keep a rig's pictures coming, as a camera does, until the test is over."""
    over = threading.Event()
    threads = []

    def start(rig):
        def send():
            while not over.wait(0.02):
                rig.give()

        threads.append(threading.Thread(target=send, daemon=True))
        threads[-1].start()

    yield start
    over.set()
    for thread in threads:
        thread.join()


def read(camera):
    frame = camera.read(3.0)
    assert frame is not None
    return frame


def read_to_the_end(camera):
    while True:
        camera.read(1.0)


@ALL
def test_pictures_are_whole_even_and_in_order(rig, clip, sending):
    rig = rig(clip)
    with rig.camera as camera:
        sending(rig)
        frames = [read(camera) for _ in range(5)]
        now_ns = time.monotonic_ns()
    for frame in frames:
        assert frame.width % 2 == frame.height % 2 == 0
        assert frame.y.dtype == frame.u.dtype == frame.v.dtype == np.uint8
        assert frame.u.shape == frame.v.shape == (frame.height // 2, frame.width // 2)
    stamps = [frame.captured_ns for frame in frames]
    assert stamps == sorted(set(stamps))
    assert now_ns - 10e9 < stamps[0] <= stamps[-1] <= now_ns


@ALL
def test_pictures_outlive_the_camera(rig, clip, sending):
    rig = rig(clip)
    with rig.camera as camera:
        sending(rig)
        frame = read(camera)
        before = frame.y.copy(), frame.u.copy(), frame.v.copy()
        for _ in range(3):
            read(camera)
    for plane, kept in zip((frame.y, frame.u, frame.v), before, strict=True):
        assert (plane == kept).all()


@ALL
def test_a_picture_is_given_once_and_then_there_is_none(rig, clip):
    rig = rig(clip)
    with rig.camera as camera:
        first = []
        while not first:
            rig.give()
            frame = camera.read(0.2)
            first += [frame] if frame else []
        while (frame := camera.read(0.0)) is not None:
            first.append(frame)
        started = time.monotonic()
        assert camera.read(0.0) is None
        assert time.monotonic() - started < 0.05


@ALL
def test_who_comes_late_gets_the_newest_and_the_rest_is_counted(rig, clip, sending):
    rig = rig(clip)
    with rig.camera as camera:
        sending(rig)
        read(camera)
        time.sleep(0.35)
        late_ns = time.monotonic_ns()
        frame = read(camera)
        assert frame.captured_ns > late_ns - 0.2e9
        assert camera.dropped >= 3


@ALL
def test_a_camera_can_be_opened_again_and_closed_twice(rig, clip):
    rig = rig(clip)
    for _ in range(2):
        with rig.camera as camera:
            frame = None
            while frame is None:
                rig.give()
                frame = camera.read(0.2)
        camera.__exit__()


@ALL
def test_a_camera_says_who_it_is(rig, clip):
    rig = rig(clip)
    assert rig.camera.name
    assert rig.camera.simulated == (type(rig).__name__ == "Paced")


@HELD_RIGS
def test_a_camera_that_stalls_gives_none_in_time_and_closes_soon(rig, clip):
    rig = rig(clip)
    with rig.camera as camera:
        for _ in range(3):
            rig.give()
            camera.read(0.2)
        started = time.monotonic()
        assert camera.read(0.15) is None
        assert 0.1 < time.monotonic() - started < 1.0
        started = time.monotonic()
    assert time.monotonic() - started < 1.4


@HELD_RIGS
def test_one_picture_a_minute_is_given_when_it_comes(rig, clip):
    rig = rig(clip)
    with rig.camera as camera:
        rig.give()
        rig.give()
        read(camera)
        while camera.read(0.1):
            pass
        threading.Timer(0.2, rig.give).start()
        asked_ns = time.monotonic_ns()
        frame = read(camera)
        assert frame.captured_ns > asked_ns
        assert camera.read(0.05) is None


@HELD_RIGS
def test_a_camera_that_never_sends_anything_closes_soon(rig, clip):
    rig = rig(clip)
    with rig.camera as camera:
        assert camera.read(0.05) is None
        started = time.monotonic()
    assert time.monotonic() - started < 1.4


@WIRED_RIGS
def test_who_waits_for_a_camera_that_is_pulled_out_is_told_at_once(rig, clip):
    rig = rig(clip)
    with rig.camera as camera:
        rig.give()
        rig.give()
        read(camera)
        while camera.read(0.05):
            pass
        threading.Timer(0.1, rig.pull).start()
        started = time.monotonic()
        with pytest.raises(DeviceError, match="Webcam A is unplugged: plug it in again"):
            camera.read(5.0)
        assert time.monotonic() - started < 0.6
        # and everybody after that
        with pytest.raises(DeviceError, match="unplugged"):
            camera.read(5.0)


@WIRED_RIGS
def test_a_camera_that_is_pulled_out_can_be_opened_when_it_is_back(rig, clip, sending):
    rig = rig(clip)
    with rig.camera as camera:
        rig.give()
        rig.pull()
        with pytest.raises(DeviceError, match="unplugged"):
            read_to_the_end(camera)
    rig.put_back()
    with rig.camera as camera:
        sending(rig)
        assert read(camera)


def test_pictures_may_change_their_size_midway(clip):
    rig = WIRED["v4l2 MJPG"](clip)
    with rig.camera as camera:
        seen = []
        for size in ((64, 48), (96, 64), (63, 47), (64, 48)):
            rig.give(size=size)
            frame = read(camera)
            seen.append((frame.width, frame.height))
    # an odd row and an odd column are left out
    assert seen == [(64, 48), (96, 64), (62, 46), (64, 48)]


@WIRED_RIGS
@pytest.mark.parametrize(
    ("data", "how"), [(b"\xff\xd8 no picture", {}), (b"", {}), (bytes(64 * 48 * 2), {"flags": 0x40})]
)
def test_what_cannot_be_decoded_is_counted_and_the_next_picture_comes(rig, data, how, clip):
    rig = rig(clip)
    with rig.camera as camera:
        rig.give()
        read(camera)
        rig.kernel.give(data, **how)
        wait_for(lambda: camera.dropped == 1)
        rig.give()
        assert read(camera)


def test_pictures_the_driver_had_no_room_for_are_counted(clip):
    rig = WIRED["v4l2 YUYV"](clip)
    with rig.camera as camera:
        rig.give()
        read(camera)
        rig.kernel._sequence += 7
        rig.give()
        read(camera)
        assert camera.dropped == 7
