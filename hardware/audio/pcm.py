"""ALSA's PCM interface, as much of it as one direction of one device needs. PipeWire is one of its devices.

libasound is called directly and not by PortAudio, which the devices of a room outlive badly: in its releases 19.6 and
19.7 `PaAlsaStream_WaitForFrames` jumps, when a device is pulled, to a label above the check that made it jump. It never
comes back from there, writes to stderr all the time, cannot be cancelled, and whoever closes the stream waits for ever.
PortAudio also knows only the devices that were there when it began.

A `Pcm` belongs to one thread. No call waits longer than it was told to.
"""

import ctypes
import errno
import time
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p
from functools import cache

from hardware.ports import BLOCK, SAMPLE_BYTES, SAMPLE_RATE, DeviceError, DeviceMissing

_PLAYBACK, _CAPTURE = 0, 1
_NONBLOCK = 1
_S16_LE = 2
_RW_INTERLEAVED = 3
_CALLS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "open": (c_int, (c_void_p, c_char_p, c_int, c_int)),
    "close": (c_int, (c_void_p,)),
    "prepare": (c_int, (c_void_p,)),
    "start": (c_int, (c_void_p,)),
    "wait": (c_int, (c_void_p, c_int)),
    "avail_update": (c_long, (c_void_p,)),
    "readi": (c_long, (c_void_p, c_void_p, c_ulong)),
    "writei": (c_long, (c_void_p, c_void_p, c_ulong)),
    "delay": (c_int, (c_void_p, c_void_p)),
    "hw_params_malloc": (c_int, (c_void_p,)),
    "hw_params_free": (None, (c_void_p,)),
    "hw_params_any": (c_int, (c_void_p, c_void_p)),
    "hw_params_set_access": (c_int, (c_void_p, c_void_p, c_int)),
    "hw_params_set_format": (c_int, (c_void_p, c_void_p, c_int)),
    "hw_params_set_channels": (c_int, (c_void_p, c_void_p, c_uint)),
    "hw_params_set_rate_resample": (c_int, (c_void_p, c_void_p, c_uint)),
    "hw_params_set_rate": (c_int, (c_void_p, c_void_p, c_uint, c_int)),
    "hw_params_set_period_size_near": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "hw_params_set_buffer_size_near": (c_int, (c_void_p, c_void_p, c_void_p)),
    "hw_params_get_channels_max": (c_int, (c_void_p, c_void_p)),
    "hw_params": (c_int, (c_void_p, c_void_p)),
    "sw_params_malloc": (c_int, (c_void_p,)),
    "sw_params_free": (None, (c_void_p,)),
    "sw_params_current": (c_int, (c_void_p, c_void_p)),
    "sw_params_set_avail_min": (c_int, (c_void_p, c_void_p, c_ulong)),
    "sw_params_set_start_threshold": (c_int, (c_void_p, c_void_p, c_ulong)),
    "sw_params": (c_int, (c_void_p, c_void_p)),
}  # fmt: skip
_QUICK = ("delay", "avail_update")
"""They take microseconds: giving up the interpreter for them, and waiting to get it back, would take longer."""


class Xrun(Exception):
    """The device had nothing to play, or nowhere to put what it heard: it stands still until `restart` and `start`."""


class Pcm:
    """One direction of a sound device: 48 kHz, signed 16 bit, whatever the device itself does."""

    def __init__(self, pcm: str, *, name: str, capture: bool, channels: int, buffer: int) -> None:
        """Open what ALSA calls `pcm` and people `name`, with a `buffer` of samples a channel; raises `DeviceError`.

        It may block for as long as the device's driver or PipeWire does.
        """
        self.name, self.channels = name, channels
        self._calls = _calls()
        self._pcm = _open(pcm, capture=capture)
        try:
            self.buffer = self._configure(buffer)
        except DeviceError:
            self.close()
            raise
        self._samples = ctypes.create_string_buffer(BLOCK * channels * SAMPLE_BYTES)

    def close(self) -> None:
        """Close the device, without playing what it still holds."""
        self._calls["close"](self._pcm)

    def start(self) -> None:
        """Begin to listen, or to play what was written."""
        self._check("start")

    def restart(self) -> None:
        """Be as after opening, after an `Xrun`."""
        self._check("prepare")

    def wait(self, timeout_s: float) -> bool:
        """Wait for a block's worth of sound, or of room; False after `timeout_s`."""
        return self._check("wait", round(timeout_s * 1000)) > 0

    def available(self) -> int:
        """Return how many samples a channel can be read or written now."""
        return self._check("avail_update")

    def read(self) -> bytes:
        """Return a block; there must be one."""
        count = self._check("readi", self._samples, BLOCK)
        if count != BLOCK:
            raise DeviceError(f"{self.name} gave {count} samples of {BLOCK}: plug it in again")
        return self._samples.raw

    def write(self, samples: bytes) -> None:
        """Give a block to the device; there must be room."""
        count = self._check("writei", samples, len(samples) // SAMPLE_BYTES // self.channels)
        if count * SAMPLE_BYTES * self.channels != len(samples):
            raise DeviceError(f"{self.name} took {count} samples of {BLOCK}: plug it in again")

    def delay(self) -> tuple[int, int]:
        """Return how many samples lie between program and air, and when that was so (monotonic ns).

        The two belong together only if nothing came between them: then another try is made.
        """
        samples = c_long()
        for _ in range(3):
            before = time.monotonic_ns()
            self._check("delay", byref(samples))
            if time.monotonic_ns() - before < 500_000:
                break
        # a driver that lost its position tells nonsense
        return max(0, min(samples.value, SAMPLE_RATE)), before

    def _configure(self, buffer: int) -> int:
        params, period, size = c_void_p(), c_ulong(BLOCK), c_ulong(buffer)
        self._calls["hw_params_malloc"](byref(params))
        try:
            self._set("hw_params_any", params)
            self._set("hw_params_set_access", params, _RW_INTERLEAVED)
            self._set("hw_params_set_format", params, _S16_LE, what="16 bit samples")
            self._set("hw_params_set_channels", params, self.channels, what=f"{self.channels} channels")
            self._set("hw_params_set_rate_resample", params, 1)
            self._set("hw_params_set_rate", params, SAMPLE_RATE, 0, what="48 kHz, directly or converted")
            self._set("hw_params_set_period_size_near", params, byref(period), None)
            self._set("hw_params_set_buffer_size_near", params, byref(size))
            self._set("hw_params", params)
        finally:
            self._calls["hw_params_free"](params)
        self._wake_at_blocks(size.value)
        return size.value

    def _wake_at_blocks(self, never: int) -> None:
        params = c_void_p()
        self._calls["sw_params_malloc"](byref(params))
        try:
            self._set("sw_params_current", params)
            self._set("sw_params_set_avail_min", params, BLOCK)
            self._set("sw_params_set_start_threshold", params, never + 1)
            self._set("sw_params", params)
        finally:
            self._calls["sw_params_free"](params)

    def _set(self, call: str, *arguments: object, what: str = "these settings") -> None:
        code = self._calls[call](self._pcm, *arguments)
        if code < 0:
            raise DeviceError(
                f"{self.name} cannot do {what} ({_words(code)}): choose another device, or one with "
                "conversion (pipewire: or plughw:)"
            )

    def _check(self, call: str, *arguments: object) -> int:
        code = int(self._calls[call](self._pcm, *arguments))
        if code == -errno.EPIPE:
            raise Xrun
        if code == -errno.EAGAIN:
            return 0
        if code < 0:
            raise DeviceError(f"{self.name} is gone ({_words(code)}): check its cable")
        return code


def most_channels(name: str, *, capture: bool) -> int:
    """Return how many channels a device has at most; raises `DeviceError` where it cannot be opened."""
    calls = _calls()
    pcm = _open(name, capture=capture)
    params, channels = c_void_p(), c_uint()
    calls["hw_params_malloc"](byref(params))
    try:
        code = calls["hw_params_any"](pcm, params)
        code = calls["hw_params_get_channels_max"](params, byref(channels)) if code >= 0 else code
    finally:
        calls["hw_params_free"](params)
        calls["close"](pcm)
    if code < 0:
        raise DeviceError(f"the sound device {name} does not say what it can do ({_words(code)}): plug it in again")
    return channels.value


def _open(name: str, *, capture: bool) -> c_void_p:
    pcm = c_void_p()
    code = _calls()["open"](byref(pcm), name.encode(), _CAPTURE if capture else _PLAYBACK, _NONBLOCK)
    if code >= 0:
        return pcm
    if code == -errno.EBUSY:
        raise DeviceError(f"another program uses the sound device {name}: close it, or use pipewire:")
    if code in {-errno.ENOENT, -errno.ENODEV, -errno.ENXIO}:
        raise DeviceMissing(f"there is no sound device {name}: check its cable, and `arecord -L` or `aplay -L`")
    if code == -errno.EACCES:
        raise DeviceError(f"the sound device {name} may not be used by this user: add it to the group audio")
    if code == -errno.EHOSTDOWN:
        raise DeviceError("PipeWire does not run, or not for this user: see systemctl --user status pipewire")
    raise DeviceError(f"the sound device {name} cannot be opened ({_words(code)})")


def _words(code: int) -> str:
    return str(_library().snd_strerror(code).decode("utf-8", "replace"))


@cache
def _calls() -> dict[str, Callable[..., int]]:
    waiting, quick = _library(), ctypes.PyDLL("libasound.so.2")
    calls: dict[str, Callable[..., int]] = {}
    for name, (result, arguments) in _CALLS.items():
        call = getattr(quick if name in _QUICK else waiting, f"snd_pcm_{name}")
        call.restype, call.argtypes = result, arguments
        calls[name] = call
    return calls


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libasound.so.2")
    except OSError as err:
        raise DeviceError("sound needs ALSA's library: install libasound2 (libasound2t64 on newer systems)") from err
    library.snd_strerror.restype = c_char_p
    # It would write to stderr what the codes say better. Any function of C that does nothing may take its place.
    library.snd_lib_error_set_handler(ctypes.cast(ctypes.CDLL(None).getpid, c_void_p))
    return library
