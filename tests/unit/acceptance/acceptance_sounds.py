"""Microphones and a loudspeaker in a time of their own, which runs as fast as somebody reads."""

import threading

import numpy as np

from hardware.audio.arrays import from_geometry
from hardware.audio.sim_array import heard
from hardware.ports import BLOCK, BLOCK_NS, Array, AudioBlock
from hardware.uri import DeviceUri

_FIRST_NS = 1_000_000_000
_FFT = 16_384
_RT60_S = 0.3


class _Microphone:
    """What all have in common."""

    simulated, id, xruns, dropped = True, "", 0, 0

    def __init__(self, channels):
        self.name, self.channels, self.ticks = f"{channels} microphones", channels, 0
        places = from_geometry(DeviceUri.parse("sim:array"), channels) if channels > 1 else ((0.0, 0.0),)
        self.array = Array(self.name, tuple(range(channels)), places)
        self.noise = np.random.default_rng(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def block(self, samples):
        samples = np.clip(samples + self.noise.normal(0, 4, samples.shape), -32768, 32767).astype("<i2")
        self.ticks += 1
        return AudioBlock(samples.tobytes(), _FIRST_NS + self.ticks * BLOCK_NS, self.channels)


class TappedArray(_Microphone):
    """Four microphones; a tap is heard by all, by the one that is tapped most."""

    def __init__(self, dead=()):
        super().__init__(4)
        self.dead, self._taps = dead, []

    def tap(self, channel):
        self._taps += [None, channel, None, channel]

    def read(self, timeout_s):
        samples = np.zeros((BLOCK, 4))
        channel = self._taps.pop(0) if self._taps else None
        if channel is not None:
            samples[100:110] = 600 * (-1) ** np.arange(10)[:, None]
            samples[100:110, channel] *= 0.1 if channel in self.dead else 20
        return self.block(samples)


class VoiceArray(_Microphone):
    """Four microphones that hear a voice from somewhere."""

    def __init__(self, degrees):
        super().__init__(4)
        self._sound = heard(self.array.places, degrees)

    def read(self, timeout_s):
        first = self.ticks * BLOCK % len(self._sound)
        return self.block(self._sound[first : first + BLOCK].astype(float))


class EchoRoom:
    """A loudspeaker that two microphones hear."""

    def __init__(self, loss=1.0):
        self._paths = np.fft.rfft(loss * _paths(), _FFT, axis=0)
        self._air = np.zeros((BLOCK * 4000, 2))
        self._moved = threading.Condition()
        self._now, self._end, self._open = 0, 0, False
        self.speaker = _Speaker(self)

    def hears(self, channels):
        return _Ear(self, channels)

    def play(self, samples):
        """Put a block into the air, at most 40 ms ahead of time; return when it ends, in blocks."""
        with self._moved:
            self._moved.wait_for(lambda: self._end <= self._now + 4, 5)
            self._end = max(self._end, self._now + 2) + 1
            first = (self._end - 1) * BLOCK
            echo = np.fft.irfft(np.fft.rfft(samples, _FFT)[:, None] * self._paths, _FFT, axis=0)
            self._air[first : first + _FFT] += echo
            self._moved.notify_all()
            return self._end

    def open(self, is_open):
        with self._moved:
            self._open = is_open
            self._moved.notify_all()

    def listen(self):
        """Return what is heard in the next 10 ms."""
        with self._moved:
            # while nothing is played, time runs five times as fast as it should
            self._moved.wait_for(lambda: self._end > self._now + 2, 5 if self._open else 0.002)
            first = self._now * BLOCK
            self._now += 1
            self._moved.notify_all()
            return self._air[first : first + BLOCK]


def _paths():
    """Return how a room answers a clap at two places: it arrives after 7 ms and dies away."""
    t = np.arange(int(0.3 * 48_000)) / 48_000
    tail = np.random.default_rng(2).normal(0, 0.01, (len(t), 2)) * np.exp(-6.9 * t / _RT60_S)[:, None]
    tail[:336] = 0
    tail[336] = 0.25, 0.22
    return tail


class _Speaker:
    simulated, id, name, dropped, xruns = True, "", "Simulated loudspeaker", 0, 0
    on_played = None

    def __init__(self, air):
        self._air = air

    def __enter__(self):
        self._air.open(True)
        return self

    def __exit__(self, *_):
        self._air.open(False)

    def write(self, samples):
        end = self._air.play(np.frombuffer(samples, "<i2"))
        self.on_played(AudioBlock(samples, _FIRST_NS + end * BLOCK_NS))


class _Ear(_Microphone):
    def __init__(self, air, channels):
        super().__init__(channels)
        self._air = air
        self.ticks = air._now

    def read(self, timeout_s):
        return self.block(self._air.listen()[:, : self.channels])
