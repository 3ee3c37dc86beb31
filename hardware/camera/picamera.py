"""`picamera:SELECTOR?size=1280x720&fps=30`: a camera module on the Raspberry Pi's ribbon cable, by picamera2.

The selector is empty (the first one), a number, or a part of the model's name. picamera2 is not on PyPI in a usable
form: it comes from Raspberry Pi OS, for the system's own Python. It never ran with a real camera module here; the
tests use a stand-in that keeps to picamera2 0.3's interface (picamera2.py, request.py, the manual's chapters 4 and 6).

Its event loop has a thread of its own, which calls `post_callback` with each picture: nothing here waits for one.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hardware.camera.newest import SLICE_S, Intake, refuse_too_many
from hardware.planes import Plane
from hardware.ports import DeviceError, DeviceMissing, Found, VideoFrame
from hardware.uri import DeviceUri

SIZE, FPS = (1280, 720), 30
_BUFFERS = 4
_STALE_NS = 2_000_000_000
_FAILURES = (RuntimeError, IndexError, KeyError, ValueError, OSError)
"""What picamera2 raises when a camera is missing, in use, or does not take a configuration."""
_UNUSABLE = (ImportError, AttributeError, RuntimeError, ValueError)
"""What importing it raises when it, or what it stands on, was built for another Python or numpy."""


def picamera2() -> Any:
    """Return the class `Picamera2`, or say how to get it."""
    try:
        return import_module("picamera2").Picamera2
    except _UNUSABLE as err:
        raise DeviceMissing(
            f"camera modules need picamera2, which is not there ({err}): sudo apt install python3-picamera2, "
            "then make install anew, which lets the room see it"
        ) from err


class PiCamera:
    """The newest picture of a camera module."""

    simulated = False

    def __init__(self, uri: DeviceUri, library: Callable[[], Any] = picamera2) -> None:
        self._uri, self._library = uri.only("size", "fps"), library
        self._size, self._fps = uri.size() or SIZE, uri.integer("fps", FPS, 1, 120)
        self._intake: Intake | None = None
        self.name = f"camera module {uri.path}".rstrip()

    @property
    def dropped(self) -> int:
        return self._intake.newest.dropped if self._intake else 0

    def __enter__(self) -> Self:
        refuse_too_many(self.name)
        # loading it takes seconds from a slow card, and hangs with no hardware
        library = self._library()
        intake = self._intake = Intake(self.name, lambda stop: self._frames(library, intake, stop))
        intake.open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._intake:
            self._intake.stop()

    def read(self, timeout_s: float) -> VideoFrame | None:
        if self._intake is None:
            raise DeviceError(f"{self.name} is not open")
        return self._intake.newest.take(timeout_s)

    def _frames(self, library: Any, intake: Intake, stop: threading.Event) -> Generator[VideoFrame | None]:
        """Find, open, read and close; a picture that makes no sense is None. Each of it may hang in libcamera."""
        found = chosen(self._uri, cameras(library))
        self.name = intake.camera = found.name
        arrived: queue.SimpleQueue[VideoFrame | None] = queue.SimpleQueue()
        try:
            camera = library(int(found.node))
        except _FAILURES as err:
            raise self._failure(err) from err
        try:
            self._start(camera, arrived)
            intake.opened()
            while not stop.is_set():
                with contextlib.suppress(queue.Empty):
                    yield arrived.get(timeout=SLICE_S)
        except _FAILURES as err:
            raise self._failure(err) from err
        finally:
            # one that failed may refuse to be stopped, and must be let go all the same
            for end in (camera.stop, camera.close):
                with contextlib.suppress(*_FAILURES):
                    end()

    def _start(self, camera: Any, arrived: "queue.SimpleQueue[VideoFrame | None]") -> None:
        configuration = camera.create_video_configuration(
            main={"format": "YUV420", "size": self._size},
            controls={"FrameRate": self._fps},
            buffer_count=_BUFFERS,
            display=None,
            encode=None,
            queue=False,
        )
        camera.configure(configuration)
        # what libcamera made of it: it may change the size, and pads rows as its hardware likes
        main, colours = camera.camera_config["main"], str(camera.camera_config["colour_space"])
        if main["format"] not in _LAYOUTS:
            raise DeviceError(f"{self.name} gives {main['format']} instead of YUV420: it cannot be used")

        def take(request: Any) -> None:
            # the request goes back to the camera when this returns: its memory is copied
            try:
                y, u, v = planes(request.make_buffer("main"), main)
                arrived.put(VideoFrame(y, u, v, _captured_ns(request.get_metadata()), bt709="709" in colours))
            except _FAILURES:
                # this is the thread of picamera2's event loop, which would end
                arrived.put(None)

        camera.post_callback = take
        camera.start()

    def _failure(self, err: Exception) -> DeviceError:
        return DeviceError(
            f"{self.name} cannot be used ({err}): close other programs that use it, and check its ribbon cable"
        )


def cameras(library: Any) -> tuple[Found, ...]:
    """Return the camera modules there are; libcamera lists USB cameras too, which V4L2 serves better."""
    try:
        infos = list(library.global_camera_info())
    except _FAILURES as err:
        raise DeviceError(f"libcamera cannot list the camera modules ({err}): restart the room") from err
    return tuple(
        Found("camera", f"csi:{info['Id']}", str(info.get("Model", "camera module")), str(number), info["Id"])
        for place, info in enumerate(infos)
        if "usb" not in info["Id"].lower() and str(number := info.get("Num", place)).isdecimal()
    )


def chosen(uri: DeviceUri, found: tuple[Found, ...]) -> Found:
    """Return the module a URI names, or raise `DeviceMissing`."""
    part = uri.path.casefold()
    for one in found:
        if part in {"", one.node, one.id.casefold()} or (not part.isdecimal() and part in one.name.casefold()):
            return one
    has = ", ".join(one.name for one in found) or "none"
    raise DeviceMissing(
        f"there is no camera module {uri.path}".rstrip() + f" (there is: {has}): with the power off, "
        "check both ends of its ribbon cable"
    )


def present(uri: DeviceUri, library: Callable[[], Any] = picamera2) -> bool:
    """Whether the module a URI names is there."""
    try:
        chosen(uri, cameras(library()))
    except DeviceMissing:
        return False
    return True


def planes(buffer: NDArray[np.uint8], main: Mapping[str, Any]) -> tuple[Plane, Plane, Plane]:
    """Return the planes in a buffer, without the padding of its rows; `main` is its size, stride and format.

    The stride is luma's; the colours' is half of it in YUV420, the same in NV12. A buffer may be longer than that.
    """
    width, height = (side // 2 * 2 for side in main["size"])
    stride, rows = main["stride"], main["size"][1]
    luma, colours = buffer[: stride * rows], buffer[stride * rows :]
    y = luma.reshape(rows, stride)[:height, :width]
    u, v = _LAYOUTS[main["format"]](colours, stride, rows // 2)
    return y, u[: height // 2, : width // 2], v[: height // 2, : width // 2]


def _planar(colours: Plane, stride: int, rows: int) -> tuple[Plane, Plane]:
    u, v = colours[: stride * rows].reshape(2, rows, stride // 2)
    return u, v


def _interleaved(colours: Plane, stride: int, rows: int) -> tuple[Plane, Plane]:
    pairs = colours[: stride * rows].reshape(rows, stride // 2, 2)
    return np.ascontiguousarray(pairs[:, :, 0]), np.ascontiguousarray(pairs[:, :, 1])


_LAYOUTS: Mapping[str, Callable[[Plane, int, int], tuple[Plane, Plane]]] = {"YUV420": _planar, "NV12": _interleaved}


def _captured_ns(metadata: Mapping[str, Any]) -> int:
    """Return when the sensor began with a picture: it is stamped by the clock that goes on in suspend."""
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - metadata.get("SensorTimestamp", 0)
    return time.monotonic_ns() - (age_ns if 0 <= age_ns < _STALE_NS else 0)
