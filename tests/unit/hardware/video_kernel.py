"""A kernel's side of V4L2: what a driver answers, or how it lies, and what it streams.

The buffers are real shared memory, and may be polled; the kernel's own side of it all is tried in the guest.
"""

import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardware.camera import videodev2
from hardware.camera.node import VideoNode, fourcc

Rates = Sequence[tuple[int, int]]
"""Intervals in seconds, as fractions."""


@dataclass
class Knob:
    """A control of a device."""

    name: str
    id: int
    type: int = 1
    lowest: int = 0
    highest: int = 255
    step: int = 1
    default: int = 0
    value: int = 0
    flags: int = 0
    menu: Mapping[int, str] = field(default_factory=dict)
    refuses: bool = False


class VideoKernel:
    """Answers as a driver with these modes, controls and inputs would; used as the `ioctl` of a `VideoNode`."""

    buffer_bytes = 256 * 1024

    def __init__(
        self,
        modes: Mapping[str, Mapping[tuple[int, int], Rates]] | None = None,
        knobs: Sequence[Knob] = (),
        inputs: Sequence[tuple[str, int]] = (("Camera 1", 0),),
        free_sizes: tuple[int, int, int, int, int, int] | None = None,
        free_rates: tuple[tuple[int, int], tuple[int, int]] | None = None,
        colours: tuple[int, int, int] = (8, 0, 0),
    ) -> None:
        self.modes = modes if modes is not None else {"YUYV": {(640, 480): [(1, 30)]}}
        self.knobs = {knob.id: replace(knob) for knob in knobs}
        self.inputs, self.free_sizes, self.free_rates, self.colours = inputs, free_sizes, free_rates, colours
        self.gone = False
        self.asked = 0
        self.fails: dict[int, int] = {}
        """Requests that fail, and with what."""
        self.gives: str | None = None
        """The format it sets whatever it is asked for."""
        self.padding = 0
        """Bytes after each row."""
        self.agreed = None
        self.rate = None
        self.streaming = False
        self._lock = threading.Lock()
        self._queued, self._done = [], []
        self._sequence = 0
        self._memory = os.memfd_create("buffers")
        os.truncate(self._memory, 8 * self.buffer_bytes)
        weakref.finalize(self, os.close, self._memory)
        self._answers: dict[int, Callable] = {
            videodev2.VIDIOC_QUERYCAP: self._capability,
            videodev2.VIDIOC_ENUM_FMT: self._format,
            videodev2.VIDIOC_ENUM_FRAMESIZES: self._size,
            videodev2.VIDIOC_ENUM_FRAMEINTERVALS: self._rate,
            videodev2.VIDIOC_QUERY_EXT_CTRL: self._query,
            videodev2.VIDIOC_QUERYMENU: self._menu,
            videodev2.VIDIOC_G_CTRL: self._get,
            videodev2.VIDIOC_S_CTRL: self._set,
            videodev2.VIDIOC_G_INPUT: self._input,
            videodev2.VIDIOC_ENUMINPUT: self._describe_input,
            videodev2.VIDIOC_S_FMT: self._agree,
            videodev2.VIDIOC_S_PARM: self._set_rate,
            videodev2.VIDIOC_REQBUFS: self._request,
            videodev2.VIDIOC_QUERYBUF: self._place,
            videodev2.VIDIOC_QBUF: self._queue,
            videodev2.VIDIOC_DQBUF: self._dequeue,
            videodev2.VIDIOC_STREAMON: self._start,
            videodev2.VIDIOC_STREAMOFF: self._stop,
        }

    def __call__(self, _fd, request, about):
        self.asked += 1
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        if request in self.fails:
            raise OSError(self.fails[request], os.strerror(self.fails[request]))
        self._answers[request](about)

    def node(self, _path="/dev/video0"):
        return VideoNode(f"/proc/self/fd/{self._memory}", self)

    def give(self, data, *, flags=0, used=None):
        """Send a picture, if there is a buffer for it."""
        with self._lock:
            self._sequence += 1
            if not self.streaming or not self._queued:
                return
            index = self._queued.pop(0)
            os.pwrite(self._memory, data, index * self.buffer_bytes)
            now_us = time.monotonic_ns() // 1000
            self._done.append((index, len(data) if used is None else used, self._sequence, flags, now_us))

    def _capability(self, about):
        about.card = b"Web\x07cam \xff: Webcam"

    def _format(self, about):
        about.pixelformat = int.from_bytes(_at(list(self.modes), about.index).encode(), "little")

    def _size(self, about):
        if self.free_sizes:
            _at([0], about.index)
            about.type = videodev2.V4L2_FRMSIZE_TYPE_STEPWISE
            free = about.stepwise
            free.min_width, free.max_width, free.step_width = self.free_sizes[:3]
            free.min_height, free.max_height, free.step_height = self.free_sizes[3:]
            return
        about.type = videodev2.V4L2_FRMSIZE_TYPE_DISCRETE
        sizes = self.modes[fourcc(about.pixel_format)]
        about.discrete.width, about.discrete.height = _at(list(sizes), about.index)

    def _rate(self, about):
        if self.free_rates:
            _at([0], about.index)
            about.type = videodev2.V4L2_FRMIVAL_TYPE_CONTINUOUS
            shortest, longest = self.free_rates
            about.stepwise.min.numerator, about.stepwise.min.denominator = shortest
            about.stepwise.max.numerator, about.stepwise.max.denominator = longest
            return
        about.type = videodev2.V4L2_FRMIVAL_TYPE_DISCRETE
        rates = self.modes[fourcc(about.pixel_format)].get((about.width, about.height), ())
        about.discrete.numerator, about.discrete.denominator = _at(rates, about.index)

    def _query(self, about):
        above = sorted(id_ for id_ in self.knobs if id_ > about.id & 0x0FFFFFFF)
        knob = self.knobs[_at(above, 0)]
        about.id, about.type, about.name, about.flags = knob.id, knob.type, knob.name.encode(), knob.flags
        about.minimum, about.maximum, about.step, about.default_value = (
            knob.lowest,
            knob.highest,
            knob.step,
            knob.default,
        )

    def _menu(self, about):
        entries = self.knobs[about.id].menu
        if about.index not in entries:
            raise OSError(errno.EINVAL, "Invalid argument")
        about.name = entries[about.index].encode()

    def _get(self, about):
        about.value = self.knobs[about.id].value

    def _set(self, about):
        if self.knobs[about.id].refuses:
            raise OSError(errno.EIO, "Input/output error")
        self.knobs[about.id].value = about.value

    def _input(self, about):
        _at(self.inputs, 0)
        about.value = 0

    def _describe_input(self, about):
        name, about.status = _at(self.inputs, about.index)
        about.name = name.encode()

    def _agree(self, about):
        pix = about.fmt.pix
        if self.gives:
            pix.pixelformat = int.from_bytes(self.gives.encode(), "little")
        wide = {"YUYV": 2, "UYVY": 2, "NV12": 1, "YU12": 1}.get(fourcc(pix.pixelformat), 0)
        pix.bytesperline = (pix.width * wide + self.padding) if wide else 0
        pix.colorspace, pix.ycbcr_enc, pix.quantization = self.colours
        self.agreed = (fourcc(pix.pixelformat), pix.width, pix.height)

    def _set_rate(self, about):
        self.rate = (about.parm.capture.timeperframe.numerator, about.parm.capture.timeperframe.denominator)

    def _request(self, about):
        with self._lock:
            self._queued, self._done = [], []
        about.count = min(about.count, 8)

    def _place(self, about):
        about.length, about.m.offset = self.buffer_bytes, about.index * self.buffer_bytes

    def _queue(self, about):
        with self._lock:
            self._queued.append(about.index)

    def _dequeue(self, about):
        with self._lock:
            if not self._done:
                raise BlockingIOError(errno.EAGAIN, "Try again")
            about.index, about.bytesused, about.sequence, about.flags, stamp_us = self._done.pop(0)
        about.timestamp.tv_sec, about.timestamp.tv_usec = divmod(stamp_us, 1_000_000)

    def _start(self, _about):
        self.streaming = True

    def _stop(self, _about):
        self.streaming = False


def _at(things, index):
    if index >= len(things):
        raise OSError(errno.EINVAL, "Invalid argument")
    return things[index]
