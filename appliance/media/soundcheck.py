"""Runs a sound check: plays the sweep, records what the microphones hear of it, and says what that means."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from appliance.media.audio import MicrophoneFeed
from appliance.media.mixer import Mixer
from appliance.media.sound.blocks import Shorts
from appliance.media.sound.check import MicrophoneCheck, analyse, sweep
from appliance.media.sound.check import SoundCheck as Measured
from appliance.media.sound.check_picture import picture
from appliance.media.sound.verdict import LOST, findings
from appliance.state.sound import MicrophoneLevel, SoundCheck
from hardware.ports import BLOCK, BLOCK_NS, SAMPLE_RATE, AudioBlock

logger = logging.getLogger(__name__)
_MARGIN_S = 3.0
"""How much longer than the sweep it may take."""
_NS = 1_000_000_000
_SWEEPS = 3
"""How often it is played at most, where sound is lost meanwhile."""
_MOST_MISSING_NS = 30_000_000
"""Of the captured sound; the blocks' times are not that exact on a busy machine."""
_NOTHING = "The sweep was not played, or nothing was captured. Look at the list of devices."
_EARLY_BLOCKS = 200
"""Captured before it is known when the sound began: two seconds."""


class Recording:
    """What the microphones captured from the moment on at which a sound began to leave the loudspeaker."""

    def __init__(self, sound: Shorts) -> None:
        self._samples, self._sound = len(sound), sound
        # silence could be anybody's: the first block that is not tells where it all began
        self._mark = int(np.flatnonzero(sound)[0]) // BLOCK
        self._marked = sound[self._mark * BLOCK : (self._mark + 1) * BLOCK].astype("<i2").tobytes()
        self._begun_ns: int | None = None
        self._blocks: list[Shorts] = []
        self._captured = 0
        self._starts_ns: list[int] = []
        """When the recording began, by each captured block."""
        self._plays_ns: list[int] = []
        """When the sound began, by each played block."""
        self._lost = False
        """Something else was played in between."""
        self._early: deque[AudioBlock] = deque(maxlen=_EARLY_BLOCKS)
        self._played_any = self._captured_any = False
        self.done = threading.Event()

    def played(self, block: AudioBlock) -> None:
        """Take what leaves the loudspeaker, on its driver's thread."""
        self._played_any = True
        if self._begun_ns is None and block.samples == self._marked:
            self._begun_ns = block.captured_ns - (self._mark + 1) * BLOCK_NS
        if self._begun_ns is not None:
            place = self._mark + len(self._plays_ns)
            expected = self._sound[place * BLOCK : (place + 1) * BLOCK].astype("<i2").tobytes()
            self._lost |= len(expected) == len(block.samples) and block.samples != expected
            self._plays_ns.append(block.captured_ns - (place + 1) * BLOCK_NS)

    def captured(self, block: AudioBlock) -> None:
        """Take a block; on the microphone's thread."""
        self._captured_any = True
        self._early.append(block)
        if self._begun_ns is not None:
            while self._early and not self.done.is_set():
                self._take(self._early.popleft(), self._begun_ns)

    def _take(self, block: AudioBlock, begun_ns: int) -> None:
        if block.captured_ns <= begun_ns:
            return
        samples = np.frombuffer(block.samples, "<i2").reshape(-1, block.channels)
        if not self._blocks:
            # the first block began before the sweep did
            late = min((block.captured_ns - begun_ns) * SAMPLE_RATE // _NS, len(samples))
            samples = samples[len(samples) - late :]
        self._blocks.append(samples)
        self._captured += len(samples)
        self._starts_ns.append(block.captured_ns - self._captured * _NS // SAMPLE_RATE)
        if self._captured >= self._samples:
            self.done.set()

    @property
    def complete(self) -> bool:
        """Whether enough was captured."""
        return self._captured >= self._samples

    @property
    def dead(self) -> bool:
        """Whether loudspeaker or microphone did nothing at all: another try would not help."""
        return not (self._played_any and self._captured_any)

    @property
    def whole(self) -> bool:
        """Whether the sound was played without a pause, and nothing of what was captured is missing."""
        missing_ns = self._starts_ns[-1] - self._starts_ns[0] if self._starts_ns else 0
        return not self._lost and abs(missing_ns) < _MOST_MISSING_NS

    @property
    def late_s(self) -> float:
        """How long after the sound the recording really began: by all blocks' times, for each is a little off."""
        if self._begun_ns is None or not self._starts_ns:
            return 0.0
        return float(np.median(self._starts_ns) - np.median(self._plays_ns)) / _NS

    def sound(self) -> Shorts:
        """Return (samples, channels) of what there is."""
        channels = self._blocks[-1].shape[1] if self._blocks else 1
        kept = [block for block in self._blocks if block.shape[1] == channels]
        return np.concatenate(kept)[: self._samples] if kept else np.zeros((0, channels), np.int16)


async def check_sound(
    mixer: Mixer, microphones: MicrophoneFeed, *, asked: int, folder: Path, now: Callable[[], datetime]
) -> SoundCheck:
    """Measure with loudspeaker and microphones that are open; the picture goes into `folder`."""
    measured: Measured | None = None
    sweeps = 0
    while sweeps < _SWEEPS:
        sweeps += 1
        recording = await _record(mixer, microphones)
        if recording.complete:
            measured = await asyncio.to_thread(
                analyse, recording.sound(), whole=recording.whole, late_s=recording.late_s
            )
        if recording.dead or (measured is not None and not measured.gaps):
            break
        logger.info("sound was lost while the sweep was played")
    if measured is None:
        return SoundCheck(asked, now(), words=(_NOTHING if recording.dead else LOST,), sweeps=sweeps)
    path = await asyncio.to_thread(_draw, measured, folder)
    return replace(_told(measured, asked, now(), path), sweeps=sweeps)


async def _record(mixer: Mixer, microphones: MicrophoneFeed) -> Recording:
    """Play the sweep and listen, for as long as that may take."""
    sound = sweep()
    recording = Recording(sound)
    microphones.record, microphones.recorded = recording.captured, recording.played
    mixer.play(sound)
    try:
        await asyncio.to_thread(recording.done.wait, len(sound) / SAMPLE_RATE + _MARGIN_S)
    finally:
        microphones.record = microphones.recorded = None
        mixer.play(None)
        # the thread that waits for it would hold up whoever ends this program
        recording.done.set()
    return recording


def _draw(measured: Measured, folder: Path) -> str:
    path = folder / "sound-check.svg"
    try:
        unfinished = path.with_name(path.name + ".new")
        unfinished.write_text(picture(measured))
        unfinished.replace(path)
    except OSError as err:
        logger.warning("the sound check's picture cannot be written to %s: %s", path, err.strerror)
        return ""
    return str(path)


def _told(measured: Measured, asked: int, at: datetime, path: str) -> SoundCheck:
    found = findings(measured)
    return SoundCheck(
        asked,
        at,
        ok=all(finding.weight != "bad" for finding in found),
        words=tuple(finding.words for finding in found),
        echo_return_loss_db=_rounded(measured.echo_return_loss_db),
        delay_ms=_rounded(measured.delay_ms),
        rt60_s=None if measured.rt60_s is None else round(measured.rt60_s, 2),
        microphones=tuple(
            MicrophoneLevel(round(one.level_dbfs, 1), round(one.noise_dbfs, 1), _state(one))
            for one in measured.microphones
        ),
        picture=path,
    )


def _state(one: MicrophoneCheck) -> str:
    if one.dead:
        return "dead"
    if one.clipped:
        return "overdriven"
    if one.same_as is not None:
        return f"the same as {one.same_as + 1}"
    return "inverted" if one.inverted else ""


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
