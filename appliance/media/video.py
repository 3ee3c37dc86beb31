"""A camera's pictures to encoded frames, on the thread that reads them; and a slate while there are none."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress

from appliance.media.encode import START
from appliance.media.keeper import readings
from appliance.media.layers import LayeredEncoder
from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings.provider import Sent
from hardware.ports import Camera, DeviceError, VideoFrame

_KEYFRAME_S = 1.0
_MOST_WAITING = 2
_COVER_AFTER_S = 0.6
"""So long without a picture, others see a slate."""


class VideoFeed:
    """What the thread of a camera or of a share does: read, encode, hand to the event loop."""

    def __init__(
        self,
        *,
        shut: Callable[[], bool],
        loop: AbstractEventLoop,
        framed: Callable[[VideoFrame], VideoFrame] = lambda frame: frame,
        seen: Callable[[VideoFrame], None] = lambda _: None,
    ) -> None:
        """While `shut()` nothing is encoded or sent. `framed` chooses what of a picture is sent.

        `seen` hears each picture that is read, sent or not. All are called on the thread that reads.
        """
        self._shut, self._loop, self._framed, self._seen = shut, loop, framed, seen
        self._out: Sent | None = None
        self._keyframe = threading.Event()
        self._keyframe_at = 0.0
        self._budget = START
        self._encoding = threading.Lock()
        self._encoder: LayeredEncoder | None = None
        self._size = (1280, 720)
        self._picture_at = 0.0
        self._due_since: float | None = None
        self.left_s: float | None = None
        """When a picture of the camera last left, monotonic; a slate is none."""

    def send_to(self, out: Sent | None) -> None:
        """Send to `out` from now on; without one nothing is encoded."""
        if self._out is not None:
            self._out.on_keyframe_request = None
        self._out = out
        self._keyframe.set()
        self._budget = START
        if out is not None:
            out.on_keyframe_request = self._keyframe.set
            out.on_bitrate = self._keep_to

    def work(self, camera: Camera, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened camera until `stop`."""
        for frame in readings(camera, works, stop):
            self.take(frame)

    def take(self, frame: VideoFrame) -> None:
        """Encode and send a picture, if it may be and somebody wants it."""
        self._picture_at = time.monotonic()
        self._seen(frame)
        if not self._shut() and self._out is not None:
            framed = self._framed(frame)
            self._size = framed.width, framed.height
            if self._encode(framed):
                self.left_s = time.monotonic()

    @property
    def blank(self) -> bool:
        """Whether others should see a picture and there has been none for a while."""
        now = time.monotonic()
        if self._shut() or self._out is None:
            self._due_since = None
            return False
        if self._due_since is None:
            self._due_since = now
        return now - max(self._picture_at, self._due_since) > _COVER_AFTER_S

    def cover(self, slate: Callable[[tuple[int, int]], VideoFrame]) -> None:
        """Send a slate of the size that the pictures had; to be called a few times a second while `blank`."""
        with suppress(DeviceError):  # an encoder that fails is told of the camera that needs it
            self._encode(slate(self._size))

    def _encode(self, frame: VideoFrame) -> bool:
        """Return whether any of it is on its way."""
        with self._encoding:
            out = self._out
            # a network that takes no more at present: what was encoded and dropped would cost a key frame
            if out is None or out.waiting >= _MOST_WAITING:
                return False
            try:
                return self._encode_for(out, frame)
            except DeviceError:
                self._encoder = None
                raise

    def _encode_for(self, out: Sent, frame: VideoFrame) -> bool:
        encoder = self._encoder
        if encoder is None or (encoder.codec, encoder.simulcast) != (out.codec, out.simulcast):
            encoder = self._encoder = LayeredEncoder(out.codec, simulcast=out.simulcast)
        # asked for too soon is answered later, not never: somebody has no picture
        keyframe = self._keyframe.is_set() and time.monotonic() - self._keyframe_at >= _KEYFRAME_S
        encoded = encoder.encode(frame, budget=self._budget, keyframe=keyframe, wanted=out.wanted)
        if keyframe and encoded:
            self._keyframe.clear()
        if any(layer.keyframe for layer in encoded):
            self._keyframe_at = time.monotonic()
        for layer in encoded:
            self._loop.call_soon_threadsafe(self._send, layer)
        return bool(encoded)

    def _keep_to(self, bitrate: int) -> None:
        self._budget = bitrate

    def _send(self, frame: EncodedFrame) -> None:
        if self._out is not None and not self._shut():
            self._out.send(frame)
