"""The camera to encoded frames, on the thread that reads it."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable

from appliance.media.encode import START
from appliance.media.gate import MuteGate
from appliance.media.keeper import readings
from appliance.media.layers import LayeredEncoder
from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings.provider import Sent
from hardware.ports import Camera

_KEYFRAME_S = 1.0
_MOST_WAITING = 2


class CameraFeed:
    """What the camera's thread does: read, encode, hand to the event loop."""

    def __init__(self, *, gate: MuteGate, loop: AbstractEventLoop) -> None:
        self._gate, self._loop = gate, loop
        self._out: Sent | None = None
        self._keyframe = threading.Event()
        self._budget = START

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
        encoder = LayeredEncoder("VP8")
        keyframe_at = 0.0
        for frame in readings(camera, works, stop):
            out = self._out
            if self._gate.camera_off or out is None:
                continue
            if out.waiting >= _MOST_WAITING:
                # the network takes no more at present; what was encoded and dropped would cost a key frame
                continue
            if (encoder.codec, encoder.simulcast) != (out.codec, out.simulcast):
                encoder = LayeredEncoder(out.codec, simulcast=out.simulcast)
            # asked for too soon is answered later, not never: somebody has no picture
            keyframe = self._keyframe.is_set() and time.monotonic() - keyframe_at >= _KEYFRAME_S
            encoded = encoder.encode(frame, budget=self._budget, keyframe=keyframe, wanted=out.wanted)
            if keyframe and encoded:
                self._keyframe.clear()
            if any(layer.keyframe for layer in encoded):
                keyframe_at = time.monotonic()
            for layer in encoded:
                self._loop.call_soon_threadsafe(self._send, layer)

    def _keep_to(self, bitrate: int) -> None:
        self._budget = bitrate

    def _send(self, frame: EncodedFrame) -> None:
        if self._out is not None and not self._gate.camera_off:
            self._out.send(frame)
