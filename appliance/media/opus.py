"""Opus, 48 kHz mono, one packet in 20 ms: by libopus where it can be reached, else by what FFmpeg lets through."""

from typing import Protocol

from appliance.media import libopus
from appliance.media.libopus import Samples
from appliance.media.opus_ffmpeg import FfmpegDecoder, FfmpegEncoder

BITRATE = 32_000
"""Speech in full band, error correction included."""
_LEAST_BITRATE, _MOST_BITRATE = 8_000, 128_000
_LEAST_LOSS, _MOST_LOSS = 10, 30
"""Percent. A server reports the way to it, not the others' ways from it: they need the correction all the same."""
_SILENCE_BYTES = 2
"""A packet this small says "silence from here" (discontinuous transmission)."""


class Decoder(Protocol):
    """One stream's packets to samples."""

    def decode(self, packet: bytes) -> Samples | None:
        """Return the samples of a packet, None if it is broken."""

    def recover(self, packet: bytes, count: int) -> Samples | None:
        """Return the `count` samples before this packet, if it carries them a second time."""

    def conceal(self, count: int) -> Samples:
        """Continue without a packet, ever quieter; `count` is a multiple of 2.5 ms."""


class _Coder(Protocol):
    def tune(self, *, bitrate: int, loss_percent: int) -> None: ...

    def encode(self, samples: bytes) -> bytes: ...


def opus_decoder() -> Decoder:
    """Return a decoder for a new stream."""
    found = libopus.library()
    return FfmpegDecoder() if found is None else libopus.Decoder(found)


def is_silence(packet: bytes) -> bool:
    """Whether the sender says that it sends nothing for a while."""
    return len(packet) <= _SILENCE_BYTES


class OpusEncoder:
    """Encodes blocks of 20 ms. The setters may be called from any thread; they count from the next block on."""

    def __init__(self) -> None:
        found = libopus.library()
        self._coder: _Coder = FfmpegEncoder(BITRATE) if found is None else libopus.Encoder(found)
        self._wanted = (BITRATE, _LEAST_LOSS)
        self._tuned: tuple[int, int] | None = None
        self._silent = False

    def set_bitrate(self, bits_per_s: int) -> None:
        """Spend this much."""
        self._wanted = (min(max(bits_per_s, _LEAST_BITRATE), _MOST_BITRATE), self._wanted[1])

    def set_loss(self, fraction: float) -> None:
        """Expect this share of the packets to be lost, 0 to 1."""
        self._wanted = (self._wanted[0], min(max(round(fraction * 100), _LEAST_LOSS), _MOST_LOSS))

    def encode(self, samples: bytes) -> bytes:
        """Encode one block of mono s16; empty if nothing needs to be sent."""
        wanted = self._wanted
        if wanted != self._tuned:
            self._coder.tune(bitrate=wanted[0], loss_percent=wanted[1])
            self._tuned = wanted
        packet = self._coder.encode(samples)
        was_silent, self._silent = self._silent, is_silence(packet)
        # the first one tells the receiver that this is a pause and not a loss
        return b"" if was_silent and self._silent else packet
