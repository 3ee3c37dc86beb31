"""Received frames to the pictures on the TV: one thread decodes for all tiles, whatever the size of the meeting."""

import logging
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.media.decode import BT601, BT709, Picture, Undecodable, VideoDecoder, copy_plane, fitted_size
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.statistics import PictureMeter
from appliance.meetings.provider import Received
from appliance.state.layout import OURS, Layout, PersonId, Source
from appliance.state.wishes import StreamStats
from hardware.planes import Plane
from hardware.ports import VideoFrame

logger = logging.getLogger(__name__)
_MOST_WAITING = 30
"""Frames of one person that may wait for the decoder; with more it starts again at a key frame."""
_BATCH_S = 1 / 60
"""What comes within this time is decoded together."""
_FULL_FPS = 30
_LATE_NS = 100_000_000
"""Frames that waited longer are decoded in a hurry."""


class FrameRing(Protocol):
    """Where pictures go; `RingWriter` is one."""

    layout: Layout

    def write(
        self,
        person: PersonId,
        source: Source,
        planes: tuple[Plane, Plane, Plane],
        *,
        size: tuple[int, int] | None = None,
        copy: Callable[[Plane, Plane], None] = ...,
        full_range: bool = False,
        matrix: int = 6,
        monotonic_ns: int = 0,
    ) -> bool: ...


Key = tuple[PersonId, Source]


class PictureWall:
    """Decodes what the layout shows, and nothing else, on one thread: the newest picture of each person wins.

    Waking up costs more than a small picture does. So what comes within a sixtieth of a second is decoded together, and
    told to the display together; a picture that comes alone is decoded at once. Where many are shown, the native engine
    has gathered them already.
    """

    def __init__(self, *, loop: AbstractEventLoop, painted: Callable[[Sequence[Key]], None]) -> None:
        """`painted` is called on the decoding thread after new pictures are in the ring."""
        self._loop, self._painted = loop, painted
        self._streams: dict[Key, _Stream] = {}
        self._sizes: dict[Key, tuple[int, int]] = {}
        self._ring: FrameRing | None = None
        self._work = threading.Condition()
        self._closed = threading.Event()
        self._fps = _FULL_FPS
        self._lag_s = 0.0
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

    def show_own(self, frame: VideoFrame) -> None:
        """Paint what the room itself shares; on whatever thread it was captured."""
        key = OURS, Source.SCREEN
        with self._work:
            ring, place = self._ring, self._sizes.get(key)
        if ring is not None and place is not None:
            ring.write(
                *key,
                (frame.y, frame.u, frame.v),
                size=fitted_size(frame.width, frame.height, *place),
                copy=copy_plane,
                full_range=frame.full_range,
                matrix=BT709 if frame.bt709 else BT601,
                monotonic_ns=frame.captured_ns,
            )
            self._painted([key])

    def pace(self, fps: int) -> None:
        """Paint each person at most this often; the full rate is 30, of which jitter takes nothing away."""
        self._fps = fps

    def take_lag(self) -> float:
        """Return how many seconds decoding was behind at the worst moment since the last call."""
        lag, self._lag_s = self._lag_s, 0.0
        return lag

    def close(self) -> None:
        """End the thread."""
        self.clear()
        with self._work:
            self._closed.set()
            self._work.notify()
        self._thread.join(1.0)

    def stats(self) -> tuple[StreamStats, ...]:
        """Say how each stream did since the last time."""
        now = time.monotonic()
        return tuple(
            stream.meter.take(stream.key[0], stream.media.stats(), now) for stream in list(self._streams.values())
        )

    def _received(self, stream: "_Stream", frame: EncodedFrame) -> None:
        with self._work:
            stream.queue_up(frame)
            if stream.key not in self._sizes:
                stream.meter.gaps.pause()
                return
            self._work.notify()
        if stream.broken:
            stream.media.request_keyframe()

    def _run(self) -> None:
        next_at = 0.0
        while True:
            # waiting for the time first and for work then is one wake-up a batch while there is plenty to do
            self._closed.wait(max(next_at - time.monotonic(), 0.0))
            with self._work:
                due = next_at if self._visible() else 0.0
                self._work.wait_for(lambda: self._closed.is_set() or self._visible())
                if self._closed.is_set():
                    return
                begun = time.monotonic()
                next_at = begun + self._batch()
                batch = [(stream, stream.take(), self._sizes[stream.key]) for stream in self._visible()]
                ring = self._ring
            painted = [stream.key for stream, frames, size in batch if ring and self._paint(stream, frames, ring, size)]
            self._lag_s = max(self._lag_s, time.monotonic() - (due or begun))
            if painted:
                self._painted(painted)

    def _batch(self) -> float:
        return 1 / self._fps if self._fps < _FULL_FPS else _BATCH_S

    def _visible(self) -> list["_Stream"]:
        """Return the streams with frames to decode. Others wait: their pictures may be asked for any moment."""
        return [s for s in self._streams.values() if s.waiting and s.key in self._sizes]

    def _paint(self, stream: "_Stream", frames: list[EncodedFrame], ring: FrameRing, size: tuple[int, int]) -> bool:
        try:
            picture = stream.newest(frames, size)
            return picture is not None and _put(stream.key, picture, ring, frames[-1].received_ns)
        except Undecodable as err:
            logger.debug("a %s of someone: %s", stream.key[1], err)
        except Exception:  # what others' codecs do to one person's stream must not end everybody's pictures
            logger.exception("a %s of someone failed", stream.key[1])
            stream.renew()
        with self._work:
            stream.fail()
        self._loop.call_soon_threadsafe(stream.media.request_keyframe)
        return False


def _put(key: Key, picture: Picture, ring: FrameRing, received_ns: int) -> bool:
    return ring.write(
        *key,
        picture.planes,
        size=picture.size,
        copy=copy_plane,
        full_range=picture.full_range,
        matrix=picture.matrix,
        monotonic_ns=received_ns,
    )


class _Stream:
    """One person's frames on their way to pictures."""

    def __init__(self, key: Key, media: Received) -> None:
        self.key, self.media = key, media
        self.waiting: deque[EncodedFrame] = deque()
        self.broken = True
        """Nothing can be shown before the next key frame."""
        self.meter = PictureMeter(time.monotonic(), still=key[1] is Source.SCREEN)
        self._decoder = VideoDecoder()

    def queue_up(self, frame: EncodedFrame) -> None:
        """Take a frame from the network; those before a key frame are not needed any more."""
        if frame.keyframe or len(self.waiting) >= _MOST_WAITING:
            self._drop_waiting()
            self.broken = not frame.keyframe
        if self.broken:
            self.meter.dropped(1)
        else:
            self.waiting.append(frame)

    def fail(self) -> None:
        """Give up until a key frame, unless one is waiting already: only the first that waits can be one."""
        if not self.waiting or not self.waiting[0].keyframe:
            self._drop_waiting()
            self.broken = True

    def renew(self) -> None:
        """Decode with a new decoder from now on."""
        self._decoder = VideoDecoder()

    def take(self) -> list[EncodedFrame]:
        frames = list(self.waiting)
        self.waiting.clear()
        return frames

    def newest(self, frames: list[EncodedFrame], size: tuple[int, int]) -> Picture | None:
        """Decode all, since each needs those before it; return the last, made to fit, or raise `Undecodable`."""
        begun = time.monotonic()
        hurry = time.monotonic_ns() - frames[0].received_ns > _LATE_NS
        decoded = [p for frame in frames if (p := self._decoder.decode(frame, hurry=hurry)) is not None]
        now = time.monotonic()
        self.meter.decoded(len(frames), now - begun)
        self.meter.dropped(max(len(decoded) - 1, 0))
        if not decoded:
            return None
        self.meter.shown(now, (decoded[-1].width, decoded[-1].height))
        return self._decoder.fit(decoded[-1], *size)

    def _drop_waiting(self) -> None:
        self.meter.dropped(len(self.waiting))
        self.waiting.clear()
