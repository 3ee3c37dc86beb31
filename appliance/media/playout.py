"""One person's sound, from packets as the network brings them to samples as the loudspeaker takes them."""

import numpy as np

from appliance.media.opus import OpusDecoder, Samples
from appliance.media.rtc.frames import AUDIO_CLOCK, EncodedFrame

TARGET_MS = 60
"""How long a packet waits for those that overtook it."""
_PACKET = AUDIO_CLOCK // 50
_LONG_GAP = AUDIO_CLOCK * 120 // 1000
"""A hole this long is a pause (the sender was silent), not a loss to conceal."""
_RESTART = AUDIO_CLOCK * 3
"""A jump this far is another stream."""
_MOST_WAITING = AUDIO_CLOCK // 2
_MOST_PACKETS = 250
"""Packets kept while nobody pulls: a loudspeaker that is gone for hours must not fill the memory."""
_PATIENCE = 200
"""Pulls over which the buffer must have been too full before a packet is skipped: two seconds."""


class Playout:
    """A time-based jitter buffer: starts `TARGET_MS` after the first packet, orders, conceals, and stays that short."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        """Position of the next packet to play; None while waiting for the buffer to fill."""
        self._newest = 0
        self._start_ns: int | None = None
        self._left: Samples = np.zeros(0, np.int16)
        self._last: Samples = np.zeros(_PACKET, np.int16)
        self._fade = 1.0
        self._least = 0
        self._pulls = 0
        self.lost = 0
        self.dropped = 0

    def push(self, frame: EncodedFrame, now_ns: int) -> None:
        """Take a packet from the network."""
        position = self._unwrapped(frame.timestamp)
        if abs(position - self._newest) > _RESTART:
            self._packets.clear()
            self._stop()
            self._newest = position
        if self._next is not None and position < self._next:
            self.dropped += 1
            return
        if self._next is None and self._start_ns is None:
            self._start_ns = now_ns + TARGET_MS * 1_000_000
        self._packets[position] = frame.data
        self._newest = max(position, self._newest)
        if len(self._packets) > _MOST_PACKETS:
            del self._packets[next(iter(self._packets))]
            self.dropped += 1

    def pull(self, count: int, now_ns: int) -> Samples | None:
        """Return the next `count` samples, None for silence."""
        if self._next is None and not self._started(now_ns):
            return None
        self._hold_short()
        while len(self._left) < count and self._next is not None:
            self._left = np.concatenate((self._left, self._packet(self._next)))
        out, self._left = self._left[:count], self._left[count:]
        return out if len(out) == count else np.pad(out, (0, count - len(out)))

    def _unwrapped(self, timestamp: int) -> int:
        """Return a position without the 32-bit wrap."""
        return self._newest + (timestamp - self._newest + 0x80000000) % 0x100000000 - 0x80000000

    def _started(self, now_ns: int) -> bool:
        if self._start_ns is None or now_ns < self._start_ns or not self._packets:
            return False
        self._next, self._start_ns = min(self._packets), None
        return True

    def _stop(self) -> None:
        self._next, self._start_ns, self._pulls, self._least = None, None, 0, 0

    def _packet(self, position: int) -> Samples:
        data = self._packets.pop(position, None)
        samples = self._decoder.decode(data) if data is not None else None
        if samples is None:
            return self._missing(position)
        self._next = position + len(samples)
        self._last, self._fade = samples, 1.0
        return samples

    def _missing(self, position: int) -> Samples:
        """Bridge a hole with what was heard last, fading; at the end, wait for the buffer to fill again."""
        following = [p for p in self._packets if p > position]
        if not following:
            self._packets.clear()
            self._stop()
            return self._concealed(_PACKET // 2)
        gap = min(following) - position
        if gap > _LONG_GAP:
            self._next = min(following)
            return np.zeros(0, np.int16)
        self.lost += 1
        length = min(gap, _PACKET)
        self._next = position + length
        return self._concealed(length)

    def _concealed(self, length: int) -> Samples:
        after = max(0.0, self._fade - 0.5)
        ramp = np.linspace(self._fade, after, length)
        self._fade = after
        return np.asarray(np.resize(self._last[-length:], length) * ramp, dtype=np.int16)

    def _hold_short(self) -> None:
        """Skip a packet when the buffer never ran low for two seconds: the sender's clock is faster than ours."""
        if self._next is None:
            return
        waiting = self._newest - self._next
        if waiting > _MOST_WAITING:
            self._skip_to(self._newest - TARGET_MS * AUDIO_CLOCK // 1000)
        self._least = waiting if self._pulls == 0 else min(self._least, waiting)
        self._pulls += 1
        if self._pulls >= _PATIENCE:
            if self._least > (TARGET_MS + 40) * AUDIO_CLOCK // 1000:
                self._skip_to(self._next + _PACKET)
            self._pulls = 0

    def _skip_to(self, position: int) -> None:
        self.dropped += sum(p < position for p in self._packets)
        self._packets = {p: data for p, data in self._packets.items() if p >= position}
        self._next = min(self._packets, default=position)
