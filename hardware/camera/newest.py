"""Takes in a camera's pictures on a thread of its own, so that one who waits for the newest never waits for the camera.

A driver may hang, in the kernel or in libcamera, when hardware does. That thread is stuck then; nobody else is.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Generator

from hardware.ports import DeviceError, VideoFrame

logger = logging.getLogger(__name__)
_OPEN_S = 8.0
"""How long finding, setting and starting a camera may take; one answer over USB is waited for up to five seconds."""
_END_S = 1.0
SLICE_S = 0.1
"""How long a driver may wait for a picture before it looks whether it should stop."""
_MOST_STUCK = 8


class NewestFrame:
    """A place for one picture: the next one replaces it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: VideoFrame | None = None
        self._error: DeviceError | None = None
        self.dropped = 0

    def put(self, frame: VideoFrame | None) -> None:
        """Keep a picture; the one nobody took is dropped, and None is one that was lost before."""
        with self._changed:
            self.dropped += frame is None or self._frame is not None
            self._frame = frame or self._frame
            self._changed.notify()

    def fail(self, error: DeviceError) -> None:
        """Let every reader know, from now on, that no more pictures come; what was said first stays."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify()

    def check(self) -> None:
        """Raise what `fail` was told."""
        if self._error is not None:
            raise self._error

    def take(self, timeout_s: float) -> VideoFrame | None:
        """Return the picture once it is there, None after `timeout_s`; raises what `fail` was told."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame or self._error, timeout_s)
            self.check()
            frame, self._frame = self._frame, None
            return frame


class Intake(threading.Thread):
    """Runs a camera from its opening to its closing; all of that happens on this thread."""

    def __init__(self, name: str, frames: Callable[[threading.Event], Generator[VideoFrame | None]]) -> None:
        """`frames(stop)` opens the camera, yields its pictures until soon after `stop` is set, and closes it."""
        super().__init__(name=f"camera {name}", daemon=True)
        self.camera = name
        """What people call it, once that is known."""
        self._frames = frames
        self._opened = threading.Event()
        self._stop_asked = threading.Event()
        self.given_up = False
        self.newest = NewestFrame()

    def open(self) -> None:
        """Start it, and return once the camera is open; raise what keeps it from that, or that it takes for ever."""
        self.start()
        if not self._opened.wait(_OPEN_S):
            self.stop()
            raise DeviceError(f"{self.camera} does not answer while it is opened: unplug it and plug it in again")
        self.newest.check()

    def opened(self) -> None:
        """Say, from its own thread, that the camera is open."""
        self._opened.set()

    def run(self) -> None:
        try:
            with contextlib.closing(self._frames(self._stop_asked)) as frames:
                for frame in frames:
                    self.newest.put(frame)
        except DeviceError as err:
            self.newest.fail(err)
        finally:
            # also of what nobody foresaw, which the log of threads tells
            self.newest.fail(DeviceError(f"{self.camera} sends no more pictures: unplug it and plug it in again"))
            self._opened.set()

    def stop(self) -> None:
        """End it, within a second: a thread that a driver does not let go is given up, counted and logged."""
        self._stop_asked.set()
        self.join(_END_S)
        if self.is_alive() and not self.given_up:
            self.given_up = True
            logger.warning("%s hangs and cannot be closed; %d such in this process", self.camera, stuck())


def stuck() -> int:
    """Return how many cameras' threads this process has given up and that are still there."""
    return sum(isinstance(thread, Intake) and thread.given_up for thread in threading.enumerate())


def refuse_too_many(name: str) -> None:
    """Raise `DeviceError` when so many cameras hang that one more would not help."""
    if stuck() >= _MOST_STUCK:
        raise DeviceError(f"{name} hangs again and again: unplug it, and restart the room if that does not help")
