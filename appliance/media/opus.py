"""Opus, 48 kHz mono, one packet in 20 ms."""

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError
from numpy.typing import NDArray

from appliance.media.rtc.frames import AUDIO_CLOCK
from hardware.ports import DeviceError

Samples = NDArray[np.int16]
BITRATE = 40_000


class OpusEncoder:
    """Encodes blocks of 20 ms."""

    def __init__(self) -> None:
        codec = AudioCodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = AUDIO_CLOCK, "mono", "s16"
        codec.bit_rate, codec.time_base = BITRATE, Fraction(1, AUDIO_CLOCK)
        codec.options = {"application": "voip", "frame_duration": "20", "fec": "1", "packet_loss": "5"}
        self._codec = codec
        self._pts = 0

    def encode(self, samples: bytes) -> bytes:
        """Encode one block of mono s16, or raise `DeviceError`: then the microphone is of no use."""
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.planes[0].update(samples)
        frame.sample_rate, frame.pts = AUDIO_CLOCK, self._pts
        self._pts += frame.samples
        try:
            packets = self._codec.encode(frame)
        except FFmpegError as err:
            raise DeviceError(f"The microphone's sound cannot be encoded ({err.strerror}).") from err
        return b"".join(bytes(packet) for packet in packets)


class OpusDecoder:
    """Decodes packets of any length Opus has."""

    def __init__(self) -> None:
        codec = AudioCodecContext.create("libopus", "r")
        codec.sample_rate, codec.layout, codec.format = AUDIO_CLOCK, "mono", "s16"
        self._codec = codec

    def decode(self, packet: bytes) -> Samples | None:
        """Return mono samples, or None for a broken packet."""
        try:
            frames = self._codec.decode(av.Packet(packet))
        except FFmpegError:
            return None
        blocks = [cast("Samples", frame.to_ndarray().reshape(-1)) for frame in frames]
        return np.concatenate(blocks) if blocks else None
