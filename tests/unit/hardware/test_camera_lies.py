"""V4L2 cameras that hang, lie and vanish while they are opened: an error in words, and nothing left behind."""

import errno
import threading

import pytest
from camera_pictures import picture
from camera_rigs import STICK, camera, held, system, wait_for
from video_kernel import Knob, VideoKernel

from hardware.camera import newest, videodev2
from hardware.camera.capture import CaptureInput
from hardware.camera.stream import Layout, Taken
from hardware.camera.v4l2 import Decoder
from hardware.ports import DeviceError, DeviceMissing
from hardware.uri import DeviceUri


class Hanging(VideoKernel):
    """A driver that does not come back from one of its answers, as USB's do when a camera is pulled in that moment."""

    def __init__(self, request, **kernel):
        super().__init__(**kernel)
        self._hangs, self.released = request, threading.Event()

    def __call__(self, fd, request, about):
        if request == self._hangs:
            self.released.wait(20)
        return super().__call__(fd, request, about)


@pytest.mark.parametrize(
    "request_", [videodev2.VIDIOC_ENUM_FMT, videodev2.VIDIOC_S_CTRL, videodev2.VIDIOC_S_FMT, videodev2.VIDIOC_STREAMON]
)
def test_a_camera_that_hangs_while_it_is_opened_is_given_up_in_time(request_, monkeypatch):
    monkeypatch.setattr(newest, "_OPEN_S", 0.1)
    monkeypatch.setattr(newest, "_END_S", 0.1)
    kernel = Hanging(request_, knobs=[Knob("Gain", 7)])
    with pytest.raises(DeviceError, match="Webcam A does not answer while it is opened"):
        camera("v4l2:?gain=3", kernel).__enter__()
    assert newest.stuck() == 1
    kernel.released.set()
    wait_for(lambda: newest.stuck() == 0 and held(kernel) == (1, 0))


def test_a_driver_that_hangs_when_asked_for_the_signal_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(newest, "_END_S", 0.1)
    kernel = Hanging(videodev2.VIDIOC_G_INPUT)
    with CaptureInput(DeviceUri.parse("v4l2:"), system(kernel, [STICK])) as device:
        assert device.read(0.05) is None
        assert device.has_signal() is None
    kernel.released.set()
    wait_for(lambda: newest.stuck() == 0)


def test_a_camera_that_is_pulled_while_it_is_set_is_unplugged_and_not_poor(caplog):
    kernel = VideoKernel()
    kernel.fails[videodev2.VIDIOC_QUERY_EXT_CTRL] = errno.ENODEV
    with pytest.raises(DeviceMissing, match="Webcam A is unplugged"):
        camera("v4l2:?gain=3", kernel).__enter__()
    assert "has no gain" not in caplog.text


def test_a_camera_of_which_nothing_is_wanted_is_not_asked_for_its_controls():
    kernel = VideoKernel()
    kernel.fails[videodev2.VIDIOC_QUERY_EXT_CTRL] = errno.ENODEV
    with camera("v4l2:", kernel):
        assert kernel.streaming


@pytest.mark.parametrize("size", [(0, 0), (1, 480), (640, 2**31), (2**32 - 1, 2**32 - 1)])
def test_a_driver_that_makes_a_size_of_no_camera_is_refused(size):
    class Liar(VideoKernel):
        def _agree(self, about):
            super()._agree(about)
            about.fmt.pix.width, about.fmt.pix.height = size

    kernel = Liar()
    with pytest.raises(DeviceError, match=f"gives pictures of {size[0]}x{size[1]}"):
        camera("v4l2:", kernel).__enter__()
    assert held(kernel) == (1, 0)


@pytest.mark.parametrize("length", [0, 2**31])
def test_a_driver_whose_buffers_are_none_is_refused(length):
    class Liar(VideoKernel):
        def _place(self, about):
            super()._place(about)
            about.length = length

    kernel = Liar()
    with pytest.raises(DeviceError, match=f"has buffers of {length} bytes"):
        camera("v4l2:", kernel).__enter__()
    assert held(kernel) == (1, 0)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (8, 480), (16384, 16)])
def test_a_jpeg_of_no_camera_s_size_is_a_lost_picture(size):
    whole = bytearray(picture("MJPG", (64, 48), 100))
    start = whole.index(b"\xff\xc0")
    whole[start + 5 : start + 9] = size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big")
    decoder = Decoder(Layout("MJPG", 64, 48, 0, full_range=False, bt709=False))
    assert decoder.frames(Taken(bytes(whole), 0, 0)) == [None]
    assert decoder.frames(Taken(picture("MJPG", (64, 48), 100), 0, 0))[0].width == 64
