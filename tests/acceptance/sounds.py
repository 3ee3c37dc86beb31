"""Plays and captures at once, as the room does: one thread for the loudspeaker, the caller's for the microphone."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acceptance.room import Room
from hardware.ports import BLOCK, AudioBlock, DeviceError, Microphone

Shorts = NDArray[np.int16]
_READ_S, _SILENT_S = 0.25, 2.0
_AFTER = 200
"""Blocks for which the microphone listens longer than the loudspeaker plays: delays, and two drivers' buffers."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of a sound on its way."""

    one_device: bool
    """It was played and captured by the same device."""
    lost: int
    """How often loudspeaker or microphone lost some of it, because this machine was too slow."""


def captured(microphone: Microphone, seconds: float) -> Shorts:
    """Return (samples, channels) of what an open microphone hears from now on."""
    blocks = [np.frombuffer(block.samples, "<i2").reshape(-1, block.channels) for block in hear(microphone, seconds)]
    return np.concatenate(blocks)


def hear(microphone: Microphone, seconds: float) -> list[AudioBlock]:
    """Return so many seconds of blocks."""
    return [_next(microphone) for _ in range(max(1, round(seconds * 100)))]


def through_the_room(
    room: Room,
    sound: Shorts,
    *,
    played: Callable[[AudioBlock], None],
    heard: Callable[[AudioBlock], bool],
    opened: Callable[[Microphone], None] = lambda _: None,
) -> Passed:
    """Play `sound` (mono) and capture until `heard` returns False or the sound is over.

    `opened` is called with the microphone before anything is played, `played` on a thread of the loudspeaker's driver.
    """
    stop = threading.Event()

    def play() -> tuple[str, int]:
        with room.speaker(room.devices.speaker) as speaker:
            speaker.on_played = played
            for block in np.pad(sound, (0, -len(sound) % BLOCK)).reshape(-1, BLOCK):
                if stop.is_set():
                    break
                speaker.write(block.astype("<i2").tobytes())
            return speaker.id, speaker.xruns

    with room.microphone(room.devices.microphone) as microphone, ThreadPoolExecutor(1, "loudspeaker") as thread:
        opened(microphone)
        _next(microphone)
        playing = thread.submit(play)
        try:
            left = _AFTER
            while left and heard(_next(microphone)):
                if playing.done():
                    playing.result()
                    left -= 1
        finally:
            stop.set()
        speaker_id, xruns = playing.result()
        lost = xruns + microphone.xruns + microphone.dropped
        return Passed(bool(speaker_id) and speaker_id == microphone.id, lost)


def _next(microphone: Microphone) -> AudioBlock:
    until_s = time.monotonic() + _SILENT_S
    while time.monotonic() < until_s:
        block = microphone.read(_READ_S)
        if block is not None:
            return block
    raise DeviceError(f"{microphone.name} gives nothing: check its cable and that no other program uses it")
