"""V4L2 as the kernel's interface has it: the structures, request numbers and constants the cameras need, for `ctypes`.

Layouts and values are those of include/uapi/linux/videodev2.h and include/uapi/asm-generic/ioctl.h, as documented in
https://docs.kernel.org/userspace-api/media/v4l/v4l2.html. Constants carry the kernel's names; a structure is named for
the kernel's: `QueryExtCtrl` is `struct v4l2_query_ext_ctrl`. Right for 64-bit x86 and ARM, which lay them out alike.
"""

from ctypes import (
    Structure,
    Union,
    c_char,
    c_int,
    c_int32,
    c_int64,
    c_long,
    c_uint8,
    c_uint32,
    c_uint64,
    c_ulong,
    c_void_p,
    sizeof,
)
from typing import Any

V4L2_BUF_TYPE_VIDEO_CAPTURE = 1
V4L2_MEMORY_MMAP = 1
V4L2_BUF_FLAG_ERROR = 0x40

V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMSIZE_TYPE_CONTINUOUS, V4L2_FRMSIZE_TYPE_STEPWISE = 1, 2, 3
V4L2_FRMIVAL_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_CONTINUOUS, V4L2_FRMIVAL_TYPE_STEPWISE = 1, 2, 3

V4L2_COLORSPACE_REC709, V4L2_COLORSPACE_JPEG, V4L2_COLORSPACE_DCI_P3 = 3, 7, 12
V4L2_YCBCR_ENC_709 = 2
V4L2_QUANTIZATION_FULL_RANGE = 1

V4L2_IN_ST_NO_POWER, V4L2_IN_ST_NO_SIGNAL = 0x1, 0x2
V4L2_IN_ST_NO_H_LOCK, V4L2_IN_ST_NO_V_LOCK, V4L2_IN_ST_NO_SYNC = 0x100, 0x400, 0x10000

V4L2_CTRL_TYPE_INTEGER, V4L2_CTRL_TYPE_BOOLEAN, V4L2_CTRL_TYPE_MENU, V4L2_CTRL_TYPE_BUTTON = 1, 2, 3, 4
V4L2_CTRL_TYPE_BITMASK, V4L2_CTRL_TYPE_INTEGER_MENU = 8, 9

V4L2_CTRL_FLAG_DISABLED, V4L2_CTRL_FLAG_GRABBED, V4L2_CTRL_FLAG_READ_ONLY = 0x1, 0x2, 0x4
V4L2_CTRL_FLAG_INACTIVE, V4L2_CTRL_FLAG_WRITE_ONLY = 0x10, 0x40
V4L2_CTRL_FLAG_NEXT_CTRL = 0x80000000


class Capability(Structure):
    """What a device is."""

    _fields_ = (
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class Input(Structure):
    """One of a device's inputs, and whether anything arrives there."""

    _fields_ = (
        ("index", c_uint32),
        ("name", c_char * 32),
        ("type", c_uint32),
        ("audioset", c_uint32),
        ("tuner", c_uint32),
        ("std", c_uint64),
        ("status", c_uint32),
        ("capabilities", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class Fmtdesc(Structure):
    """One of the pixel formats it offers."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FrmsizeDiscrete(Structure):
    """A size, in pixels."""

    _fields_ = (("width", c_uint32), ("height", c_uint32))


class FrmsizeStepwise(Structure):
    """A range of sizes, in pixels."""

    _fields_ = (
        ("min_width", c_uint32),
        ("max_width", c_uint32),
        ("step_width", c_uint32),
        ("min_height", c_uint32),
        ("max_height", c_uint32),
        ("step_height", c_uint32),
    )


class _Sizes(Union):
    _fields_ = (("discrete", FrmsizeDiscrete), ("stepwise", FrmsizeStepwise))


class Frmsizeenum(Structure):
    """One of the sizes of a pixel format, or their range."""

    _anonymous_ = ("sizes",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("sizes", _Sizes),
        ("reserved", c_uint32 * 2),
    )


class Fract(Structure):
    """A fraction; of a second, where it is an interval."""

    _fields_ = (("numerator", c_uint32), ("denominator", c_uint32))


class FrmivalStepwise(Structure):
    """A range of intervals; the shortest is the highest rate."""

    _fields_ = (("min", Fract), ("max", Fract), ("step", Fract))


class _Intervals(Union):
    _fields_ = (("discrete", Fract), ("stepwise", FrmivalStepwise))


class Frmivalenum(Structure):
    """One of the intervals of a size, or their range."""

    _anonymous_ = ("intervals",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("intervals", _Intervals),
        ("reserved", c_uint32 * 2),
    )


class PixFormat(Structure):
    """What pictures look like in memory."""

    _fields_ = (
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    )


class _Formats(Union):
    # the kernel's v4l2_window, which nobody here needs, has pointers: they align the union, and so what follows `type`
    _fields_ = (("pix", PixFormat), ("raw_data", c_uint8 * 200), ("aligned", c_void_p))


class Format(Structure):
    """The format of a stream."""

    _fields_ = (("type", c_uint32), ("fmt", _Formats))


class Captureparm(Structure):
    """How a camera captures."""

    _fields_ = (
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fract),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("reserved", c_uint32 * 4),
    )


class _Parameters(Union):
    _fields_ = (("capture", Captureparm), ("raw_data", c_uint8 * 200))


class Streamparm(Structure):
    """The rate of a stream."""

    _fields_ = (("type", c_uint32), ("parm", _Parameters))


class Requestbuffers(Structure):
    """How many buffers are wanted, and are there."""

    _fields_ = (
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    )


class Timeval(Structure):
    """The C library's `struct timeval`."""

    _fields_ = (("tv_sec", c_long), ("tv_usec", c_long))


class Timecode(Structure):
    """SMPTE's time code; here for its place in a buffer."""

    _fields_ = (
        ("type", c_uint32),
        ("flags", c_uint32),
        ("frames", c_uint8),
        ("seconds", c_uint8),
        ("minutes", c_uint8),
        ("hours", c_uint8),
        ("userbits", c_uint8 * 4),
    )


class _Memory(Union):
    _fields_ = (("offset", c_uint32), ("userptr", c_ulong), ("planes", c_void_p), ("fd", c_int32))


class Buffer(Structure):
    """A buffer, where it lies and what is in it."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", Timeval),
        ("timecode", Timecode),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _Memory),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    )


class Control(Structure):
    """A control's value."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


class QueryExtCtrl(Structure):
    """What a control is, and which values it takes."""

    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int64),
        ("maximum", c_int64),
        ("step", c_uint64),
        ("default_value", c_int64),
        ("flags", c_uint32),
        ("elem_size", c_uint32),
        ("elems", c_uint32),
        ("nr_of_dims", c_uint32),
        ("dims", c_uint32 * 4),
        ("reserved", c_uint32 * 32),
    )


class _Entry(Union):
    _fields_ = (("name", c_char * 32), ("value", c_int64))


class Querymenu(Structure):
    """An entry of a menu: a name, or a number where it is a menu of numbers."""

    _pack_ = 1
    _layout_ = "ms"  # the only one that Python packs, and from 3.14 on by name
    _anonymous_ = ("entry",)
    _fields_ = (("id", c_uint32), ("index", c_uint32), ("entry", _Entry), ("reserved", c_uint32))


_WRITE, _READ = 1, 2
"""As the program sees it: what it hands to the kernel, and what it gets back."""


def _ioc(direction: int, number: int, about: type[Any]) -> int:
    """Return the number of a request of V4L2's, as asm-generic's `_IOC('V', ...)` does."""
    return direction << 30 | sizeof(about) << 16 | ord("V") << 8 | number


VIDIOC_QUERYCAP = _ioc(_READ, 0, Capability)
VIDIOC_ENUM_FMT = _ioc(_READ | _WRITE, 2, Fmtdesc)
VIDIOC_S_FMT = _ioc(_READ | _WRITE, 5, Format)
VIDIOC_REQBUFS = _ioc(_READ | _WRITE, 8, Requestbuffers)
VIDIOC_QUERYBUF = _ioc(_READ | _WRITE, 9, Buffer)
VIDIOC_QBUF = _ioc(_READ | _WRITE, 15, Buffer)
VIDIOC_DQBUF = _ioc(_READ | _WRITE, 17, Buffer)
VIDIOC_STREAMON = _ioc(_WRITE, 18, c_int)
VIDIOC_STREAMOFF = _ioc(_WRITE, 19, c_int)
VIDIOC_S_PARM = _ioc(_READ | _WRITE, 22, Streamparm)
VIDIOC_ENUMINPUT = _ioc(_READ | _WRITE, 26, Input)
VIDIOC_G_CTRL = _ioc(_READ | _WRITE, 27, Control)
VIDIOC_S_CTRL = _ioc(_READ | _WRITE, 28, Control)
VIDIOC_QUERYMENU = _ioc(_READ | _WRITE, 37, Querymenu)
VIDIOC_G_INPUT = _ioc(_READ, 38, c_int)
VIDIOC_ENUM_FRAMESIZES = _ioc(_READ | _WRITE, 74, Frmsizeenum)
VIDIOC_ENUM_FRAMEINTERVALS = _ioc(_READ | _WRITE, 75, Frmivalenum)
VIDIOC_QUERY_EXT_CTRL = _ioc(_READ | _WRITE, 103, QueryExtCtrl)
