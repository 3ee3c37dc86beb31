import errno
import os

import pytest
from video_kernel import VideoKernel

from hardware.camera.formats import Mode
from hardware.camera.node import VideoNode, in_words, usb_speed
from hardware.ports import DeviceMissing

WANTED = (1280, 720), 30


def modes(kernel):
    with kernel.node() as node:
        return node.modes(*WANTED)


def test_modes_are_read_with_their_rates():
    kernel = VideoKernel({"YUYV": {(640, 480): [(1, 30), (1, 15)]}, "MJPG": {(1280, 720): [(1, 30)]}})
    assert modes(kernel) == (
        Mode("YUYV", 640, 480, 30.0),
        Mode("YUYV", 640, 480, 15.0),
        Mode("MJPG", 1280, 720, 30.0),
    )


def test_a_camera_without_rates_has_modes_without_rates():
    assert modes(VideoKernel({"MJPG": {(640, 480): []}})) == (Mode("MJPG", 640, 480, None),)


def test_intervals_of_nothing_and_of_no_time_are_no_rates():
    assert modes(VideoKernel({"MJPG": {(640, 480): [(0, 1), (1, 0), (0, 0), (1, 9000)]}})) == (
        Mode("MJPG", 640, 480, None),
    )


def test_where_sizes_are_free_the_wanted_one_and_a_smaller_one_are_taken():
    kernel = VideoKernel({"YUYV": {}}, free_sizes=(48, 1920, 2, 32, 1080, 2), free_rates=((1, 60), (1, 5)))
    assert modes(kernel) == (Mode("YUYV", 1280, 720, 30.0), Mode("YUYV", 640, 360, 30.0))


def test_free_rates_that_do_not_reach_the_wanted_one_end_where_they_end():
    kernel = VideoKernel({"MJPG": {(1920, 1080): []}}, free_rates=((1, 20), (1, 1)))
    assert modes(kernel) == (Mode("MJPG", 1920, 1080, 20.0),)


def test_the_same_mode_twice_is_one():
    kernel = VideoKernel({"YUYV": {(640, 480): [(1, 30), (1, 30), (2, 60)]}})
    assert modes(kernel) == (Mode("YUYV", 640, 480, 30.0),)


def test_formats_nobody_can_take_in_are_left_out():
    assert modes(VideoKernel({"BA81": {(640, 480): [(1, 30)]}, "\0\1\2\3": {(640, 480): [(1, 30)]}})) == ()


def test_a_driver_that_never_ends_its_lists_is_asked_a_bounded_number_of_times():
    class Endless(VideoKernel):
        def _size(self, about):
            about.type = 1
            about.discrete.width, about.discrete.height = 16 + 2 * about.index, 16

        def _rate(self, about):
            about.type = 1
            about.discrete.numerator, about.discrete.denominator = 1, 1 + about.index

    endless = Endless({"YUYV": {}, "MJPG": {}})
    assert len(modes(endless)) == 2000
    assert endless.asked < 20_000


def test_a_device_that_vanishes_while_it_is_asked_is_an_error():
    kernel = VideoKernel()
    with kernel.node() as node:
        kernel.gone = True
        with pytest.raises(OSError, match="No such device"):
            node.modes(*WANTED)


def test_a_name_is_what_can_be_read_of_it():
    with VideoKernel().node() as node:
        assert node.card == "Webcam \N{REPLACEMENT CHARACTER}: Webcam"


def test_a_driver_that_sees_no_source_says_so_and_others_say_nothing():
    for status, told in ((0x2, False), (0x10000, False), (0x100, False), (0x1, False), (0, None)):
        with VideoKernel(inputs=[("HDMI", status)]).node() as node:
            assert node.has_signal() is told
    with VideoKernel(inputs=[]).node() as node:
        assert node.has_signal() is None


def test_inputs_have_names():
    with VideoKernel(inputs=[("HDMI 0", 0), ("S-Video", 0)]).node() as node:
        assert node.inputs() == ("HDMI 0", "S-Video")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENODEV, "is unplugged"),
        (errno.EBUSY, "used by another program"),
        (errno.EACCES, "group video"),
        (errno.ENOSPC, "plug it into another one"),
        (errno.EIO, "unplug it and plug it in again"),
    ],
)
def test_errors_are_told_in_words(number, words):
    assert words in str(in_words("Cam", OSError(number, os.strerror(number))))


def test_a_node_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, VideoNode(f"{tmp_path}/video9"):
        pass
    assert isinstance(in_words("Cam", caught.value), DeviceMissing)


def sysfs(tmp_path, speed):
    usb = tmp_path / "devices/usb1/1-2"
    interface = usb / "1-2:1.0"
    interface.mkdir(parents=True)
    (usb / "idVendor").write_text("046d\n")
    (usb / "speed").write_text(speed)
    node = tmp_path / "class/video4linux/video0"
    node.mkdir(parents=True)
    (node / "device").symlink_to(interface)
    return tmp_path


@pytest.mark.parametrize(
    ("speed", "read"),
    [("480\n", 480.0), ("1.5\n", 1.5), ("", None), ("fast", None), ("9" * 100_000, 9999999999999999.0)],
)
def test_the_speed_of_usb_is_read_and_nonsense_is_none(tmp_path, speed, read):
    assert usb_speed("/dev/video0", sysfs(tmp_path, speed)) == read


def test_what_is_no_usb_device_has_no_speed(tmp_path):
    (tmp_path / "class/video4linux/video0/device").mkdir(parents=True)
    assert usb_speed("/dev/video0", tmp_path) is None
    assert usb_speed("/dev/video1", tmp_path) is None
