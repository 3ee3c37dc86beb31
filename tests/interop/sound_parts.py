"""What is played into a sound system and what comes out of it again."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hardware.ports import BLOCK, SAMPLE_RATE, AudioBlock

Sound = NDArray[np.int16]
PIECE = 960
"""Samples of a piece of sound that no gap fell into."""


@dataclass
class Heard:
    """What a microphone gave while a loudspeaker played."""

    blocks: list[AudioBlock] = field(default_factory=list)
    read_at: list[float] = field(default_factory=list)
    written_at: list[float] = field(default_factory=list)
    played: list[AudioBlock] = field(default_factory=list)

    @property
    def samples(self) -> Sound:
        """Samples by channels."""
        return samples_of(self.blocks)


def samples_of(blocks: list[AudioBlock]) -> Sound:
    return np.frombuffer(b"".join(block.samples for block in blocks), "<i2").reshape(-1, blocks[0].channels)


def chirp(seconds: float = 0.5, low_hz: float = 300, high_hz: float = 6000) -> Sound:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sweep = np.sin(2 * np.pi * (low_hz * t + (high_hz - low_hz) / (2 * seconds) * t**2))
    return (9000 * sweep).astype("<i2")


def tone(hz: float, seconds: float) -> Sound:
    return (9000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype("<i2")


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * SAMPLE_RATE), "<i2")


def exchange(speaker: Any, microphone: Any, sound: Sound, *, tail_s: float = 0.3) -> Heard:
    """Play a sound into one open device while another listens, and a little longer."""
    heard, stop = Heard(), threading.Event()
    speaker.on_played = heard.played.append

    def listen() -> None:
        while not stop.is_set():
            block = microphone.read(0.1)
            if block is not None:
                heard.read_at.append(time.monotonic())
                heard.blocks.append(block)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        for start in range(0, len(sound) - BLOCK + 1, BLOCK):
            heard.written_at.append(time.monotonic())
            speaker.write(sound[start : start + BLOCK].tobytes())
        time.sleep(tail_s)
    finally:
        stop.set()
        listener.join()
        speaker.on_played = None
    return heard


def exchanged(speaker: Any, microphone: Any, sound: Sound, *, alike: float) -> tuple[Heard, int]:
    """Play a sound until it is heard unchanged, and return where it lies.

    It is heard whole once in five times. Only where the machine stood still meanwhile, or lets no program run in real
    time, are gaps the machine's: then most pieces of the sound must be as they were.
    """
    seen = []
    for _ in range(5):
        with Stalls() as stalls:
            heard = exchange(speaker, microphone, np.concatenate([silence(0.4), sound]))
        place, whole = found_in(heard.samples[:, 0], sound)
        if whole > alike:
            return heard, place
        seen.append((round(whole, 2), stalls))
        if stalls.seen:
            found = [
                (at - start, now)
                for start in range(0, len(sound) - PIECE + 1, PIECE)
                for at, now in (found_in(heard.samples[:, 0], sound[start : start + PIECE]),)
            ]
            if np.median([now for _, now in found]) > alike:
                return heard, next(at for at, now in found if now > alike)
    raise AssertionError(f"never heard unchanged: {seen}")


class Stalls:
    """Tells whether a thread that only sleeps is late, or may not run in real time."""

    def __init__(self) -> None:
        self.real_time, self.late_s = True, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __repr__(self) -> str:
        return f"late by {self.late_s * 1000:.0f} ms, {'' if self.real_time else 'not '}in real time"

    @property
    def seen(self) -> bool:
        return not self.real_time or self.late_s > 0.01

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            self.real_time = False
        while not self._stop.is_set():
            due_s = time.monotonic() + 0.002
            time.sleep(0.002)
            self.late_s = max(self.late_s, time.monotonic() - due_s)


def found_in(sound: Sound, wanted: Sound) -> tuple[int, float]:
    """Return where a sound lies in a longer one, in samples, and how alike they are there (correlation)."""
    size = 1 << (len(sound) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(sound.astype(float), size) * np.conj(np.fft.rfft(wanted.astype(float), size))
    place = int(np.argmax(np.fft.irfft(spectrum, size)[: len(sound) - len(wanted) + 1]))
    return place, float(np.corrcoef(sound[place : place + len(wanted)], wanted)[0, 1])


def pitch(sound: Sound) -> float:
    """Return the strongest frequency, to about a Hz for a second of sound."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(sound))


def share(sound: Sound, hz: float) -> float:
    """Return how much of a sound's power lies within 20 Hz of a frequency."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    return float(power[np.abs(frequencies - hz) < 20].sum() / max(power.sum(), 1e-9))
