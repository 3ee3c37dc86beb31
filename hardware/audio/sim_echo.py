"""`sim:echo?of=/path.wav`: a microphone beside a `sim:sink?record=/path.wav`, which it hears 20 dB quieter."""

import time
from pathlib import Path
from typing import Self

import numpy as np

from hardware.pace import Pace
from hardware.ports import BACKLOG, BLOCK, SAMPLE_BYTES, SAMPLE_RATE, Array, AudioBlock
from hardware.uri import DeviceUri

_BLOCK_BYTES = BLOCK * SAMPLE_BYTES
_QUIETER = 10


class SimulatedEcho:
    """Hears what was played since it was opened, and silence while nothing is."""

    simulated = True
    id = ""
    channels = 1
    xruns = 0

    def __init__(self, uri: DeviceUri) -> None:
        self._file = Path(uri.only("of").options.get("of", "")).expanduser()
        self.name = "Simulated microphone (hears the loudspeaker)"
        self.array = Array(self.name)
        self._heard = 0
        """Bytes of the file."""
        self._pace = Pace(BLOCK / SAMPLE_RATE, backlog=BACKLOG)

    @property
    def dropped(self) -> int:
        return self._pace.skipped

    def __enter__(self) -> Self:
        self._heard = self._file.stat().st_size if self._file.exists() else 0
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, timeout_s: float) -> AudioBlock | None:
        if self._pace.wait(timeout_s) is None:
            return None
        played = self._played()
        if len(played) < _BLOCK_BYTES:
            return AudioBlock(bytes(_BLOCK_BYTES), time.monotonic_ns())
        self._heard += _BLOCK_BYTES
        quieter = np.frombuffer(played, "<i2") // _QUIETER
        return AudioBlock(quieter.astype("<i2").tobytes(), time.monotonic_ns())

    def _played(self) -> bytes:
        try:
            with self._file.open("rb") as file:
                file.seek(self._heard)
                return file.read(_BLOCK_BYTES)
        except OSError:
            return b""
