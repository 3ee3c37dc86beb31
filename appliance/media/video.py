"""The camera to encoded frames, and received frames to the ring: one thread each, whatever the size of the meeting."""

import logging
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import Protocol

from appliance.media.decode import Picture, Undecodable, VideoDecoder
from appliance.media.encode import START
from appliance.media.gate import MuteGate
from appliance.media.keeper import readings
from appliance.media.layers import LayeredEncoder
from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings.provider import Received, Sent
from appliance.state.layout import Layout, PersonId, Source
from appliance.state.wishes import StreamStats
from hardware.planes import Plane
from hardware.ports import Camera

logger = logging.getLogger(__name__)
_KEYFRAME_S = 1.0
_MOST_WAITING = 30
"""Frames of one person that may wait for the decoder; with more it starts again at a key frame."""


class CameraFeed:
    """What the camera's thread does: read, encode, hand to the event loop."""

    def __init__(self, *, gate: MuteGate, loop: AbstractEventLoop) -> None:
        self._gate, self._loop = gate, loop
        self._out: Sent | None = None
        self._keyframe = threading.Event()
        self._budget = START

    def send_to(self, out: Sent | None) -> None:
        """Send to `out` from now on; without one nothing is encoded."""
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
            if (encoder.codec, encoder.simulcast) != (out.codec, out.simulcast):
                encoder = LayeredEncoder(out.codec, simulcast=out.simulcast)
            # asked for too soon is answered later, not never: somebody has no picture
            keyframe = self._keyframe.is_set() and time.monotonic() - keyframe_at >= _KEYFRAME_S
            encoded = encoder.encode(frame, budget=self._budget, keyframe=keyframe)
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


class FrameRing(Protocol):
    """Where pictures go; `RingWriter` is one."""

    layout: Layout

    def write(
        self,
        person: PersonId,
        source: Source,
        planes: tuple[Plane, Plane, Plane],
        *,
        full_range: bool = False,
        matrix: int = 6,
        monotonic_ns: int = 0,
    ) -> bool: ...


Key = tuple[PersonId, Source]


class PictureWall:
    """Decodes what the layout shows, and nothing else, on one thread: the newest picture of each person wins."""

    def __init__(self, *, loop: AbstractEventLoop, painted: Callable[[Key], None]) -> None:
        """`painted` is called on the decoding thread after a picture is in the ring."""
        self._loop, self._painted = loop, painted
        self._streams: dict[Key, _Stream] = {}
        self._sizes: dict[Key, tuple[int, int]] = {}
        self._ring: FrameRing | None = None
        self._work = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def show(self, ring: FrameRing) -> None:
        """Paint into this ring from now on, just the tiles of its layout."""
        sizes = {(tile.person, tile.source): (tile.w, tile.h) for tile in ring.layout.tiles}
        with self._work:
            appeared = [s for key, s in self._streams.items() if key in sizes and key not in self._sizes]
            self._ring, self._sizes = ring, sizes
            self._work.notify()
        for stream in appeared:
            if stream.broken and not stream.waiting:
                stream.media.request_keyframe()

    def bind(self, key: Key, media: Received) -> None:
        """Take this person's pictures from `media`."""
        stream = _Stream(key, media)
        with self._work:
            old = self._streams.get(key)
            self._streams[key] = stream
        if old is not None:
            old.media.on_frame = None
        media.on_frame = lambda frame: self._received(stream, frame)

    def unbind(self, key: Key, media: Received) -> None:
        """Take no more pictures from `media`; a newer stream of the same person stays."""
        media.on_frame = None
        with self._work:
            if key in self._streams and self._streams[key].media is media:
                del self._streams[key]

    def clear(self) -> None:
        """Take no more pictures of anybody."""
        for key, stream in list(self._streams.items()):
            self.unbind(key, stream.media)

    def close(self) -> None:
        """End the thread."""
        self.clear()
        with self._work:
            self._closed = True
            self._work.notify()
        self._thread.join(1.0)

    def stats(self) -> tuple[StreamStats, ...]:
        """Say how each stream did since the last time."""
        return tuple(stream.stats() for stream in list(self._streams.values()))

    def _received(self, stream: "_Stream", frame: EncodedFrame) -> None:
        with self._work:
            stream.queue_up(frame)
            if stream.key not in self._sizes:
                return
            self._work.notify()
        if stream.broken:
            stream.media.request_keyframe()

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._closed or self._visible())
                if self._closed:
                    return
                batches = [(stream, stream.take(), self._sizes[stream.key]) for stream in self._visible()]
                ring = self._ring
            for stream, frames, size in batches:
                if ring is not None:
                    self._paint(stream, frames, ring, size)

    def _visible(self) -> list["_Stream"]:
        """Return the streams with frames to decode. Others wait: their pictures may be asked for any moment."""
        return [s for s in self._streams.values() if s.waiting and s.key in self._sizes]

    def _paint(self, stream: "_Stream", frames: list[EncodedFrame], ring: FrameRing, size: tuple[int, int]) -> None:
        try:
            picture = stream.newest(frames, size)
        except Undecodable as err:
            logger.debug("a %s of someone: %s", stream.key[1], err)
            with self._work:
                stream.fail()
            self._loop.call_soon_threadsafe(stream.media.request_keyframe)
            return
        if picture is None:
            return
        written = ring.write(
            *stream.key,
            picture.planes,
            full_range=picture.full_range,
            matrix=picture.matrix,
            monotonic_ns=frames[-1].received_ns,
        )
        if written:
            self._painted(stream.key)


class _Stream:
    """One person's frames on their way to pictures."""

    def __init__(self, key: Key, media: Received) -> None:
        self.key, self.media = key, media
        self.waiting: deque[EncodedFrame] = deque()
        self.broken = True
        """Nothing can be shown before the next key frame."""
        self._decoder = VideoDecoder()
        self._size = (0, 0)
        self._shown = self._dropped = self._bytes = 0
        self._since = time.monotonic()

    def queue_up(self, frame: EncodedFrame) -> None:
        """Take a frame from the network; those before a key frame are not needed any more."""
        self._bytes += len(frame.data)
        if frame.keyframe or len(self.waiting) >= _MOST_WAITING:
            self._drop_waiting()
            self.broken = not frame.keyframe
        if self.broken:
            self._dropped += 1
        else:
            self.waiting.append(frame)

    def fail(self) -> None:
        """Give up until a key frame, unless one is waiting already: only the first that waits can be one."""
        if not self.waiting or not self.waiting[0].keyframe:
            self._drop_waiting()
            self.broken = True

    def take(self) -> list[EncodedFrame]:
        frames = list(self.waiting)
        self.waiting.clear()
        return frames

    def newest(self, frames: list[EncodedFrame], size: tuple[int, int]) -> Picture | None:
        """Decode all, since each needs those before it; return the last, made to fit, or raise `Undecodable`."""
        decoded = [picture for frame in frames if (picture := self._decoder.decode(frame)) is not None]
        if not decoded:
            return None
        self._shown += 1
        self._dropped += len(decoded) - 1
        self._size = decoded[-1].width, decoded[-1].height
        return self._decoder.fit(decoded[-1], *size)

    def _drop_waiting(self) -> None:
        self._dropped += len(self.waiting)
        self.waiting.clear()

    def stats(self) -> StreamStats:
        now = time.monotonic()
        seconds, self._since = max(now - self._since, 0.001), now
        shown, received, dropped = self._shown, self._bytes, self._dropped
        self._shown = self._bytes = self._dropped = 0
        width, height = self._size
        return StreamStats(
            self.key[0],
            "video",
            "in",
            fps=round(shown / seconds, 1),
            width=width,
            height=height,
            kbps=round(received * 8 / 1000 / seconds, 1),
            dropped=dropped,
        )
