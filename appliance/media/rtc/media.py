"""The two ends of a stream that the rest of the program holds: `MediaIn` for what comes, `MediaOut` for what goes."""

import time
from collections.abc import Callable, Mapping

from aiortc import RTCRtpTransceiver

from appliance.media.rtc.frames import EncodedFrame, InStats, OutStats, SenderClock
from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.native.receiver import NativeReceiver
from appliance.media.rtc.private import SenderPort
from appliance.media.rtc.sender import FrameQueue

_SILENT_S = 1.0
"""A simulcast layer without a frame for this long is not sent now."""


class MediaIn:
    """One received stream: one person's camera, say. Another person on the same m-line is another MediaIn."""

    def __init__(
        self, kind: str, *, mid: str, stream_id: str, track_id: str, stream: LineReceiver | NativeReceiver
    ) -> None:
        self.kind = kind
        self.mid = mid
        self.stream_id = stream_id
        self.track_id = track_id
        self.on_end: Callable[[], None] | None = None
        """Called once, when the m-line falls silent or carries another stream."""
        self.ended = False
        self._stream = stream
        stream.on_frame = self._received
        self.on_frame: Callable[[EncodedFrame], None] | None = None
        """Called in the event loop with every whole frame, in order."""

    @property
    def clock(self) -> SenderClock | None:
        """How timestamps and the sender's clock hang together, once it has said so."""
        return self._stream.clock

    def request_keyframe(self, layer: str = "") -> None:
        """Ask the sender for a key frame (of a simulcast layer): at most once a second, later rather than never."""
        if not self.ended:
            self._stream.request_keyframe(layer)

    def forget_keyframe(self, layer: str) -> None:
        """Ask no more for a key frame of a simulcast layer: it is not wanted now."""
        if not self.ended:
            self._stream.forget_keyframe(layer)

    def stats(self) -> InStats:
        """Return the counters of the m-line."""
        return self._stream.snapshot()

    def end(self) -> None:
        """Deliver nothing more."""
        if not self.ended:
            self.ended = True
            if self.on_end is not None:
                self.on_end()

    def _received(self, frame: EncodedFrame) -> None:
        if self.on_frame is not None and not self.ended:
            self.on_frame(frame)


class MediaOut:
    """One sent stream. Its source may change at any time: timestamps go on, and video waits for a key frame."""

    def __init__(
        self,
        kind: str,
        codec: str,
        *,
        port: SenderPort,
        line: RTCRtpTransceiver,
        queue: FrameQueue,
        layers: Mapping[str, FrameQueue],
    ) -> None:
        self.kind = kind
        self.codec = codec
        self.track_id = ""
        self.stream_id = ""
        self.on_keyframe_request: Callable[[], None] | None = None
        """The receiver lost its picture, or has none yet."""
        self.wanted: frozenset[str] | None = None
        """Names of the simulcast layers that somebody receives, None for all. The sender's thread reads it as it is."""
        self.closed = False
        self._port = port
        self._line = line
        self._queue = queue
        self._layers = layers
        """The queues of all simulcast layers but the best."""
        self._sent_at: dict[str, float] = {}

    @property
    def simulcast(self) -> bool:
        """Whether the other side takes each frame in several layers, named in the frames."""
        return bool(self._layers)

    @property
    def mid(self) -> str | None:
        """The m-line; None before the first offer."""
        return self._line.mid

    @property
    def waiting(self) -> int:
        """How many frames of the layer that is most behind wait for the network to take them."""
        return max(queue.waiting for queue in (self._queue, *self._layers.values()))

    @property
    def on_bitrate(self) -> Callable[[int], None] | None:
        """Hears how many bits per second this stream may take. Who sets it promises to keep to that."""
        return self._port.on_bitrate

    @on_bitrate.setter
    def on_bitrate(self, heard: Callable[[int], None] | None) -> None:
        if not self.closed:
            self._port.on_bitrate = heard

    def limit(self, bitrate: int) -> None:
        """Say how many bits per second there is use for at most: beyond that no network is tried."""
        self._port.most = bitrate

    def send(self, frame: EncodedFrame) -> None:
        """Send a frame soon, or drop it; never waits."""
        if not self.closed:
            self._sent_at[frame.layer] = time.monotonic()
            self._layers.get(frame.layer, self._queue).put(frame)

    def keyframe_requested(self, layer: str) -> None:
        """Take the receiver's request, but not for a layer that is not sent while others are.

        It begins with a key frame anyhow, and the others would have to make one as well.
        """
        since = time.monotonic() - _SILENT_S
        sent = {name for name, at in self._sent_at.items() if at > since}
        if self.simulcast and sent and layer not in sent:
            return
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    def source_changed(self, *, at_keyframe: bool = False) -> None:
        """Take what comes now for another source: small timestamp jumps are then no mistake.

        `at_keyframe` says that its next frame is a key frame: then there is none to ask for.
        """
        self._port.clock.restart()
        if not at_keyframe:
            for queue in (self._queue, *self._layers.values()):
                queue.need_key()

    def stats(self) -> OutStats:
        """Return the counters of the m-line."""
        ports = (self._port, *self._port.layers)
        return OutStats(
            frames=sum(port.frames for port in ports),
            bytes=sum(port.octets for port in ports),
            dropped=sum(queue.dropped for queue in (self._queue, *self._layers.values())),
            fraction_lost=max(port.fraction_lost for port in ports),
            rtt_s=self._port.rtt_s,
            bitrate=self._port.sending.estimate,
        )
