"""A tone without a gap, as Opus packets, and how long it was not heard in what a loudspeaker played."""

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
_UNWRITTEN_S = 0.1
"""So much may wait in the buffers of a file."""
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


def longest_gap_s(recording: Path, begin: int, seconds: float) -> float:
    """Return the longest silence in a recording (WAV that may still grow), which had `begin` bytes so long ago.

    What was not played at all in that time is a silence too.
    """
    played = np.frombuffer(recording.read_bytes()[begin // 2 * 2 :], np.int16).astype(np.float64)
    blocks = np.sqrt((played[: len(played) // _BLOCK * _BLOCK].reshape(-1, _BLOCK) ** 2).mean(1))
    silent = np.flatnonzero(np.diff(np.concatenate(([0], blocks < _AUDIBLE * np.median(blocks), [0]))))
    silence = float(max(silent[1::2] - silent[::2], default=0)) * _BLOCK / RATE
    unplayed = seconds - len(played) / RATE
    return max(silence, unplayed if unplayed > _UNWRITTEN_S else 0.0)
