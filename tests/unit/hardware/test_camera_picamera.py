import sys

import numpy as np
import pytest
from camera_rigs import wait_for
from fake_picamera2 import Machine

from hardware import registry
from hardware.camera.newest import stuck
from hardware.camera.picamera import PiCamera, cameras, planes, present
from hardware.ports import DeviceError, DeviceMissing, Found
from hardware.uri import DeviceUri

WIDE = {
    "Model": "imx708_wide",
    "Location": 2,
    "Rotation": 180,
    "Id": "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a",
    "Num": 0,
}
HQ = {
    "Model": "imx477",
    "Location": 2,
    "Rotation": 0,
    "Id": "/base/axi/pcie@1000120000/rp1/i2c@80000/imx477@1a",
    "Num": 1,
}
USB = {
    "Model": "C920",
    "Location": 3,
    "Rotation": 0,
    "Id": "/base/axi/pcie@1000120000/rp1/usb@200000-1:1.0-046d:082d",
    "Num": 2,
}


def camera(library, uri="picamera:"):
    return PiCamera(DeviceUri.parse(uri), lambda: library)


def one_picture(device, library):
    wait_for(lambda: library.opened and library.opened[-1].started)
    library.opened[-1].give()
    return device.read(5.0)


@pytest.mark.parametrize("gives", ["YUV420", "NV12"])
def test_rows_are_taken_without_their_padding(gives):
    library = Machine()
    library.gives = gives
    with camera(library, "picamera:?size=330x182") as device:
        frame = one_picture(device, library)
    assert (frame.width, frame.height) == (330, 182)
    assert (frame.y == 100).all()
    assert (frame.u == 90).all()
    assert (frame.v == 160).all()
    assert frame.u.shape == frame.v.shape == (91, 165)


def test_the_configuration_asks_for_the_size_and_the_rate():
    library = Machine()
    with camera(library, "picamera:?size=640x360&fps=25") as device:
        one_picture(device, library)
        configuration = library.opened[0].camera_config
    assert configuration["main"]["size"] == (640, 360)
    assert configuration["controls"] == {"FrameRate": 25}


@pytest.mark.parametrize(("colours", "bt709"), [("Rec709", True), ("SMPTE170M", False)])
def test_colours_are_as_libcamera_says(colours, bt709):
    library = Machine()
    library.colours = colours
    with camera(library) as device:
        frame = one_picture(device, library)
    assert frame.bt709 is bt709
    assert not frame.full_range


def test_a_picture_of_another_format_is_an_error_in_words():
    library = Machine()
    library.gives = "BGR888"
    with pytest.raises(DeviceError, match="gives BGR888 instead of YUV420"):
        camera(library).__enter__()
    assert library.opened[0].closed


def test_it_is_closed_with_the_room():
    library = Machine()
    with camera(library) as device:
        one_picture(device, library)
    assert library.opened[0].closed
    assert not library.opened[0].started


def test_one_that_is_in_use_says_what_helps():
    library = Machine()
    library.error = "Camera __init__ sequence did not complete."
    with pytest.raises(DeviceError, match="close other programs that use it"):
        camera(library).__enter__()


def test_one_whose_stop_hangs_is_given_up():
    library = Machine()
    library.hangs = True
    device = camera(library)
    with device:
        one_picture(device, library)
    assert stuck() == 1
    library.opened[0].released.set()
    wait_for(lambda: stuck() == 0)


def test_modules_are_told_from_usb_cameras_that_libcamera_lists_too():
    assert cameras(Machine((WIDE, HQ, USB))) == (
        Found("camera", f"csi:{WIDE['Id']}", "imx708_wide", "0", WIDE["Id"]),
        Found("camera", f"csi:{HQ['Id']}", "imx477", "1", HQ["Id"]),
    )


@pytest.mark.parametrize(("selector", "number"), [("", 0), ("0", 0), ("1", 1), ("imx477", 1), ("IMX708", 0)])
def test_a_module_is_found_by_number_or_model(selector, number):
    library = Machine((WIDE, HQ, USB))
    with camera(library, f"picamera:{selector}"):
        wait_for(lambda: library.opened)
    assert library.opened[0].number == number


@pytest.mark.parametrize("selector", ["2", "7", "ov5647"])
def test_a_module_that_is_not_there_says_which_are(selector):
    with pytest.raises(DeviceMissing, match=r"there is: imx708_wide, imx477\): with the power off, check both ends"):
        camera(Machine((WIDE, HQ, USB)), f"picamera:{selector}").__enter__()
    assert not present(DeviceUri.parse(f"picamera:{selector}"), lambda: Machine((WIDE, HQ, USB)))


def test_no_module_at_all_is_missing_too():
    with pytest.raises(DeviceMissing, match="there is: none"):
        camera(Machine(())).__enter__()
    assert present(DeviceUri.parse("picamera:"), Machine)


def test_without_picamera2_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceMissing, match="sudo apt install python3-picamera2, then make install anew"):
        registry.camera("picamera:").__enter__()
    assert not registry.present("camera", "picamera:")


def test_a_buffer_that_is_too_short_is_an_error():
    main = {"format": "YUV420", "size": (64, 48), "stride": 64}
    with pytest.raises(ValueError, match="reshape"):
        planes(np.zeros(100, np.uint8), main)


def test_a_buffer_that_is_too_short_is_a_lost_picture_and_keeps_libcameras_loop_going():
    library = Machine()
    with camera(library) as device:
        one_picture(device, library)
        library.opened[0].give_short()
        assert device.read(0.2) is None
        assert device.dropped == 1
        assert one_picture(device, library) is not None


def test_one_that_fails_to_start_and_to_stop_is_closed_all_the_same():
    library = Machine()
    library.error_at_start = "Failed to start camera"
    with pytest.raises(DeviceError, match="Failed to start camera"):
        camera(library).__enter__()
    assert library.opened[0].closed


def test_a_libcamera_that_cannot_list_is_a_device_error():
    library = Machine()
    library.global_camera_info = lambda: (_ for _ in ()).throw(RuntimeError("no camera manager"))
    with pytest.raises(DeviceError, match="cannot list the camera modules"):
        camera(library).__enter__()


def test_a_picamera2_that_was_built_for_another_numpy_says_what_helps(monkeypatch, tmp_path):
    (tmp_path / "picamera2.py").write_text('raise ValueError("numpy.dtype size changed")')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(DeviceMissing, match="dtype size changed"):
        registry.camera("picamera:").__enter__()
