"""Simulated sound: `sim:tone?hz=440`, `sim:silence`, `sim:array` and `sim:echo` to hear, `sim:sink` to play into.

Each takes `plug=/path`: it is there while the file is.
"""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from hardware.audio.sim_array import SimulatedArray
from hardware.audio.sim_echo import SimulatedEcho
from hardware.pace import Pace
from hardware.plug import Plug
from hardware.ports import BACKLOG, BLOCK, BLOCK_NS, SAMPLE_BYTES, SAMPLE_RATE, Array, AudioBlock, DeviceError
from hardware.uri import DeviceUri

RECORD_LIMIT_S = 600
_PULSE_BLOCKS = 80
"""A tone swells and fades once in this many blocks, so that ears and tests can tell it from hum."""
_TONE_BLOCKS = 400
"""Four seconds: whole pulses, and whole periods of any tone, so that repeating them makes no click."""
_PEAK = 8000
_SILENCE = bytes(BLOCK * SAMPLE_BYTES)


def simulated_microphone(uri: DeviceUri) -> "SimulatedMicrophone | SimulatedArray | SimulatedEcho":
    """Return the microphone a `sim:` URI names."""
    match uri.path:
        case "array":
            return SimulatedArray(uri)
        case "echo":
            return SimulatedEcho(uri)
        case _:
            return SimulatedMicrophone(uri)


def present(uri: DeviceUri) -> bool:
    """Whether its plug is in."""
    return Plug(uri).is_in


class SimulatedMicrophone:
    """Hears a gentle pulsing tone, or nothing, in blocks at the pace of real time."""

    simulated = True
    id = ""
    channels = 1
    xruns = 0

    def __init__(self, uri: DeviceUri) -> None:
        if uri.path == "tone":
            self._hz = uri.only("hz", "plug").integer("hz", 440, 50, 8000)
            self.name = f"Simulated microphone ({self._hz} Hz)"
        else:
            uri.only("plug")
            self._hz = 0
            self.name = "Simulated microphone (silent)"
        self._plug = Plug(uri)
        # a tone is what a noise suppressor takes out
        self.array = Array(self.name, cleans=True)
        self._blocks: dict[int, bytes] = {}
        self._pace = Pace(BLOCK / SAMPLE_RATE, backlog=BACKLOG)

    @property
    def dropped(self) -> int:
        return self._pace.skipped

    def __enter__(self) -> Self:
        self._plug.open()
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._blocks.clear()

    def read(self, timeout_s: float) -> AudioBlock | None:
        tick = self._pace.wait(timeout_s)
        if tick is None:
            return None
        self._plug.check()
        return AudioBlock(self._block(tick % _TONE_BLOCKS), time.monotonic_ns())

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = _tone(self._hz, number)
        return self._blocks[number]


class SimulatedSpeaker:
    """Plays at the pace of real time into nothing, or into a file that grows while it plays."""

    simulated = True
    id = ""
    name = "Simulated loudspeaker"

    def __init__(self, uri: DeviceUri) -> None:
        record = uri.only("record", "plug").options.get("record")
        self._record = Path(record).expanduser() if record else None
        self._plug = Plug(uri)
        self._file: BinaryIO | None = None
        self._written = 0
        self._pace = Pace(BLOCK / SAMPLE_RATE, backlog=2)
        self.on_played: Callable[[AudioBlock], None] | None = None
        self.xruns = 0
        self.dropped = 0

    def __enter__(self) -> Self:
        self._plug.open()
        if self._record:
            self._file = _recording(self._record)
        self._written = 0
        self._pace.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def write(self, samples: bytes) -> None:
        self._plug.check()
        if self._file:
            self._keep(self._file, samples)
        late = self._pace.skipped
        self._pace.wait(1.0)
        self._play(samples, self._pace.skipped - late)

    def _play(self, samples: bytes, missed: int) -> None:
        """Tell what a device would have played: silence while there was nothing to play, then this."""
        self.xruns += bool(missed)
        if self.on_played:
            end_ns = time.monotonic_ns() + BLOCK_NS
            for n in range(min(missed, BACKLOG), 0, -1):
                self.on_played(AudioBlock(_SILENCE, end_ns - n * BLOCK_NS))
            self.on_played(AudioBlock(samples, end_ns))

    def _keep(self, file: BinaryIO, samples: bytes) -> None:
        """Append to the recording; it starts over when it is too long, so that a forgotten one fills no disk."""
        if self._written >= RECORD_LIMIT_S * SAMPLE_RATE * SAMPLE_BYTES:
            file.truncate(file.seek(len(_wav_header())))
            self._written = 0
        file.write(samples)
        self._written += len(samples)


def _tone(hz: int, block: int) -> bytes:
    if not hz:
        return bytes(BLOCK * SAMPLE_BYTES)
    n = np.arange(block * BLOCK, (block + 1) * BLOCK)
    swell = np.sin(np.pi * n / (_PULSE_BLOCKS * BLOCK)) ** 2
    return (_PEAK * swell * np.sin(2 * np.pi * hz * n / SAMPLE_RATE)).astype("<i2").tobytes()


def _recording(path: Path) -> BinaryIO:
    try:
        file = path.open("wb", buffering=0)
    except OSError as err:
        raise DeviceError(f"the recording {path} cannot be written ({err.strerror}): name another place") from err
    file.write(_wav_header())
    return file


def _wav_header() -> bytes:
    """Return a WAV header for mono s16 whose length is open, as for streams: readers take what is there."""
    rate, width = SAMPLE_RATE, SAMPLE_BYTES
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * width, width, width * 8)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + chunk + struct.pack("<4sI", b"data", 0xFFFFFFFF)
