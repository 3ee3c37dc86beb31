import errno
import logging
import threading

import numpy as np
import pytest
from camera_pictures import picture
from camera_rigs import OTHER, STICK, WEBCAM, camera, held, system, wait_for
from video_kernel import Knob, VideoKernel

from hardware import registry
from hardware.camera import capture, newest, v4l2, videodev2
from hardware.camera.capture import CaptureInput
from hardware.camera.newest import Intake
from hardware.camera.v4l2 import System, V4l2Camera
from hardware.ports import BadUri, DeviceError, DeviceMissing
from hardware.uri import DeviceUri

POWER_LINE, FOCUS, AUTO_FOCUS = 0x00980918, 0x009A090A, 0x009A090C


def agreed(uri, kernel):
    """Return the mode that is set for a URI, and the rate."""
    with camera(uri, kernel):
        wait_for(lambda: kernel.streaming)
    return kernel.agreed, kernel.rate


def opened(uri, **how):
    """Return the name of what is opened for a URI."""
    with camera(uri, **how) as device:
        return device.name


C920 = {
    "YUYV": {(640, 480): [(1, 30)], (1280, 720): [(1, 10)]},
    "MJPG": {(640, 480): [(1, 30)], (1280, 720): [(1, 30), (100, 2997)]},
    "H264": {(1280, 720): [(1, 30)]},
}


@pytest.mark.parametrize(
    ("uri", "mode", "rate"),
    [
        ("v4l2:", ("MJPG", 1280, 720), (1, 30)),
        ("v4l2:?size=640x480", ("YUYV", 640, 480), (1, 30)),
        ("v4l2:?format=h264", ("H264", 1280, 720), (1, 30)),
        ("v4l2:?fps=29", ("MJPG", 1280, 720), (100, 2997)),
    ],
)
def test_the_mode_that_was_chosen_is_set(uri, mode, rate):
    assert agreed(uri, VideoKernel(C920)) == (mode, rate)


def test_a_rate_that_is_refused_is_left_as_it_is():
    kernel = VideoKernel(C920)
    kernel.fails[videodev2.VIDIOC_S_PARM] = errno.ENOTTY
    assert agreed("v4l2:", kernel) == (("MJPG", 1280, 720), None)


def test_the_device_a_selector_names_is_opened():
    assert opened("v4l2:") == "Webcam A"
    assert opened("v4l2:webcam b") == "Webcam B"
    assert opened("v4l2:usb:046d:0825:B2") == "Webcam B"
    assert opened("v4l2:/dev/video4") == "USB Video"


def test_it_is_looked_for_each_time():
    where, nodes = [WEBCAM], []
    kernel = VideoKernel()

    def node(path):
        nodes.append(path)
        return kernel.node()

    device = V4l2Camera(DeviceUri.parse("v4l2:Webcam"), System(lambda: tuple(where), node, lambda _: 480.0))
    for here in (WEBCAM, OTHER):
        where[0] = here
        with device:
            wait_for(lambda: kernel.streaming)
    assert set(nodes[: len(nodes) // 2]) == {"/dev/video0"}
    assert set(nodes[len(nodes) // 2 :]) == {"/dev/video2"}


@pytest.mark.parametrize(
    "request_", [videodev2.VIDIOC_S_FMT, videodev2.VIDIOC_REQBUFS, videodev2.VIDIOC_QBUF, videodev2.VIDIOC_STREAMON]
)
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EBUSY, "Webcam A is used by another program"),
        (errno.ENOSPC, "Webcam A gets no room on its USB port"),
        (errno.EIO, "Webcam A failed"),
        (errno.ENODEV, "Webcam A is unplugged"),
    ],
)
def test_whatever_fails_when_it_starts_is_told_and_all_is_let_go(request_, number, words):
    kernel = VideoKernel()
    kernel.fails[request_] = number
    with pytest.raises(DeviceError, match=words):
        camera("v4l2:", kernel).__enter__()
    # the kernel's own handle of its memory stays
    assert held(kernel) == (1, 0)
    kernel.fails.clear()
    assert agreed("v4l2:", kernel)


def test_a_camera_that_was_closed_holds_nothing():
    kernel = VideoKernel()
    with camera("v4l2:", kernel):
        wait_for(lambda: kernel.streaming)
        assert held(kernel)[1] >= 4
    assert held(kernel) == (1, 0)


def test_a_camera_that_is_gone_when_its_modes_are_asked_for_is_missing():
    kernel = VideoKernel()
    kernel.gone = True
    with pytest.raises(DeviceMissing, match="Webcam A is unplugged"), camera("v4l2:", kernel):
        pass


def test_a_camera_without_usable_modes_is_refused_by_name():
    with pytest.raises(DeviceError, match="Webcam A: it offers no usable"), camera("v4l2:", VideoKernel({})):
        pass


def test_a_camera_that_gives_another_format_than_it_offers_is_refused():
    kernel = VideoKernel()
    kernel.gives = "BA81"
    with pytest.raises(DeviceError, match="offers YUYV and gives 'BA81'"):
        camera("v4l2:", kernel).__enter__()


def test_a_driver_without_buffers_is_refused():
    class Poor(VideoKernel):
        def _request(self, about):
            about.count = min(about.count, 1)

    with pytest.raises(DeviceError, match="1 buffers are not enough"):
        camera("v4l2:", Poor()).__enter__()


@pytest.mark.parametrize("letters", ["YUYV", "UYVY", "NV12", "YU12"])
@pytest.mark.parametrize("padding", [0, 32])
def test_raw_pictures_are_taken_without_the_padding_of_their_rows(letters, padding):
    kernel = VideoKernel({letters: {(64, 48): [(1, 30)]}})
    kernel.padding = padding
    data = picture(letters, (64, 48), 130)
    with camera("v4l2:", kernel) as device:
        wait_for(lambda: kernel.streaming)
        kernel.give(padded(data, letters, 64, 48, padding) + b"more than asked for")
        frame = device.read(5.0)
    assert frame.y.shape == (48, 64)
    # FFmpeg dithers, by one
    assert np.ptp(frame.y) <= 1
    assert (frame.u == 128).all()
    assert (frame.v == 128).all()


def padded(data, letters, width, height, padding):
    """Return a raw picture with rows that are longer than they need to be, filled with what must not be seen."""
    if letters == "YU12":
        luma, chroma = data[: width * height], data[width * height :]
        return _longer(luma, width, padding) + _longer(chroma, width // 2, padding // 2)
    return _longer(data, width * (1 if letters == "NV12" else 2), padding)


def _longer(data, row, padding):
    return b"".join(data[at : at + row] + b"\xee" * padding for at in range(0, len(data), row))


@pytest.mark.parametrize(
    ("told", "full_range", "bt709"),
    [
        ((8, 0, 0), False, False),  # sRGB, as webcams say: BT.601, limited
        ((3, 0, 0), False, True),  # REC709
        ((8, 2, 1), True, True),  # said outright
        ((7, 0, 0), True, False),  # JPEG
    ],
)
def test_colours_are_as_v4l2_defines_them(told, full_range, bt709):
    kernel = VideoKernel({"YUYV": {(64, 48): [(1, 30)]}}, colours=told)
    with camera("v4l2:", kernel) as device:
        wait_for(lambda: kernel.streaming)
        kernel.give(picture("YUYV", (64, 48), 130))
        frame = device.read(5.0)
    assert (frame.full_range, frame.bt709) == (full_range, bt709)


def test_jpeg_is_of_full_range_and_bt601_whatever_the_driver_says():
    kernel = VideoKernel({"MJPG": {(64, 48): [(1, 30)]}}, colours=(3, 2, 2))
    with camera("v4l2:", kernel) as device:
        wait_for(lambda: kernel.streaming)
        kernel.give(picture("MJPG", (64, 48), 255))
        frame = device.read(5.0)
    assert (frame.full_range, frame.bt709) == (True, False)
    assert frame.y.min() > 250


def test_a_camera_that_is_not_there_names_those_that_are():
    with pytest.raises(DeviceMissing, match=r"no camera Brio \(there is: Webcam A, Webcam B, USB Video\)"):
        camera("v4l2:Brio").__enter__()


def test_an_hdmi_input_is_a_camera_only_where_it_is_named():
    with pytest.raises(DeviceMissing, match=r"no camera \(there is: USB Video\): plug the camera in"):
        camera("v4l2:", found=(STICK,)).__enter__()
    assert opened("v4l2:USB Video", found=(WEBCAM, STICK)) == "USB Video"


def test_the_first_hdmi_input_is_the_one_to_share_from():
    assert opened("v4l2:", kind=CaptureInput) == "USB Video"
    with pytest.raises(DeviceMissing, match="no HDMI input"):
        camera("v4l2:", kind=CaptureInput, found=(WEBCAM,)).__enter__()


def test_a_camera_is_never_shared_for_its_name():
    with pytest.raises(DeviceMissing, match=f"no HDMI input {WEBCAM.name}"):
        camera(f"v4l2:{WEBCAM.name}", kind=CaptureInput, found=(WEBCAM,)).__enter__()
    assert opened(f"v4l2:{WEBCAM.node}", kind=CaptureInput, found=(WEBCAM,)) == WEBCAM.name


def test_presence_is_known_without_opening_anything():
    built = system(found=(WEBCAM,))
    assert v4l2.present(DeviceUri.parse("v4l2:Webcam A"), built)
    assert not v4l2.present(DeviceUri.parse("v4l2:Webcam B"), built)
    assert not capture.present(DeviceUri.parse("v4l2:"), built)
    assert capture.present(DeviceUri.parse("v4l2:"), system(found=(STICK,)))


def test_controls_in_the_uri_are_set_before_it_streams():
    knobs = [
        Knob("Power Line Frequency", POWER_LINE, 3, 0, 2, value=2, menu={0: "Disabled", 1: "50 Hz", 2: "60 Hz"}),
        Knob("Focus, Absolute", FOCUS, 1, 0, 250, 5),
        Knob("Focus, Automatic Continuous", AUTO_FOCUS, 2, 0, 1, value=1),
    ]
    kernel = VideoKernel({"MJPG": {(1280, 720): [(1, 30)]}}, knobs)
    agreed("v4l2:?focus_absolute=33&focus_automatic_continuous=0&power_line_frequency=50", kernel)
    assert [kernel.knobs[id_].value for id_ in (POWER_LINE, FOCUS, AUTO_FOCUS)] == [1, 35, 0]


def test_a_control_the_camera_does_not_have_keeps_nobody_from_using_it(caplog):
    caplog.set_level(logging.WARNING)
    assert opened("v4l2:?zoom_absolute=100")
    assert "Webcam A has no zoom_absolute" in caplog.text


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("v4l2:?format=bmp", "one of yuyv, uyvy, nv12, yu12, mjpeg, h264"),
        ("v4l2:?colour=red", "no option 'colour'"),
        ("v4l2:?power_line_frequency=55", "should be off, 50, 60, auto"),
        ("v4l2:?gain=much", "a whole number"),
        ("v4l2:?fps=0", "from 1 to 120"),
    ],
)
def test_a_wrong_uri_says_what_is_right(uri, words):
    with pytest.raises(BadUri, match=words):
        registry.camera(uri)


def test_the_registry_knows_the_drivers_and_needs_no_path_for_them():
    assert isinstance(registry.camera("v4l2:"), V4l2Camera)
    assert isinstance(registry.capture("v4l2:"), CaptureInput)
    assert not registry.camera("v4l2:046d:085e").simulated
    assert registry.camera("picamera:0").name == "camera module 0"
    assert registry.capture("sim:pattern").simulated


def test_reading_from_a_camera_that_was_not_opened_is_an_error():
    with pytest.raises(DeviceError, match="is not open"):
        registry.camera("v4l2:").read(0.1)


def test_its_drivers_word_about_the_signal_is_passed_on_and_asked_for_again(monkeypatch):
    monkeypatch.setattr(v4l2, "_ASK_S", 0.05)
    kernel = VideoKernel(inputs=[("HDMI 0", 2)])
    with CaptureInput(DeviceUri.parse("v4l2:"), system(kernel, [STICK])) as device:
        wait_for(lambda: device.has_signal() is False)
        kernel.inputs = [("HDMI 0", 0)]
        wait_for(lambda: device.has_signal() is None)
        kernel.gone = True
        with pytest.raises(DeviceError, match="unplugged"):
            device.read(5.0)


def hung(name="Webcam A"):
    """Return a camera's thread that the kernel does not let go, and what lets it go."""
    released = threading.Event()

    def frames(_stop):
        released.wait()
        yield from ()

    return Intake(name, frames), released


def test_a_camera_whose_thread_cannot_be_ended_is_given_up_counted_and_logged(caplog, monkeypatch):
    monkeypatch.setattr(newest, "_END_S", 0.1)
    intake, released = hung()
    intake.start()
    intake.stop()
    assert newest.stuck() == 1
    assert "Webcam A hangs and cannot be closed; 1 such" in caplog.text
    released.set()
    intake.join()
    assert newest.stuck() == 0


def test_where_many_cameras_hang_no_more_are_opened(monkeypatch):
    monkeypatch.setattr(newest, "_END_S", 0.0)
    hanging = [hung() for _ in range(8)]
    for intake, _ in hanging:
        intake.start()
        intake.stop()
    with pytest.raises(DeviceError, match="hangs again and again"):
        camera("v4l2:").__enter__()
    for intake, released in hanging:
        released.set()
        intake.join()


def test_what_nobody_foresaw_reaches_the_reader_as_well(monkeypatch):
    def frames(_stop):
        yield from ()
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    intake = Intake("Webcam A", frames)
    intake.start()
    with pytest.raises(DeviceError, match="sends no more pictures"):
        intake.newest.take(5.0)
    wait_for(lambda: not intake.is_alive())
