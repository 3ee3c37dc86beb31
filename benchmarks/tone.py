"""A tone without a gap, as Opus packets, and how long it was not heard in what a loudspeaker played."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

RATE = 48_000
PACKET_S = 0.02
_HERTZ = 500
_SECONDS = 4
_BLOCK = RATE // 200
_LOOKS = 25
"""A stall is looked for in so many looks at a time: many small ones are no large one."""
_AUDIBLE = 0.25
"""Of the usual loudness."""


def tone_packets() -> list[bytes]:
    """Return four seconds of a tone that may be repeated without a click."""
    codec = AudioCodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = RATE, "mono", "s16"
    codec.time_base, codec.bit_rate = Fraction(1, RATE), 32_000
    wave = (9000 * np.sin(np.arange(RATE * _SECONDS) * 2 * np.pi * _HERTZ / RATE)).astype(np.int16)
    size, packets = int(RATE * PACKET_S), []
    for start in range(0, len(wave), size):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def longest_gap_s(recording: Path, begin: int) -> float:
    """Return the longest silence in a recording (WAV that may still grow), from this byte on."""
    played = np.frombuffer(recording.read_bytes()[begin // 2 * 2 :], np.int16).astype(np.float64)
    blocks = np.sqrt((played[: len(played) // _BLOCK * _BLOCK].reshape(-1, _BLOCK) ** 2).mean(1))
    silent = np.flatnonzero(np.diff(np.concatenate(([0], blocks < _AUDIBLE * np.median(blocks), [0]))))
    return float(max(silent[1::2] - silent[::2], default=0)) * _BLOCK / RATE


def longest_stall_s(growth: Sequence[tuple[float, int]]) -> float:
    """Return for how long at most nothing was played, from when (in seconds) a recording had how many bytes."""
    behind = [at - octets / 2 / RATE for at, octets in growth]
    return max(late - min(behind[max(0, number - _LOOKS) : number + 1]) for number, late in enumerate(behind))
