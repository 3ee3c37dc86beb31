import math

import pytest
from camera_rigs import system
from hypothesis import given
from hypothesis import strategies as st
from video_kernel import Knob, VideoKernel

from hardware.camera.aim import Aim
from hardware.camera.controls import Control, apply, controls, set_control, wanted_value
from hardware.camera.heads import head
from hardware.camera.uvc_head import UvcHead, aim_of, units
from hardware.ports import BadUri, DeviceError
from hardware.uri import DeviceUri

PAN, TILT, ZOOM = 0x009A0908, 0x009A0909, 0x009A090D
BRIGHTNESS, EXPOSURE, AUTO_EXPOSURE, POWER = 0x00980900, 0x009A0902, 0x009A0901, 0x00980918
INACTIVE, READ_ONLY, DISABLED = 0x10, 0x4, 0x1
KNOBS = (
    Knob("Brightness", BRIGHTNESS, 1, 0, 255, 1, 128, 130),
    Knob("Auto Exposure", AUTO_EXPOSURE, 3, 0, 3, 1, 3, 3, menu={1: "Manual Mode", 3: "Aperture Priority Mode"}),
    Knob("Exposure Time, Absolute", EXPOSURE, 1, 3, 2047, 1, 250, 333, INACTIVE),
    Knob("Power Line Frequency", POWER, 3, 0, 3, 1, 1, 1, menu={0: "Disabled", 1: "50 Hz", 2: "60 Hz", 3: "Auto"}),
    Knob("Pan, Absolute", PAN, 1, -36000, 36000, 3600),
    Knob("Tilt, Absolute", TILT, 1, -18000, 36000, 3600),
    Knob("Zoom, Absolute", ZOOM, 1, 100, 500, 1, 100, 100),
)


def read(*knobs):
    with VideoKernel(knobs=knobs).node() as node:
        return controls(node)


def test_controls_have_the_names_that_v4l2_ctl_gives_them():
    assert set(read(*KNOBS)) == {
        "brightness",
        "auto_exposure",
        "exposure_time_absolute",
        "power_line_frequency",
        "pan_absolute",
        "tilt_absolute",
        "zoom_absolute",
    }


def test_a_control_says_what_it_takes_and_where_it_stands():
    has = read(*KNOBS)
    assert has["brightness"] == Control("brightness", BRIGHTNESS, "number", 0, 255, 1, 128, 130)
    assert has["auto_exposure"].menu == ((1, "Manual Mode"), (3, "Aperture Priority Mode"))
    assert not has["exposure_time_absolute"].settable


def test_classes_texts_and_disabled_controls_are_left_out():
    assert not read(
        Knob("User Controls", 0x00980001, 6),
        Knob("Serial", 0x00980902, 7),
        Knob("Matrix", 0x00980903, 0x100),
        Knob("Off", 0x00980904, flags=DISABLED),
        Knob("\xff\xfe", 0x00980905),
    )


def test_a_driver_that_lists_its_controls_in_circles_is_left_alone():
    class Circle(VideoKernel):
        def _query(self, about):
            about.id, about.type, about.name = BRIGHTNESS, 1, b"Brightness"

    with Circle(knobs=KNOBS).node() as node:
        assert list(controls(node)) == ["brightness"]


def test_a_control_takes_the_nearest_value():
    kernel = VideoKernel(knobs=KNOBS)
    with kernel.node() as node:
        has = controls(node)
        assert set_control(node, has["brightness"], 9999) == 255
        assert set_control(node, has["pan_absolute"], 5000) == 3600
        assert set_control(node, has["auto_exposure"], 0) == 1
    assert kernel.knobs[PAN].value == 3600


numbers = st.integers(-(2**31), 2**31 - 1)


@given(numbers, numbers, st.integers(-5, 2**31), numbers)
def test_whatever_a_camera_says_a_value_lies_within_its_range(lowest, highest, step, wanted):
    control = Control("gain", 1, "number", lowest, highest, step, 0, 0)
    near = control.nearest(wanted)
    assert near == lowest if highest <= lowest else lowest <= near <= highest
    assert (near - lowest) % max(1, step) == 0


def test_automatic_controls_are_set_before_what_they_lock():
    order = []

    class Ordered(VideoKernel):
        def _set(self, about):
            order.append(about.id)
            super()._set(about)

    with Ordered(knobs=KNOBS).node() as node:
        apply(node, {"exposure_time_absolute": 100, "auto_exposure": 1}, "Cam")
    assert order == [AUTO_EXPOSURE, EXPOSURE]


def test_a_control_that_is_refused_is_said_and_the_others_are_set(caplog):
    kernel = VideoKernel(knobs=(Knob("Gain", 0x00980913, refuses=True), Knob("Brightness", BRIGHTNESS)))
    with kernel.node() as node:
        apply(node, {"gain": 1, "brightness": 7}, "Cam")
    assert kernel.knobs[BRIGHTNESS].value == 7
    assert "Cam did not take gain=1" in caplog.text


@pytest.mark.parametrize(("word", "value"), [("off", 0), ("50", 1), ("60", 2), ("auto", 3)])
def test_the_mains_frequency_is_said_in_words(word, value):
    assert wanted_value("power_line_frequency", word) == value


@pytest.mark.parametrize("word", ["", "-", "1.5", "0x10", "9" * 10, "--1"])
def test_a_value_that_is_no_number_is_explained(word):
    with pytest.raises(BadUri, match=r"gain=.* should be a whole number"):
        wanted_value("gain", word)


def test_a_camera_without_auto_takes_the_nearest_mains_frequency():
    plain = Knob("Power Line Frequency", POWER, 3, 0, 2, menu={0: "Disabled", 1: "50 Hz", 2: "60 Hz"})
    assert read(plain)["power_line_frequency"].nearest(3) == 2


def head_of(kernel):
    return UvcHead(DeviceUri.parse("v4l2:"), system(kernel))


@pytest.mark.parametrize(
    ("aim", "values"),
    [
        (Aim(), (0, 0, 100)),
        (Aim(1, 1, 1), (36000, 36000, 500)),
        (Aim(-1, -1, 0), (-36000, -18000, 100)),
        (Aim(0.5, -0.6, 0.25), (18000, -10800, 200)),
    ],
)
def test_an_aim_is_seconds_of_arc_with_zero_straight_ahead(aim, values):
    assert tuple(units(aim, read(*KNOBS)).values()) == values


aims = st.builds(Aim, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))


@given(aims)
def test_a_head_looks_where_it_was_sent_as_near_as_its_steps_allow(aim):
    kernel = VideoKernel(knobs=KNOBS)
    with head_of(kernel) as head:
        head.move(aim)
        there = head.aim()
    assert abs(there.pan - aim.pan) <= 0.051
    assert abs(there.tilt - aim.tilt) <= 0.101
    assert abs(there.zoom - aim.zoom) <= 0.002


def control(name, lowest, highest, value=0, step=1, settable=True):
    return Control(name, 1, "number", lowest, highest, step, 0, value, settable)


@given(aims, numbers, numbers, st.integers(-5, 2**31), numbers)
def test_a_head_whose_camera_lies_still_has_an_aim(aim, lowest, highest, step, value):
    has = {
        name: control(name, lowest, highest, value, step) for name in ("pan_absolute", "tilt_absolute", "zoom_absolute")
    }
    sent = units(aim, has)
    assert all(min(lowest, highest) <= number <= max(lowest, highest) for number in sent.values())
    assert isinstance(aim_of(has), Aim)


def test_what_a_camera_cannot_do_is_left_out():
    zoom = read(KNOBS[-1])
    assert units(Aim(1, 1, 1), zoom) == {"zoom_absolute": 500}
    assert aim_of(zoom) == Aim()
    assert aim_of(read(KNOBS[0])) is None
    locked = {"pan_absolute": control("pan_absolute", -10, 10, settable=False)}
    assert units(Aim(1, 1, 1), locked) == {}


def test_a_camera_that_neither_turns_nor_zooms_has_no_head():
    kernel = VideoKernel(knobs=KNOBS[:3])
    with pytest.raises(DeviceError, match="can neither turn nor zoom"), head_of(kernel):
        pass


def test_a_head_that_was_pulled_out_is_told_so():
    kernel = VideoKernel(knobs=KNOBS)
    with head_of(kernel) as head:
        kernel.gone = True
        with pytest.raises(DeviceError, match="Webcam A is unplugged"):
            head.move(Aim())


@pytest.mark.parametrize("numbers", [(1.1, 0, 0), (0, -1.1, 0), (0, 0, -0.1), (math.nan, 0, 0)])
def test_an_aim_beyond_reach_is_none(numbers):
    with pytest.raises(ValueError, match="no head can reach"):
        Aim(*numbers)


@given(st.floats(), st.floats(), st.floats())
def test_there_is_always_a_nearest_aim(pan, tilt, zoom):
    assert isinstance(Aim.within(pan, tilt, zoom), Aim)


def test_a_camera_is_a_head_of_its_own_by_the_same_uri():
    with head_of(VideoKernel(knobs=KNOBS)) as device:
        assert (device.name, device.simulated, device.pan_deg) == ("Webcam A", False, 10.0)
    assert isinstance(head("v4l2:046d:085e"), UvcHead)
    with head_of(VideoKernel(knobs=KNOBS[-1:])) as device:
        assert device.pan_deg == 0.1
