"""Other echo cancellers on the same recordings: speexdsp, by ctypes."""

import ctypes
from ctypes import byref, c_int, c_void_p
from typing import Self

import numpy as np
from numpy.typing import NDArray

RATE, BLOCK = 48_000, 480
TAIL = int(0.4 * RATE)
"""Long enough for 250 ms of delay and 150 ms of room: it has no other way to deal with delay."""
_SET_RATE, _SET_DENOISE, _SET_ECHO_STATE = 24, 0, 24
"""speex_echo.h and speex_preprocess.h."""


class Speex:
    """Its adaptive filter, and its preprocessor for noise and what is left of the echo, as its manual says."""

    def __init__(self) -> None:
        speex = self._speex = ctypes.CDLL("libspeexdsp.so.1")
        speex.speex_echo_state_init.restype = speex.speex_preprocess_state_init.restype = c_void_p
        for name in ("speex_echo_ctl", "speex_preprocess_ctl"):
            getattr(speex, name).argtypes = [c_void_p, c_int, c_void_p]
        speex.speex_echo_cancellation.argtypes = [c_void_p] * 4
        speex.speex_preprocess_run.argtypes = [c_void_p] * 2
        speex.speex_echo_state_destroy.argtypes = speex.speex_preprocess_state_destroy.argtypes = [c_void_p]

    def __enter__(self) -> Self:
        self._echo = self._speex.speex_echo_state_init(BLOCK, TAIL)
        self._preprocess = self._speex.speex_preprocess_state_init(BLOCK, RATE)
        self._speex.speex_echo_ctl(self._echo, _SET_RATE, byref(c_int(RATE)))
        self._speex.speex_preprocess_ctl(self._preprocess, _SET_DENOISE, byref(c_int(1)))
        self._speex.speex_preprocess_ctl(self._preprocess, _SET_ECHO_STATE, self._echo)
        return self

    def __exit__(self, *_: object) -> None:
        self._speex.speex_preprocess_state_destroy(self._preprocess)
        self._speex.speex_echo_state_destroy(self._echo)

    def process(self, captured: NDArray[np.int16], played: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return one block without its echo."""
        captured, played = np.ascontiguousarray(captured), np.ascontiguousarray(played)
        out = np.empty(BLOCK, np.int16)
        self._speex.speex_echo_cancellation(self._echo, captured.ctypes.data, played.ctypes.data, out.ctypes.data)
        self._speex.speex_preprocess_run(self._preprocess, out.ctypes.data)
        return out
