"""Sounds, packets and networks for the tests of received sound; time is what the test says it is."""

from collections import deque

import numpy as np

from appliance.media.opus import OpusEncoder
from appliance.media.playout import Playout
from appliance.media.rtc.frames import EncodedFrame

RATE = 48_000
MS = 1_000_000


def sine(hz, seconds, peak=8000):
    t = np.arange(int(RATE * seconds)) / RATE
    return (peak * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def voice(seconds, seed=1):
    """Return something with the pitch and the gusts of speech, which the encoder takes for speech."""
    t = np.arange(int(RATE * seconds)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * t)) / RATE
    vowel = sum(np.sin(k * phase) / k for k in range(1, 25)) * (0.6 + 0.4 * np.sin(2 * np.pi * 2.5 * t))
    return (3000 * vowel + 30 * np.random.default_rng(seed).standard_normal(len(t))).astype(np.int16)


def packets(samples, *, loss=0.0, base=0, length=960):
    """Encode sound; a packet of DTX that is not sent is left out."""
    encoder = OpusEncoder()
    encoder.set_loss(loss)
    blocks = [samples[at : at + length].tobytes() for at in range(0, len(samples) - length + 1, length)]
    encoded = [encoder.encode(block) for block in blocks]
    return [
        EncodedFrame("opus", (base + n * length) & 0xFFFFFFFF, RATE, data) for n, data in enumerate(encoded) if data
    ]


class Exact:
    """A decoder of packets that hold nothing but their number: a sine without end, and silence for what is lost."""

    def __init__(self, hz):
        self._hz = hz

    def decode(self, packet):
        t = (int.from_bytes(packet, "big") * 960 + np.arange(960)) / RATE
        return (8000 * np.sin(2 * np.pi * self._hz * t)).astype(np.int16)

    def recover(self, _packet, _count):
        return None

    def conceal(self, count):
        return np.zeros(count, np.int16)


class Listener:
    """Moves time in steps of 10 ms: what has arrived by then is pushed, then a block is pulled."""

    def __init__(self, playout=None, *, ppm=0.0, ms=0.0):
        self.playout = playout or Playout()
        self.ms, self.blocks = ms, []
        self._end = ms
        self._step = 10 / (1 + ppm * 1e-6)
        self._waiting = deque()

    def hear(self, arrivals, seconds):
        """Play arrivals, pairs of (milliseconds, packet), for so long."""
        self._waiting = deque(sorted((*self._waiting, *arrivals), key=lambda arrival: arrival[0]))
        self._end += seconds * 1000
        while self.ms < self._end:
            while self._waiting and self._waiting[0][0] <= self.ms:
                at, packet = self._waiting.popleft()
                self.playout.push(packet, int(at * MS))
            block = self.playout.pull(480, int(self.ms * MS))
            self.blocks.append(None if block is None else block.copy())
            self.ms += self._step
        return self

    @property
    def stats(self):
        return self.playout.stats(int(self.ms * MS))

    @property
    def sound(self):
        return np.concatenate([np.zeros(480, np.int16) if block is None else block for block in self.blocks])

    @property
    def heard(self):
        return [block is not None and int(np.abs(block).max()) > 1000 for block in self.blocks]


def steadily(stream, *, start=0.0, every=20.0):
    return [(start + n * every, packet) for n, packet in enumerate(stream)]


def longest_gap_s(sound, *, threshold=60, block=240):
    """Return the longest silence between sounds."""
    loud = np.abs(sound[: len(sound) // block * block].reshape(-1, block)).max(axis=1) > threshold
    return float((np.diff(np.flatnonzero(loud)).max() - 1) * block / RATE)
