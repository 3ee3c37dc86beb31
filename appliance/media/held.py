"""Pictures held back for a moment, so that lips and voice agree; where they do anyway, this costs nothing."""

import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable

from appliance.media.lipsync import LipSync
from appliance.media.rtc.frames import EncodedFrame, InStats, SenderClock
from appliance.meetings.provider import Received

_MOST_HELD = 30
"""Frames."""
_LEAST_HELD_S = 0.005


class HeldPictures:
    """Stands before a received picture stream and hands its frames on when they are due, in order."""

    def __init__(self, media: Received, lips: LipSync, *, loop: AbstractEventLoop) -> None:
        self.on_frame: Callable[[EncodedFrame], None] | None = None
        self._media, self._lips, self._loop = media, lips, loop
        self._held: deque[tuple[float, EncodedFrame]] = deque()
        media.on_frame = self._received

    @property
    def clock(self) -> SenderClock | None:
        return self._media.clock

    def request_keyframe(self) -> None:
        self._media.request_keyframe()

    def stats(self) -> InStats:
        return self._media.stats()

    def release(self) -> None:
        """Take nothing more from the stream."""
        self._media.on_frame = None
        self._held.clear()

    def _received(self, frame: EncodedFrame) -> None:
        clock, now = self._media.clock, time.monotonic()
        hold = 0.0 if clock is None else self._lips.picture_came(clock.at(frame.timestamp), now)
        if not self._held and hold < _LEAST_HELD_S:
            self._hand_on(frame)
            return
        self._held.append((now + hold, frame))
        if len(self._held) == 1:
            self._loop.call_later(hold, self._due)
        elif len(self._held) > _MOST_HELD:
            self._hand_on(self._held.popleft()[1])

    def _due(self) -> None:
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            # whoever waits for it counts from here
            self._hand_on(self._held.popleft()[1]._replace(received_ns=time.monotonic_ns()))
        if self._held:
            self._loop.call_later(max(self._held[0][0] - now, 0.001), self._due)

    def _hand_on(self, frame: EncodedFrame) -> None:
        if self.on_frame is not None:
            self.on_frame(frame)
