"""Cameras of each driver on a test bench: the same handles for all of them."""

import contextlib
import os
import time
from functools import partial
from pathlib import Path

from camera_pictures import PIXELS, picture
from fake_picamera2 import Machine
from video_kernel import VideoKernel

from hardware import registry
from hardware.camera.picamera import PiCamera
from hardware.camera.v4l2 import System, V4l2Camera
from hardware.ports import Found
from hardware.uri import DeviceUri

WEBCAM = Found("camera", "usb:046d:085e:A1", "Webcam A", "/dev/video0", "pci-0-usb-0:1:1.0")
OTHER = Found("camera", "usb:046d:0825:B2", "Webcam B", "/dev/video2", "pci-0-usb-0:2:1.0")
STICK = Found("capture", "usb:534d:2109@x", "USB Video", "/dev/video4", "pci-0-usb-0:3:1.0")


def system(kernel=None, found=(WEBCAM,)):
    """Return what a camera stands on where these devices are found, all of them this kernel's."""
    kernel = kernel or VideoKernel({"MJPG": {(64, 48): [(1, 30)]}})
    return System(found=lambda: found, node=kernel.node, speed=lambda _: 480.0)


def camera(uri, kernel=None, *, found=(WEBCAM, OTHER, STICK), kind=V4l2Camera):
    return kind(DeviceUri.parse(uri), system(kernel, found))


def held(kernel):
    """Return how often this process has the device open, and how many of its buffers are mapped."""
    inode = os.fstat(kernel._memory).st_ino
    handles = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            handles += link.stat().st_ino == inode
    return handles, Path("/proc/self/maps").read_text().count(f" {inode} ")


class Paced:
    """A camera that sends by itself."""

    def __init__(self, uri, clip):
        self.camera = registry.camera(uri.format(clip=clip))

    def give(self):
        """It does so by itself."""


class OnWire:
    """The V4L2 driver over a kernel whose other end the test holds; Linux' own is tried in the guest."""

    def __init__(self, letters, size=(64, 48)):
        self._letters, self._size = letters, size
        self.kernel = VideoKernel({letters: {size: [(1, 30)]}})
        self._count = 0
        self.camera = V4l2Camera(DeviceUri.parse("v4l2:"), system(self.kernel))

    def give(self, size=None):
        wait_for(lambda: self.kernel.streaming)
        self._count += 1
        self.kernel.give(picture(self._letters, size or self._size, 40 + self._count * 11 % 180))

    def pull(self):
        wait_for(lambda: self.kernel.streaming)
        self.kernel.gone = True

    def put_back(self):
        self.kernel.gone = self.kernel.streaming = False


class OnRibbon:
    """The picamera2 driver over a stand-in of picamera2."""

    def __init__(self):
        self.library = Machine()
        self.camera = PiCamera(DeviceUri.parse("picamera:?size=322x180"), lambda: self.library)

    def give(self):
        wait_for(lambda: self.library.opened and self.library.opened[-1].started)
        self.library.opened[-1].give(40 + time.monotonic_ns() % 150)


PACED = {
    "sim": lambda clip: Paced("sim:pattern?size=320x180", clip),
    "file": lambda clip: Paced("file:{clip}", clip),
}
WIRED = {f"v4l2 {letters}": partial(lambda letters, _: OnWire(letters), letters) for letters in PIXELS}
HELD = {**WIRED, "picamera": lambda _: OnRibbon()}


def wait_for(condition, timeout_s=5.0):
    """Return once it is so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
