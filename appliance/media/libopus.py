"""libopus itself, by ctypes: concealment, error correction and settings in place, which FFmpeg's wrapper hides.

It is the copy that PyAV brings or was built with, so there is nothing more to install.
"""

import ctypes
import functools
import logging
from ctypes import CDLL, POINTER, c_char_p, c_int, c_int32, c_void_p
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from hardware.ports import DeviceError

logger = logging.getLogger(__name__)
Samples = NDArray[np.int16]
RATE = 48_000
_MOST_SAMPLES = RATE * 120 // 1000
_MOST_BYTES = 1275
_STEP = RATE // 400
"""Opus counts time in 2.5 ms."""
# opus_defines.h
_VOIP = 2048
_SET_BITRATE, _SET_INBAND_FEC, _SET_LOSS_PERCENT, _SET_DTX = 4002, 4012, 4014, 4016


@functools.cache
def library() -> CDLL | None:
    """Return libopus, None where it is not to be had as a shared library."""
    bundled = sorted((Path(av.__file__).parent.parent / "av.libs").glob("libopus-*.so*"))
    for name in (*map(str, bundled), "libopus.so.0"):
        try:
            return _declared(CDLL(name))
        except (OSError, AttributeError):
            continue
    logger.warning("no libopus 1.5 or newer can be reached: lost sound will not be recovered; PyAV's wheel brings one")
    return None


def _declared(opus: CDLL) -> CDLL:
    """Say what the functions take; raises AttributeError for a library that lacks one."""
    for size in (opus.opus_encoder_get_size, opus.opus_decoder_get_size):
        size.argtypes, size.restype = [c_int], c_int
    opus.opus_encoder_init.argtypes = [c_void_p, c_int32, c_int, c_int]
    opus.opus_decoder_init.argtypes = [c_void_p, c_int32, c_int]
    # variadic in C; whole numbers travel alike either way on every Linux we run on
    opus.opus_encoder_ctl.argtypes = [c_void_p, c_int, c_int32]
    opus.opus_encode.argtypes = [c_void_p, c_char_p, c_int, c_void_p, c_int32]
    opus.opus_encode.restype = c_int32
    opus.opus_decode.argtypes = [c_void_p, c_char_p, c_int32, c_void_p, c_int, c_int]
    opus.opus_packet_get_nb_samples.argtypes = [c_char_p, c_int32, c_int32]
    opus.opus_packet_has_lbrr.argtypes = [c_char_p, c_int32]
    return opus


class Encoder:
    """Mono speech with error correction inside, and nothing much during silence."""

    def __init__(self, opus: CDLL) -> None:
        self._opus = opus
        self._state = ctypes.create_string_buffer(opus.opus_encoder_get_size(1))
        _check(opus.opus_encoder_init(self._state, RATE, 1, _VOIP))
        self._out = ctypes.create_string_buffer(_MOST_BYTES)
        for request in (_SET_INBAND_FEC, _SET_DTX):
            _check(opus.opus_encoder_ctl(self._state, request, 1))

    def tune(self, *, bitrate: int, loss_percent: int) -> None:
        """Change what is spent, between two packets."""
        _check(self._opus.opus_encoder_ctl(self._state, _SET_BITRATE, bitrate))
        _check(self._opus.opus_encoder_ctl(self._state, _SET_LOSS_PERCENT, loss_percent))

    def encode(self, samples: bytes) -> bytes:
        """Encode one block of s16; one or two bytes stand for silence."""
        size = self._opus.opus_encode(self._state, samples, len(samples) // 2, self._out, _MOST_BYTES)
        return ctypes.string_at(self._out, _check(size))


class Decoder:
    """One stream, to mono. Each call continues where the last one ended."""

    def __init__(self, opus: CDLL) -> None:
        self._opus = opus
        self._state = ctypes.create_string_buffer(opus.opus_decoder_get_size(1))
        _check(opus.opus_decoder_init(self._state, RATE, 1))
        self._pcm: Samples = np.empty(_MOST_SAMPLES, np.int16)
        self._pcm_at = self._pcm.ctypes.data_as(POINTER(ctypes.c_int16))

    def decode(self, packet: bytes) -> Samples | None:
        """Return the samples of a packet, None if it is broken."""
        return self._run(packet, _MOST_SAMPLES, 0)

    def recover(self, packet: bytes, count: int) -> Samples | None:
        """Return the `count` samples before this packet, if it carries them a second time."""
        if self._opus.opus_packet_has_lbrr(packet, len(packet)) != 1:
            return None
        return self._run(packet, count, 1)

    def conceal(self, count: int) -> Samples:
        """Continue without a packet, ever quieter; `count` is a multiple of 2.5 ms."""
        samples = self._run(None, count, 0)
        return np.zeros(count, np.int16) if samples is None else samples

    def _run(self, packet: bytes | None, count: int, recover: int) -> Samples | None:
        size = 0 if packet is None else len(packet)
        decoded = self._opus.opus_decode(self._state, packet, size, self._pcm_at, count, recover)
        return None if decoded <= 0 else self._pcm[:decoded].copy()


def whole_steps(count: int) -> int:
    """Return `count` samples rounded down to what Opus can conceal, 120 ms at most."""
    return min(count, _MOST_SAMPLES) // _STEP * _STEP


def _check(result: int) -> int:
    if result < 0:
        raise DeviceError(f"The microphone's sound cannot be encoded (libopus: error {result}).")
    return result
