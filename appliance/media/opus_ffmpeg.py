"""Opus through PyAV, for a machine whose libopus cannot be reached: no error correction, a plain fade for the lost."""

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from appliance.media.libopus import RATE, Samples
from hardware.ports import DeviceError

_LOSS_PERCENT = "10"
_FADE = 0.5


class FfmpegEncoder:
    """Keeps the settings it began with: FFmpeg takes no others afterwards."""

    def __init__(self, bitrate: int) -> None:
        codec = AudioCodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = RATE, "mono", "s16"
        codec.bit_rate, codec.time_base = bitrate, Fraction(1, RATE)
        codec.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1",
            "packet_loss": _LOSS_PERCENT,
            "dtx": "1",
        }
        self._codec = codec
        self._pts = 0

    def tune(self, *, bitrate: int, loss_percent: int) -> None:
        """Stay as it is."""

    def encode(self, samples: bytes) -> bytes:
        """Encode one block of mono s16, or raise `DeviceError`: then the microphone is of no use."""
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.planes[0].update(samples)
        frame.sample_rate, frame.pts = RATE, self._pts
        self._pts += frame.samples
        try:
            packets = self._codec.encode(frame)
        except FFmpegError as err:
            raise DeviceError(f"The microphone's sound cannot be encoded ({err.strerror}).") from err
        return b"".join(bytes(packet) for packet in packets)


class FfmpegDecoder:
    """Decodes packets of any length Opus has."""

    def __init__(self) -> None:
        codec = AudioCodecContext.create("libopus", "r")
        codec.sample_rate, codec.layout, codec.format = RATE, "mono", "s16"
        self._codec = codec
        self._last: Samples = np.zeros(RATE // 50, np.int16)
        self._gain = 1.0

    def decode(self, packet: bytes) -> Samples | None:
        """Return the samples of a packet, None if it is broken."""
        try:
            frames = self._codec.decode(av.Packet(packet))
        except FFmpegError:
            return None
        blocks = [cast("Samples", frame.to_ndarray().reshape(-1)) for frame in frames]
        if not blocks:
            return None
        self._last, self._gain = np.concatenate(blocks), 1.0
        return self._last

    def recover(self, packet: bytes, count: int) -> Samples | None:  # noqa: ARG002 - as every decoder
        """Know nothing of what was before: FFmpeg does not ask libopus."""
        return None

    def conceal(self, count: int) -> Samples:
        """Repeat what was heard last, ever quieter."""
        after = self._gain * _FADE
        ramp = np.linspace(self._gain, after, count)
        self._gain = after
        return np.asarray(np.resize(self._last[-count:], count) * ramp, dtype=np.int16)
