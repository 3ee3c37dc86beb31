"""Encoded frames on their way out of one m-line: a short queue that drops old frames whole, and one running clock."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from appliance.media.rtc.frames import EncodedFrame

_VIDEO_QUEUE = 8
_AUDIO_QUEUE = 10
_STUCK_S = 1.0
_JUMP_S = 1.0
"""Timestamps that leave the wall clock by more than this are those of another source."""
_HALF = 1 << 31
_MASK = (1 << 32) - 1


class OutgoingClock:
    """Timestamps of changing sources as one that never jumps: an m-line outlives what is shown on it."""

    def __init__(self) -> None:
        self._last_in = 0
        self._last_out: int | None = None
        self._last_at = 0.0
        self._new_source = False

    def restart(self) -> None:
        """Take the next frame for one of another source."""
        self._new_source = True

    def map(self, timestamp: int, clock_rate: int, now: float) -> int:
        """Return the timestamp to send."""
        if self._last_out is None:
            out = timestamp
        else:
            step = ((timestamp - self._last_in + _HALF) & _MASK) - _HALF
            elapsed = now - self._last_at
            if self._new_source or abs(step - elapsed * clock_rate) > _JUMP_S * clock_rate:
                step = max(int(elapsed * clock_rate), 1)
            out = self._last_out + step
        self._new_source = False
        self._last_in, self._last_out, self._last_at = timestamp, out, now
        return out & _MASK


class FrameQueue:
    """Frames between whoever has them and the sender of one m-line."""

    def __init__(self, kind: str, codec: str, *, on_starved: Callable[[], None]) -> None:
        self._codec = codec
        self._video = kind == "video"
        self._frames: deque[EncodedFrame] = deque()
        self._ready = asyncio.Event()
        self._on_starved = on_starved
        self._needs_key = self._video
        self._live = False
        self._moved_at = 0.0
        """When a frame was last taken, or began to wait alone."""
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many frames have not been taken yet; none where nobody takes any, who would hold others up for ever."""
        return len(self._frames) if time.monotonic() - self._moved_at < _STUCK_S else 0

    def go_live(self) -> None:
        """Begin: until now nobody could have received anything."""
        if not self._live:
            self._live = True
            self.need_key()

    def need_key(self) -> None:
        """Send nothing more of the video before its next key frame, and ask for one."""
        if self._video:
            self._drop_waiting()
            self._needs_key = True
            self._on_starved()

    def put(self, frame: EncodedFrame) -> None:
        """Take a frame; drops it, or older ones, when it cannot be sent."""
        if not self._live or frame.codec != self._codec or (self._needs_key and not frame.keyframe):
            self.dropped += 1
            return
        self._needs_key = False
        if self._video and frame.keyframe:
            # it needs none of those that wait, and had better not wait for them
            self._drop_waiting()
        if not self._frames:
            self._moved_at = time.monotonic()
        self._frames.append(frame)
        if self._video and len(self._frames) > _VIDEO_QUEUE:
            self.need_key()
        elif not self._video and len(self._frames) > _AUDIO_QUEUE:
            self._frames.popleft()
            self.dropped += 1
        self._ready.set()

    async def get(self) -> EncodedFrame:
        """Wait for the next frame."""
        while not self._frames:
            self._ready.clear()
            await self._ready.wait()
        self._moved_at = time.monotonic()
        return self._frames.popleft()

    def _drop_waiting(self) -> None:
        self.dropped += len(self._frames)
        self._frames.clear()
