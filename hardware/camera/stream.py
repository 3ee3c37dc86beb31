"""A video device that streams: its pictures as it sends them, out of buffers shared with the kernel.

The order of the calls is https://docs.kernel.org/userspace-api/media/v4l/mmap.html's. FFmpeg's reader of V4L2 would do
the same, but it waits in the kernel for ever when a camera stalls, takes up to 256 buffers (64 of vivid's: 118 MB for
1280x720), and after a failed start, as when USB has no room for two cameras, its buffers stay mapped: the device is
busy then until the program ends. Here no wait is longer than it was asked to be, and all is let go, whatever happens.
"""

import contextlib
import errno
import mmap
import select
import time
from ctypes import c_int
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from hardware.camera import videodev2
from hardware.camera.formats import LARGEST, SMALLEST, Mode
from hardware.camera.node import VideoNode, fourcc, number

_BUFFERS = 4
"""One is being filled, one is waiting for that, one is being read, one for luck."""
_TYPE = videodev2.V4L2_BUF_TYPE_VIDEO_CAPTURE
_MMAP = videodev2.V4L2_MEMORY_MMAP
_AGAIN_S = 0.005
_BT709 = {videodev2.V4L2_COLORSPACE_REC709, videodev2.V4L2_COLORSPACE_DCI_P3}
"""Their YCbCr is BT.709's unless the driver says otherwise."""
_JPEG, _ENC_709 = videodev2.V4L2_COLORSPACE_JPEG, videodev2.V4L2_YCBCR_ENC_709
_FULL_RANGE = videodev2.V4L2_QUANTIZATION_FULL_RANGE


@dataclass(frozen=True, slots=True)
class Layout:
    """What a driver made of the wanted mode."""

    format: str
    width: int
    height: int
    stride: int
    """Bytes from row to row; 0 for compressed formats."""
    full_range: bool
    bt709: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What one buffer held."""

    data: bytes
    """Empty when the driver calls it broken."""
    captured_ns: int
    """Monotonic, as far as the driver's clock is."""
    missed: int
    """How many pictures the driver had no free buffer for since the last one."""


class Stream:
    """Streams from its `with` to its end. Raises `OSError` as the kernel does."""

    def __init__(self, node: VideoNode, mode: Mode, fps: float) -> None:
        self._node, self._mode, self._fps = node, mode, mode.fps or fps
        self._sequence: int | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._node)
            self.layout = self._agree()
            self._set_rate()
            self._buffers = self._map(undo)
            undo.callback(self._stop)
            self._node.ask(videodev2.VIDIOC_STREAMON, c_int(_TYPE))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def read(self, timeout_s: float) -> Taken | None:
        """Return the oldest picture that waits, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._node.fileno(), select.POLLIN)
        while (left_s := deadline - time.monotonic()) > 0:
            if not (ready := poll.poll(left_s * 1000)):
                return None
            try:
                return self._take()
            except BlockingIOError:
                if ready[0][1] & (select.POLLERR | select.POLLHUP):
                    raise OSError(errno.EIO, "the camera has stopped") from None
                time.sleep(_AGAIN_S)
        return None

    def has_signal(self) -> bool | None:
        """Return what the driver says of the source, as `VideoNode.has_signal` does."""
        return self._node.has_signal()

    def _agree(self) -> Layout:
        """Set the format; the driver may change everything but the kind of format."""
        wanted = videodev2.Format(type=_TYPE)
        wanted.fmt.pix.width, wanted.fmt.pix.height = self._mode.width, self._mode.height
        wanted.fmt.pix.pixelformat = number(self._mode.format)
        got = self._node.ask(videodev2.VIDIOC_S_FMT, wanted).fmt.pix
        if fourcc(got.pixelformat) != self._mode.format:
            raise OSError(errno.EINVAL, f"it offers {self._mode.format} and gives {fourcc(got.pixelformat)!r}")
        if not (SMALLEST <= got.width <= LARGEST and SMALLEST <= got.height <= LARGEST):
            raise OSError(errno.EINVAL, f"it gives pictures of {got.width}x{got.height}")
        full = got.quantization == _FULL_RANGE or (not got.quantization and got.colorspace == _JPEG)
        bt709 = got.ycbcr_enc == _ENC_709 or (not got.ycbcr_enc and got.colorspace in _BT709)
        return Layout(self._mode.format, got.width, got.height, got.bytesperline, full, bt709)

    def _set_rate(self) -> None:
        interval = Fraction(1 / self._fps).limit_denominator(100_000)
        wanted = videodev2.Streamparm(type=_TYPE)
        per_frame = wanted.parm.capture.timeperframe
        per_frame.numerator, per_frame.denominator = interval.numerator, interval.denominator
        # many drivers have one rate only and refuse to hear of it
        with contextlib.suppress(OSError):
            self._node.ask(videodev2.VIDIOC_S_PARM, wanted)

    def _map(self, undo: contextlib.ExitStack) -> list[mmap.mmap]:
        undo.callback(self._free)
        request = videodev2.Requestbuffers(count=_BUFFERS, type=_TYPE, memory=_MMAP)
        count = self._node.ask(videodev2.VIDIOC_REQBUFS, request).count
        if not 2 <= count <= 32:
            raise OSError(errno.ENOMEM, f"{count} buffers are not enough")
        buffers = []
        for index in range(count):
            buffer = self._node.ask(videodev2.VIDIOC_QUERYBUF, videodev2.Buffer(index=index, type=_TYPE, memory=_MMAP))
            memory = self._mapped(buffer.length, buffer.m.offset)
            buffers.append(undo.enter_context(contextlib.closing(memory)))
            self._node.ask(videodev2.VIDIOC_QBUF, buffer)
        return buffers

    def _mapped(self, length: int, offset: int) -> mmap.mmap:
        # Python would take 0 for all there is, and has words of its own about what is beyond the end
        with contextlib.suppress(ValueError):
            if length:
                return mmap.mmap(self._node.fileno(), length, offset=offset)
        raise OSError(errno.EINVAL, f"it has buffers of {length} bytes")

    def _take(self) -> Taken:
        buffer = self._node.ask(videodev2.VIDIOC_DQBUF, videodev2.Buffer(type=_TYPE, memory=_MMAP))
        broken = buffer.flags & videodev2.V4L2_BUF_FLAG_ERROR
        data = b"" if broken else self._buffers[buffer.index][: buffer.bytesused]
        stamp_ns = (buffer.timestamp.tv_sec * 1_000_000 + buffer.timestamp.tv_usec) * 1000
        missed = 0 if self._sequence is None else max(0, buffer.sequence - self._sequence - 1)
        self._sequence = buffer.sequence
        self._node.ask(videodev2.VIDIOC_QBUF, videodev2.Buffer(index=buffer.index, type=_TYPE, memory=_MMAP))
        return Taken(data, stamp_ns, missed)

    def _stop(self) -> None:
        # a device that is gone has stopped
        with contextlib.suppress(OSError):
            self._node.ask(videodev2.VIDIOC_STREAMOFF, c_int(_TYPE))

    def _free(self) -> None:
        with contextlib.suppress(OSError):
            self._node.ask(videodev2.VIDIOC_REQBUFS, videodev2.Requestbuffers(count=0, type=_TYPE, memory=_MMAP))
