"""Does somebody talk? Silero's model where onnxruntime is there, else by loudness above the room's own noise.

The model comes with this package (silero_vad_16k.LICENSE.txt says from where); onnxruntime takes 0.1 s and 30 MB to
load, so it is imported when a room first listens.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from appliance.media.sound.blocks import BLOCK, FULL_SCALE, Floats, dbfs, rms

logger = logging.getLogger(__name__)

MODEL = Path(__file__).with_name("silero_vad_16k.onnx")
_RATIO = 3
"""From 48 kHz to the model's 16."""
_STEP, _CONTEXT = 512, 64
"""Samples the model takes at a time, and how many before them."""
_TALKS, _FALLS_SILENT = 0.5, 0.35
_SILENCE_DBFS = -70.0
_TAPS = 60
_NOISE_UP_DB, _NOISE_DOWN_DB = 0.02, 0.5
"""By which the noise floor follows in each block: 2 dB a second up, soon down."""
_FIRST_BLOCKS = 30
_OVER_DB = 9.0


class Judge(Protocol):
    """Says how likely it is, 0 to 1, that a block of 48 kHz sound holds a voice."""

    def probability(self, block: Floats) -> float: ...


class Silero:
    """The model, on one thread."""

    def __init__(self) -> None:
        """Raise ImportError without onnxruntime, OSError when the model is not there."""
        import onnxruntime  # noqa: PLC0415 - large, and may be missing

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = MODEL.read_bytes()
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, _CONTEXT + _STEP), np.float32)
        self._filled = _CONTEXT
        self._decimator = Decimator()
        self._probability = 0.0

    def probability(self, block: Floats) -> float:
        taken = self._decimator.take(block)
        room = _CONTEXT + _STEP - self._filled
        self._input[0, self._filled : self._filled + len(taken)] = taken[:room]
        self._filled += min(len(taken), room)
        if len(taken) >= room:
            self._judge()
            rest = taken[room:]
            self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
            self._input[0, _CONTEXT : _CONTEXT + len(rest)] = rest
            self._filled = _CONTEXT + len(rest)
        return self._probability

    def _judge(self) -> None:
        # nobody whispers at -70 dB; an empty room costs nothing
        if dbfs(rms(self._input) * FULL_SCALE) < _SILENCE_DBFS:
            self._probability = 0.0
            return
        said, self._state = self._session.run(None, {"input": self._input, "state": self._state})
        self._probability = float(said[0, 0])


class Loudness:
    """Anything well above the noise floor may be a voice. Good enough to remind somebody that he is muted."""

    def __init__(self) -> None:
        self._floor_db = self._level_db = _SILENCE_DBFS
        self._blocks = 0

    def probability(self, block: Floats) -> float:
        level_db = dbfs(rms(block))
        self._level_db += 0.3 * (level_db - self._level_db)
        over_db = self._level_db - self._floor_db
        self._blocks += 1
        # at first any noise is taken for the room's own
        up_db = _NOISE_UP_DB if self._blocks > _FIRST_BLOCKS else over_db
        self._floor_db += up_db if over_db > 0 else -_NOISE_DOWN_DB
        self._floor_db = max(self._floor_db, _SILENCE_DBFS)
        return float(min(max(0.5 * over_db / _OVER_DB, 0.0), 1.0))


class Decimator:
    """48 to 16 kHz, with nothing above 8 kHz folded back."""

    def __init__(self) -> None:
        away = np.arange(_TAPS + 1) - _TAPS / 2
        taps = np.sinc(away / _RATIO * 0.92) * np.kaiser(_TAPS + 1, 7.0)
        self._taps = (taps / taps.sum() / FULL_SCALE).astype(np.float32)
        self._line = np.zeros(_TAPS + BLOCK, np.float32)
        # a view: it always shows what the line holds
        self._windows = np.lib.stride_tricks.sliding_window_view(self._line, _TAPS + 1)[::_RATIO]

    def take(self, block: Floats) -> Floats:
        """Take (BLOCK,) as large as int16, return a third as many between -1 and 1."""
        self._line[:_TAPS] = self._line[-_TAPS:]
        self._line[_TAPS:] = block
        # BLAS wants rows of their own; without it this product takes far longer
        return np.asarray(self._windows.copy() @ self._taps, np.float32)


class VoiceActivity:
    """A judge with hysteresis."""

    def __init__(self, judge: Callable[[], Judge] = Silero) -> None:
        self.why = ""
        self.probability = 0.0
        self._talking = False
        self._judge = self._made(judge)

    def _made(self, judge: Callable[[], Judge]) -> Judge:
        try:
            return judge()
        except (ImportError, OSError) as err:
            self.why = f"voices are told by loudness alone ({err}); install salon[voice] for better"
            logger.info("%s", self.why)
            return Loudness()

    def talks(self, block: Floats) -> bool:
        """Take the next (BLOCK,); return whether somebody talks."""
        self.probability = self._judge.probability(block)
        self._talking = self.probability >= (_FALLS_SILENT if self._talking else _TALKS)
        return self._talking
