"""What a self-test found: whether the room hears its own loudspeaker, and whether its cameras show anything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tone:
    """A short tone from the room's loudspeaker, as its microphone heard it."""

    level_dbfs: float
    noise_dbfs: float
    """What was there at the same pitch before."""
    heard: bool
    cleans: bool = False
    """The microphone takes out what its own loudspeaker plays: hearing nothing is no fault of it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What one camera shows."""

    camera: str
    brightness: int
    """Mean, in percent."""
    black: bool


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The newest one."""

    asked: int = 0
    """Which wish it answers; 0 before the first."""
    tone: Tone | None = None
    pictures: tuple[Picture, ...] = ()
    why: str = ""
    """Why there is no tone."""


def findings_of(test: SelfTest) -> tuple[bool, str]:
    """Return whether nothing is wrong, and what was found. A black picture is no fault: many lenses have a shutter."""
    black = (
        f"{picture.camera} shows only black: its lens is covered, or it is dark."
        for picture in test.pictures
        if picture.black
    )
    fine, sound = _sound(test)
    return fine, " ".join((sound, *black))


def _sound(test: SelfTest) -> tuple[bool, str]:
    tone = test.tone
    if tone is None:
        return False, f"The sound was not tested: {test.why}"
    if tone.heard:
        return True, f"The microphone hears the loudspeaker ({tone.level_dbfs:.0f} dBFS)."
    if tone.cleans:
        return True, "The microphone takes out what its own loudspeaker plays, so a tone says nothing of it."
    return False, (
        f"The microphone does not hear the loudspeaker ({tone.level_dbfs:.0f} dBFS, the room {tone.noise_dbfs:.0f})."
        " Is the loudspeaker on and its volume up, and is the right one chosen?"
    )
