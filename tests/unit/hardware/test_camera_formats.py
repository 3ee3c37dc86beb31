import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.camera.formats import KNOWN, NAMES, RAW, Mode, Steps, carries, choose
from hardware.ports import DeviceError

HD = (1280, 720)
USB_2, USB_3 = carries(480), carries(5000)


def mode(letters, width, height, *rates):
    return [Mode(letters, width, height, rate) for rate in rates or (30.0,)]


C920 = [
    *mode("YUYV", 640, 480, 30, 24, 15),
    *mode("YUYV", 1280, 720, 10, 5),
    *mode("YUYV", 1920, 1080, 5),
    *mode("MJPG", 640, 480),
    *mode("MJPG", 1280, 720, 30, 15),
    *mode("MJPG", 1920, 1080),
    *mode("H264", 1280, 720),
]
"""As many webcams offer it."""


@pytest.mark.parametrize(
    ("size", "fps", "chosen"),
    [
        (HD, 30, Mode("MJPG", 1280, 720, 30)),
        ((640, 480), 30, Mode("YUYV", 640, 480, 30)),
        ((1920, 1080), 30, Mode("MJPG", 1920, 1080, 30)),
        (HD, 10, Mode("YUYV", 1280, 720, 10)),
    ],
)
def test_a_webcam_on_usb_2_is_read_raw_only_as_far_as_it_fits(size, fps, chosen):
    assert choose(C920, size, fps, bytes_s=USB_2) == chosen


def test_usb_3_carries_what_usb_2_does_not():
    offered = [*mode("YUYV", *HD), *mode("MJPG", *HD)]
    assert choose(offered, HD, 30, bytes_s=USB_2).format == "MJPG"
    assert choose(offered, HD, 30, bytes_s=USB_3).format == "YUYV"


@pytest.mark.parametrize(("speed", "megabytes"), [(12, 0.6), (480, 24), (5000, 400), (None, math.inf), (-1, math.inf)])
def test_what_a_bus_carries(speed, megabytes):
    assert carries(speed) == megabytes * 1e6


def test_the_rate_counts_more_than_the_size_within_reason():
    slow = mode("YUYV", *HD, 10)
    assert choose([*slow, *mode("YUYV", 640, 480)], HD, 30, bytes_s=math.inf).fps == 30
    assert choose([*slow, *mode("YUYV", 320, 240)], HD, 30, bytes_s=math.inf).fps == 10


def test_a_larger_picture_is_taken_rather_than_a_far_smaller_one():
    offered = [*mode("MJPG", 640, 480), *mode("MJPG", 1920, 1080), *mode("MJPG", 3840, 2160)]
    assert choose(offered, HD, 30, bytes_s=USB_2) == Mode("MJPG", 1920, 1080, 30)


def test_the_shape_of_the_picture_counts():
    offered = [*mode("MJPG", 1280, 960), *mode("MJPG", 1280, 800), *mode("MJPG", *HD)]
    assert choose(offered, HD, 30, bytes_s=USB_2) == Mode("MJPG", 1280, 720, 30)


def test_h264_only_where_it_is_asked_for_or_alone():
    h264, mjpeg = mode("H264", *HD), mode("MJPG", *HD)
    assert choose([*h264, *mjpeg], HD, 30, bytes_s=USB_2).format == "MJPG"
    assert choose(h264, HD, 30, bytes_s=USB_2).format == "H264"
    assert choose([*h264, *mjpeg], HD, 30, bytes_s=USB_2, only="h264").format == "H264"
    # however bad the others are
    assert choose([*h264, *mode("MJPG", 160, 120, 5)], HD, 30, bytes_s=USB_2).format == "MJPG"


def test_a_format_that_is_asked_for_and_missing_is_explained():
    with pytest.raises(DeviceError, match="no yuyv pictures; it has MJPG: leave format= out"):
        choose(mode("MJPG", *HD), HD, 30, bytes_s=USB_2, only="yuyv")


def test_a_raw_format_that_is_asked_for_and_does_not_fit_is_explained():
    with pytest.raises(DeviceError, match="USB 3 port"):
        choose(mode("YUYV", *HD), HD, 30, bytes_s=USB_2, only="yuyv")


@pytest.mark.parametrize(
    "lies",
    [
        [],
        mode("MJPG", 0, 0),
        mode("MJPG", 1280, 0),
        mode("MJPG", 2**32 - 1, 2**32 - 1),
        mode("MJPG", *HD, 0.0),
        mode("MJPG", *HD, -30.0),
        mode("MJPG", *HD, math.nan),
        mode("MJPG", *HD, math.inf),
        mode("MJPG", *HD, 1e9),
        mode("BA81", *HD),
        mode("", *HD),
    ],
)
def test_a_camera_that_lies_is_refused_and_one_true_word_saves_it(lies):
    with pytest.raises(DeviceError, match="no usable picture format"):
        choose(lies, HD, 30, bytes_s=USB_2)
    truth = Mode("MJPG", 640, 480, 30.0)
    assert choose([*lies, truth], HD, 30, bytes_s=USB_2) == truth


def test_a_camera_that_keeps_its_rates_to_itself_is_used():
    assert choose([Mode("MJPG", *HD, None)], HD, 30, bytes_s=USB_2) == Mode("MJPG", *HD, None)


def test_a_rate_that_is_told_beats_one_that_is_not():
    assert choose([Mode("MJPG", *HD, None), Mode("MJPG", *HD, 30.0)], HD, 30, bytes_s=USB_2).fps == 30


anything = st.builds(
    Mode,
    st.sampled_from([*KNOWN, "BA81", ""]),
    st.integers(-1, 2**32),
    st.integers(-1, 2**32),
    st.none() | st.floats(),
)
plausible = st.builds(
    Mode, st.sampled_from(KNOWN), st.integers(16, 4096), st.integers(16, 4096), st.none() | st.floats(1, 240)
)
modes_offered = st.lists(anything | plausible, max_size=60)
sizes = st.tuples(st.integers(16, 3840), st.integers(16, 2160))
limits = st.sampled_from([0.0, carries(12), USB_2, USB_3, math.inf])


@given(modes_offered, sizes, st.integers(1, 120), limits, st.sampled_from(["", *NAMES]))
def test_a_choice_is_sane_and_offered_and_fits_or_there_is_an_error(offered, size, fps, bytes_s, only):
    try:
        chosen = choose(offered, size, fps, bytes_s=bytes_s, only=only)
    except DeviceError:
        return
    assert chosen in offered
    assert 16 <= chosen.width <= 7680
    assert 16 <= chosen.height <= 7680
    assert chosen.fps is None or 0 < chosen.fps <= 240
    assert RAW.get(chosen.format, 0) * chosen.width * chosen.height * (chosen.fps or fps) <= bytes_s
    assert not only or chosen.format == NAMES[only]


@given(st.lists(plausible, min_size=1, max_size=60), sizes, st.integers(1, 120), st.randoms())
def test_a_choice_does_not_hang_on_repetition_and_there_is_one_without_limits(offered, size, fps, random):
    chosen = choose(offered, size, fps, bytes_s=math.inf)
    assert choose([*offered, *offered], size, fps, bytes_s=math.inf) == chosen
    assert chosen.format != "H264" or {mode.format for mode in offered} == {"H264"}
    exact = Mode("YUYV", *size, float(fps))
    random.shuffle(offered)
    assert choose([*offered, exact], size, fps, bytes_s=math.inf) == exact


@given(st.integers(-10, 2**32), st.integers(-10, 2**32), st.integers(-2, 5000), st.integers(16, 3840))
def test_steps_give_a_number_on_offer_or_none(lowest, highest, step, wanted):
    near = Steps(lowest, highest, step).nearest(wanted)
    if near is not None:
        assert max(lowest, 16) <= near <= min(highest, 7680)
        assert near % 2 == 0
        assert (near - lowest) % max(1, step) == 0


@pytest.mark.parametrize(
    ("steps", "near"),
    [
        ((16, 4096, 1), 1280),
        ((320, 640, 160), 640),
        ((1281, 1921, 16), None),
        ((2000, 1000, 1), None),
        ((0, 0, 0), None),
    ],
)
def test_the_nearest_step_is_taken(steps, near):
    assert Steps(*steps).nearest(1280) == near
