"""From what the microphones captured to what may be sent: the order of the stages, and what they found out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from appliance.media.options import SoundSettings
from appliance.media.sound.bare import BareMicrophones, without_stuck
from appliance.media.sound.beam import Beam
from appliance.media.sound.blocks import BLOCK, FULL_SCALE, Floats, Shorts, dbfs, rms, shorts
from appliance.media.sound.canceller import Guarded, Stages
from appliance.media.sound.direction import DirectionFinder
from appliance.media.sound.echo import EchoStage
from appliance.media.sound.gain import GainControl
from appliance.media.sound.loopback import Loopback
from appliance.media.sound.reference import Alignment, Reference
from appliance.media.sound.tail import EchoTail
from appliance.media.sound.voice import Loudness, Silero, VoiceActivity
from hardware.ports import SAMPLE_BYTES, Array, AudioBlock, DeviceError

_FAR_DBFS = -50.0
_FAR_HOLD = 20
"""Blocks that the room still sounds of the far end."""
_ECHO_ONLY_DB = 15.0
"""While the far end talks, what was made quieter by more than this was its echo."""
_NOTHING: Shorts = np.zeros(BLOCK, np.int16)
_CLIPPED, _CLIPPED_COUNT = 32700, 3
_TURN_SPEED = 0.02
"""How fast the measured echo reduction follows, for each block."""


@dataclass(frozen=True, slots=True)
class Processed:
    """One block of 10 ms, and the state of the sound with it."""

    samples: Shorts
    """Mono, (480,): what may be sent."""
    level: float
    """RMS of it, 0 to 1, before anything mutes."""
    captured_level: float
    """RMS of the loudest bare microphone."""
    clipping: bool
    speech: bool
    """Somebody in the room talks."""
    voice: float
    """How sure the detector is, 0 to 1; it may also hear what is left of an echo."""
    far: bool
    """The loudspeaker plays, or the room still sounds of it."""
    direction_deg: float | None = None
    """Of who talks or just did: 0 ahead, + right."""
    confidence: float = 0.0
    """Of the direction, 0 to 1."""
    echo_reduction_db: float | None = None
    """By how much the far end was quieter than at the microphone, of late; None before it was heard."""
    alignment: Alignment = field(default_factory=Alignment)
    prefilter: bool = False
    gain_db: float = 0.0
    why: str = ""
    """What is missing and what would help, in words for the room's user."""


class SoundChain:
    """`played` is for the loudspeaker's thread; all else is for the one thread that processes."""

    def __init__(self, array: Array, settings: SoundSettings) -> None:
        self._array, self._settings = array, settings
        ours = not array.cleans
        bare = array.microphones or (0,)
        located = len(bare) > 1 and len(array.places) == len(bare)
        self._many = ours and settings.beam and located
        self._bare = _picked(bare)
        self._needed = max(*bare, array.processed or 0, array.reference or 0) + 1
        self._microphones = BareMicrophones(len(bare))
        self._reference = Reference()
        self._loopback = Loopback() if ours and array.reference is not None else None
        echo, noise = ours and settings.cancel_echo, ours and settings.suppress_noise
        first = Stages(echo=echo, low_cut=ours, noise=noise and not self._many)
        self._echo = EchoStage(first, len(bare) if self._many else 1, settings.prefilter)
        self._beam = Beam(array.places) if self._many else None
        self._after_beam = Guarded(Stages(noise=noise and self._many), 1)
        self._tail = EchoTail() if echo else None
        self._tail_gain = 1.0
        self._gain = GainControl() if ours and settings.control_gain else None
        self._voice = VoiceActivity(Silero if settings.voice_model else Loudness)
        self._finder = DirectionFinder(array.places) if located else None
        self._far_for = 0
        self._echo_power = self._left_power = 0.0

    def played(self, block: AudioBlock) -> None:
        """Take what goes to the loudspeaker, with the time at which it leaves it."""
        self._reference.played(block)

    def process(self, block: AudioBlock) -> Processed:
        """Take 480 samples of each channel; raise DeviceError for anything else."""
        captured = self._taken(block)
        if clipping := _clips(captured[:, self._bare]):
            captured = without_stuck(captured)
        bare, power = self._microphones.take(captured[:, self._bare])
        captured_level = math.sqrt(power) / FULL_SCALE
        one = bare[self._microphones.leader]
        played, played_level, far = self._played_with(block, captured, one)
        clean = self._cleaned(self._sent(captured), played, played_level, rms(one), far=far)
        clean_level = rms(clean)
        reduced_db = dbfs(captured_level) - dbfs(clean_level)
        talks = self._voice.talks(clean) and not (far and reduced_db > _ECHO_ONLY_DB)
        bearing = self._finder.hear(bare.T, voiced=talks and not far) if self._finder else None
        if self._beam and bearing is not None and not far:
            self._beam.steer(bearing.degrees)
        if far and not talks:
            self._echo_power += _TURN_SPEED * (captured_level**2 - self._echo_power)
            self._left_power += _TURN_SPEED * (clean_level**2 - self._left_power)
        out = self._gain.process(clean, voiced=talks and not far) if self._gain else clean
        return Processed(
            samples=shorts(out),
            level=rms(out),
            captured_level=captured_level,
            clipping=clipping,
            speech=talks,
            voice=self._voice.probability,
            far=far,
            direction_deg=None if bearing is None else bearing.degrees,
            confidence=0.0 if bearing is None else bearing.confidence,
            echo_reduction_db=self._echo_reduction_db(),
            alignment=self._reference.alignment,
            prefilter=self._echo.prefilters,
            gain_db=self._gain.gain_db if self._gain else 0.0,
            why=self._echo.why,
        )

    def _taken(self, block: AudioBlock) -> Shorts:
        if block.channels < self._needed:
            raise DeviceError(
                f"{self._array.name} gives {block.channels} channels where {self._needed} are known of;"
                " choose another profile for it in the system's sound settings, or unplug it and plug it in again"
            )
        if len(block.samples) != BLOCK * block.channels * SAMPLE_BYTES:
            count = len(block.samples) // SAMPLE_BYTES // block.channels
            raise DeviceError(f"{self._array.name} gives blocks of {count} samples, not {BLOCK}: choose another device")
        return np.frombuffer(block.samples, "<i2").reshape(BLOCK, block.channels)

    def _played_with(self, block: AudioBlock, captured: Shorts, one: Floats) -> tuple[Floats, float, bool]:
        """Return what was played when this was captured, its level, and whether the room sounds of it."""
        jumps = self._reference.jumps
        played = self._reference.align(block.captured_ns, one)
        if self._loopback and self._array.reference is not None:
            played = self._loopback.choose(captured[:, self._array.reference], played)
        if self._reference.jumps != jumps:
            self._echo.restart()
        level = rms(played)
        self._far_for = _FAR_HOLD if dbfs(level) > _FAR_DBFS else max(self._far_for - 1, 0)
        return played, level, self._far_for > 0

    def _sent(self, captured: Shorts) -> Shorts:
        """Return what becomes what is sent: all bare channels for a beam, else the best single one."""
        if self._array.processed is not None and not self._many:
            return captured[:, [self._array.processed]]
        bare = self._microphones.replaced(captured[:, self._bare])
        return bare if self._many else bare[:, :1]

    def _cleaned(self, captured: Shorts, played: Floats, played_level: float, level: float, *, far: bool) -> Floats:
        one_clock = self._reference.alignment.one_clock or (self._loopback is not None and self._loopback.used)
        clean = self._echo.process(captured, played, far=far, one_clock=one_clock)
        if self._beam is not None:
            if self._microphones.dead:
                clean[:, self._microphones.dead] = 0
            mono = self._beam.process(clean)
            clean = self._after_beam.process(shorts(mono)[:, None], _NOTHING, far_talks=far)
        out = clean[:, 0].astype(np.float32)
        if self._tail is not None:
            gain = self._tail.gain(played_level, level)
            # the stages before are a block late: the louder of two gains harms no onset
            out *= max(gain, self._tail_gain)
            self._tail_gain = gain
        return out

    def _echo_reduction_db(self) -> float | None:
        if self._echo_power < 1e-9:
            return None
        return 10 * math.log10(self._echo_power / (self._left_power + 1e-12))


def _clips(bare: Shorts) -> bool:
    if bare.max() < _CLIPPED and bare.min() > -_CLIPPED:
        return False
    return int(np.count_nonzero((bare >= _CLIPPED) | (bare <= -_CLIPPED))) >= _CLIPPED_COUNT


def _picked(channels: Sequence[int]) -> slice | list[int]:
    """Return an index; a slice where channels follow each other, for a list of them copies."""
    run = range(channels[0], channels[0] + len(channels))
    return slice(run.start, run.stop) if tuple(channels) == tuple(run) else list(channels)
