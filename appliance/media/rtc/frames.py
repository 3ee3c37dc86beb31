"""What travels through this package: encoded frames, and the counters of the streams that carry them."""

from dataclasses import dataclass
from typing import NamedTuple

VIDEO_CLOCK = 90_000
"""RTP units per second of every video codec."""
AUDIO_CLOCK = 48_000
"""RTP units per second of Opus."""


class EncodedFrame(NamedTuple):
    """One whole access unit of video, or one Opus packet. A tuple: hundreds come each second."""

    codec: str
    """VP8, H264 or opus."""
    timestamp: int
    """RTP units, 32 bit; only differences mean something."""
    clock_rate: int
    data: bytes
    """H.264 comes with start codes (Annex B)."""
    keyframe: bool = True
    """A decoder can begin here; every Opus packet is one."""
    received_ns: int = 0
    """`time.monotonic_ns()` when its last packet arrived; 0 for frames made here."""
    level: int | None = None
    """Loudness of an audio frame as RFC 6464 has it: 0 (loudest) to 127 (silence) dB below full scale."""
    layer: str = ""
    """Which simulcast layer it is of (its RID, RFC 8852); empty when there is only one."""


@dataclass(frozen=True, slots=True)
class SenderClock:
    """What a sender report says (RFC 3550, 6.4.1): that this RTP timestamp is that moment on the sender's clock."""

    timestamp: int
    clock_rate: int
    sent_s: float
    """Seconds; only differences to other streams of the same sender mean something."""

    def at(self, timestamp: int) -> float:
        """Return the moment of another timestamp, in seconds on the sender's clock."""
        units = (timestamp - self.timestamp + 0x80000000) % 0x100000000 - 0x80000000
        return self.sent_s + units / self.clock_rate


@dataclass(frozen=True, slots=True)
class InStats:
    """What one receiving m-line has seen since it began."""

    packets: int = 0
    lost: int = 0
    """Packets given up; a packet that a retransmission brought is not lost."""
    bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    jitter_s: float = 0.0
    """How unevenly packets arrive (RFC 3550, 6.4.1)."""
    skips: int = 0
    """How often the picture had to wait for a key frame because a hole did not fill."""


@dataclass(frozen=True, slots=True)
class OutStats:
    """What one sending m-line has done since it began."""

    frames: int = 0
    bytes: int = 0
    dropped: int = 0
    """Frames that never left: no connection yet, queue full, or waiting for a key frame."""
    fraction_lost: float = 0.0
    """0 to 1, as the receiver last reported."""
    rtt_s: float | None = None
    bitrate: int | None = None
    """Bits per second that the network carries, all streams of the connection together; None if nothing is known."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is known of the network that a connection sends into."""

    bitrate: int
    """Bits per second that it carries, all streams together."""
    measured: bool
    """From what became of each packet; else it is what the receiver says (REMB), which only knows what came."""
    full: bool = False
    """Measured a moment ago: more was sent than went through."""
