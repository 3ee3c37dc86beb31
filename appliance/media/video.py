"""The camera to encoded frames, on the thread that reads it."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable

from appliance.media.encode import Vp8Encoder
from appliance.media.gate import MuteGate
from appliance.media.keeper import readings
from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings.provider import Sent
from hardware.ports import Camera

_KEYFRAME_S = 1.0


class CameraFeed:
    """What the camera's thread does: read, encode, hand to the event loop."""

    def __init__(self, *, gate: MuteGate, loop: AbstractEventLoop) -> None:
        self._gate, self._loop = gate, loop
        self._out: Sent | None = None
        self._keyframe = threading.Event()

    def send_to(self, out: Sent | None) -> None:
        """Send to `out` from now on; without one nothing is encoded."""
        if self._out is not None:
            self._out.on_keyframe_request = None
        self._out = out
        self._keyframe.set()
        if out is not None:
            out.on_keyframe_request = self._keyframe.set

    def work(self, camera: Camera, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened camera until `stop`."""
        encoder = Vp8Encoder()
        keyframe_at = 0.0
        for frame in readings(camera, works, stop):
            if self._gate.camera_off or self._out is None:
                continue
            # asked for too soon is answered later, not never: somebody has no picture
            keyframe = self._keyframe.is_set() and time.monotonic() - keyframe_at >= _KEYFRAME_S
            if keyframe:
                self._keyframe.clear()
            encoded = encoder.encode(frame, keyframe=keyframe)
            if encoded is None:
                continue
            if encoded.keyframe:
                keyframe_at = time.monotonic()
            self._loop.call_soon_threadsafe(self._send, encoded)

    def _send(self, frame: EncodedFrame) -> None:
        if self._out is not None and not self._gate.camera_off:
            self._out.send(frame)
