"""How the room's sound does: what people should be told, where somebody speaks, and what the last check found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SoundHint(StrEnum):
    """What is amiss with what the microphones hear."""

    CLIPPING = "clipping"
    """The microphone is overdriven: turn its gain down, or move it away from who talks."""
    HEARS_NOTHING = "hears-nothing"
    """Nothing reaches the microphone: it is unplugged, muted on the device, or the loudspeaker is off."""
    MUTED_SPEECH = "muted-speech"
    """Somebody in the room talks and nobody hears."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the microphones make out."""

    hints: tuple[SoundHint, ...] = ()
    direction_deg: int | None = None
    """Where somebody speaks: 0 ahead, + to the right; None while nobody does, or nobody can tell."""
    echo_reduction_db: int | None = None
    """By how much the far end is quieter in what is sent than at the microphone; None before it was heard."""
    delay_ms: int | None = None
    """From the loudspeaker to the microphone."""
    drift_ppm: int | None = None
    """By how much the loudspeaker's clock is faster than the microphone's."""
    why: str = ""
    """What is missing and what would help."""


@dataclass(frozen=True, slots=True)
class MicrophoneLevel:
    """One microphone in the sound check."""

    level_dbfs: float
    noise_dbfs: float
    state: str = ""
    """What is wrong with it, in a word; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class SoundCheck:
    """What the last sound check found."""

    asked: int = 0
    """Which wish it answers."""
    at: datetime | None = None
    """When it ended; None while it runs, or if there was none."""
    running: bool = False
    ok: bool = False
    """Nothing bad was found."""
    interrupted: bool = False
    """It was ended before it came to anything, or could not begin; the words say why."""
    sweeps: int = 0
    """How often the sweep was played: again where sound was lost meanwhile."""
    words: tuple[str, ...] = ()
    """What it means and what would help, the worst first."""
    echo_return_loss_db: float | None = None
    delay_ms: float | None = None
    rt60_s: float | None = None
    microphones: tuple[MicrophoneLevel, ...] = ()
    picture: str = ""
    """File with the picture of it, SVG."""
