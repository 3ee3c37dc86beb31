"""The HDMI input: while a computer is plugged in, everybody sees its screen; unplugged, it stops."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress

from appliance.media.video import VideoFeed
from appliance.meetings.provider import Sent
from hardware.camera.signal import SignalWatch
from hardware.ports import HdmiInput, VideoFrame

_READ_S = 0.2
_FPS = 15
"""Enough for slides and for somebody's mouse, at half the cost."""
_EARLY = 0.8
"""Of a frame's time: inputs are not exact."""


class ShareFeed:
    """What the thread of an HDMI input does. A stick stays plugged in for years; what counts is its signal."""

    def __init__(
        self, *, loop: AbstractEventLoop, changed: Callable[[bool], None], show: Callable[[VideoFrame], None]
    ) -> None:
        """`changed` hears in the event loop whether there is something to share; `show` gets it, on our thread."""
        self._loop, self._changed, self._show = loop, changed, show
        self._sharing = False
        self._shown_at = 0.0
        self._feed = VideoFeed(shut=lambda: not self._sharing, loop=loop)

    def send_to(self, out: Sent | None) -> None:
        """Send to `out` from now on, None for nobody."""
        self._feed.send_to(out)

    def work(self, stick: HdmiInput, works: Callable[[], None], stop: threading.Event) -> None:
        """Watch one opened input until `stop`. One that sends nothing is well: nothing is plugged in."""
        watch = SignalWatch()
        works()
        try:
            while not stop.is_set():
                frame = stick.read(_READ_S)
                now = time.monotonic()
                self._share(watch.see(frame, now, driver=stick.has_signal()))
                if frame is not None and self._sharing and now - self._shown_at > _EARLY / _FPS:
                    self._shown_at = now
                    self._show(frame)
                    self._feed.take(frame)
        finally:
            self._share(False)

    def _share(self, sharing: bool) -> None:
        if sharing != self._sharing:
            self._sharing = sharing
            with suppress(RuntimeError):  # the loop may be closed by now
                self._loop.call_soon_threadsafe(self._changed, sharing)
