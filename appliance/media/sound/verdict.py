"""What a sound check means, in the words of who looks after the room, with what would help."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from appliance.media.sound.check import MicrophoneCheck, SoundCheck

Weight = Literal["good", "fair", "bad"]
LOST = (
    "Sound was lost while the sweep was played, so what the room does to it cannot be said."
    " The machine is too busy, or the sound server loses sound: see what else runs, then check again."
)
_NOISY_DBFS, _QUIET_DBFS = -45.0, -50.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, perhaps with a remedy."""

    weight: Weight
    words: str


def findings(check: SoundCheck) -> tuple[Finding, ...]:
    """Return the worst first; one that all is well when nothing is amiss."""
    found = _microphones(check.microphones)
    if all(one.dead for one in check.microphones):
        words = "No microphone heard the loudspeaker. Is the TV on, its volume up, and this room's loudspeaker chosen?"
        return (Finding("bad", words),)
    if check.gaps:
        return (Finding("bad", LOST), *found)
    found += [*_echo(check), *_room(check), *_loudspeaker(check)]
    if not found:
        return (Finding("good", "Loudspeaker, room and microphones are fine."),)
    return tuple(sorted(found, key=lambda it: ("bad", "fair", "good").index(it.weight)))


def _microphones(checks: tuple[MicrophoneCheck, ...]) -> list[Finding]:
    """Say each thing once, of all the microphones it is true of."""
    found = []
    for weight, amiss, one, many, remedy in _AMISS:
        which = [str(number) for number, check in enumerate(checks, 1) if amiss(check)]
        if which:
            named = f"Microphone {which[0]} {one}" if len(which) == 1 else f"Microphones {_listed(which)} {many}"
            found.append(Finding(weight, f"{named}. {remedy}"))
    return found


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


_Amiss = tuple[Weight, Callable[[MicrophoneCheck], bool], str, str, str]
_AMISS: tuple[_Amiss, ...] = (
    (
        "bad",
        lambda it: it.dead,
        "delivers nothing of it",
        "deliver nothing of it",
        "Check the cable and the mute switch on the device; else it is broken.",
    ),
    ("bad", lambda it: it.clipped, "is overdriven", "are overdriven", "Turn the gain or the loudspeaker down."),
    (
        "bad",
        lambda it: it.same_as is not None,
        "repeats another",
        "repeat another",
        "The array's channels are mixed up: choose its multichannel profile in the system's sound settings.",
    ),
    (
        "fair",
        lambda it: it.inverted,
        "is wired the wrong way round",
        "are wired the wrong way round",
        "The array cannot tell well who talks from where; have it exchanged.",
    ),
    (
        "fair",
        lambda it: not it.dead and it.noise_dbfs > _NOISY_DBFS,
        "hears much noise",
        "hear much noise",
        "Look for a fan, a projector or an air outlet close by, or turn the gain down.",
    ),
    (
        "fair",
        lambda it: not it.dead and it.level_dbfs < _QUIET_DBFS,
        "is very quiet",
        "are very quiet",
        "Turn the gain up, or the loudspeaker.",
    ),
)


def _echo(check: SoundCheck) -> list[Finding]:
    loss, found = check.echo_return_loss_db, []
    if loss is not None and loss < -6:
        words = "The loudspeaker is much louder in the microphones than a voice would be. Turn it down or move it away."
        found.append(Finding("fair", words))
    if check.delay_ms is not None and check.delay_ms > 350:
        words = f"Sound comes {check.delay_ms:.0f} ms late from the loudspeaker. Switch the TV to its game or PC mode."
        found.append(Finding("fair", words))
    return found


def _room(check: SoundCheck) -> list[Finding]:
    if check.rt60_s is None:
        return [Finding("fair", "The room could not be measured for noise. Try again when it is quiet.")]
    seconds = f"{check.rt60_s:.1f} s"
    if check.rt60_s > 1.0:
        words = "Others will find it hard to follow. Carpet, curtains or wall panels would help most."
        return [Finding("bad", f"The room echoes for {seconds}. {words}")]
    if check.rt60_s > 0.65:
        return [
            Finding("fair", f"The room echoes for {seconds}. A carpet or curtains would make it easier to listen to.")
        ]
    return []


def _loudspeaker(check: SoundCheck) -> list[Finding]:
    if check.distortion_percent is not None and check.distortion_percent > 5:
        words = (
            f"The loudspeaker rattles or distorts ({check.distortion_percent:.0f} %). Turn it down; see what vibrates."
        )
        return [Finding("fair", words)]
    return []
