"""WebRTC's audio processing as the `livekit` package brings it, called without making two messages for each 10 ms.

`AudioProcessingModule` is the public way in. For each call it makes, sends, receives and reads a protobuf message, and
that costs half as much as the processing; the messages for one buffer are always the same, so here they are made once.
"""

import ctypes

import numpy as np

from appliance.media.sound.blocks import BLOCK, Shorts
from hardware.ports import SAMPLE_RATE

_EMPTY_ANSWER = 3
"""Bytes of an answer that holds no error: a field's number and that it is empty."""


class AudioProcessing:
    """One instance, and the buffers it works on in place: `captured` (BLOCK, channels) and `played` (BLOCK,)."""

    def __init__(self, channels: int, *, echo: bool, noise: bool, low_cut: bool) -> None:
        """Raise ImportError where the package or its library is missing."""
        from livekit.rtc import AudioProcessingModule  # noqa: PLC0415 - heavy, and may be missing
        from livekit.rtc._ffi_client import FfiClient  # noqa: PLC0415
        from livekit.rtc._proto import ffi_pb2  # noqa: PLC0415

        # keeps the instance alive; its own methods are what is shortened here
        self._module = AudioProcessingModule(
            echo_cancellation=echo, noise_suppression=noise, high_pass_filter=low_cut, auto_gain_control=False
        )
        self._messages = ffi_pb2
        self._library = FfiClient.instance._ffi_lib  # noqa: SLF001 - there is no public way to it
        self._answer, self._size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        self.captured: Shorts = np.zeros((BLOCK, channels), np.int16)
        self.played: Shorts = np.zeros(BLOCK, np.int16)
        self._capture = self._message("apm_process_stream", self.captured, channels)
        self._play = self._message("apm_process_reverse_stream", self.played, 1)

    def hear(self) -> None:
        """Take `played`; raise RuntimeError when that fails."""
        self._send(self._play)

    def clean(self) -> None:
        """Change `captured`; raise RuntimeError when that fails."""
        self._send(self._capture)

    def _message(self, kind: str, buffer: Shorts, channels: int) -> ctypes.Array[ctypes.c_ubyte]:
        request = self._messages.FfiRequest()
        inner = getattr(request, kind)
        inner.apm_handle = self._module._ffi_handle.handle  # noqa: SLF001 - see above
        inner.data_ptr, inner.size = buffer.ctypes.data, buffer.nbytes
        inner.sample_rate, inner.num_channels = SAMPLE_RATE, channels
        whole: bytes = request.SerializeToString()
        return (ctypes.c_ubyte * len(whole)).from_buffer_copy(whole)

    def _send(self, message: ctypes.Array[ctypes.c_ubyte]) -> None:
        handle = self._library.livekit_ffi_request(
            message, len(message), ctypes.byref(self._answer), ctypes.byref(self._size)
        )
        if not handle:
            raise RuntimeError("no answer")
        answer = ctypes.string_at(self._answer, self._size.value) if self._size.value > _EMPTY_ANSWER else b""
        self._library.livekit_ffi_drop_handle(handle)
        if answer:
            self._raise(answer)

    def _raise(self, answer: bytes) -> None:
        response = self._messages.FfiResponse.FromString(answer)
        for field, value in response.ListFields():
            if error := getattr(value, "error", ""):
                raise RuntimeError(f"{field.name}: {error}")
