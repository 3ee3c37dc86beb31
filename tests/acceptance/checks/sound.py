"""Loudspeaker, room and microphones together: the sweep, and how much of an echo is left."""

from dataclasses import replace
from math import log10
from statistics import mean, median

import numpy as np

from acceptance.check import Figure, Figures, Skipped, check, demand
from acceptance.person import Person
from acceptance.results import replace_file
from acceptance.room import Room
from acceptance.sounds import Shorts, through_the_room
from appliance.demo.guest import clip_sound
from appliance.demo.stage import CLIP
from appliance.media.options import SoundSettings
from appliance.media.sound.blocks import shorts
from appliance.media.sound.chain import Processed, SoundChain
from appliance.media.sound.check import analyse, sweep
from appliance.media.sound.check_picture import picture
from appliance.media.sound.verdict import findings
from appliance.media.soundcheck import Recording
from hardware.ports import BLOCK, SAMPLE_RATE, AudioBlock, Microphone

_LEAST_DB = 20.0
_LEARNT = 10 / 18
"""Of the time: what is measured comes after it."""
_AUDIBLE_DBFS = -50.0
_RMS = 4000
"""Of what is played, of 32768: as loud as a voice on the line."""


@check(
    "sound-check",
    "The sweep goes from the loudspeaker through the room into every microphone",
    do="Turn the loudspeaker to the volume of a meeting, close the door, and be quiet for six seconds.",
    passes="the sound check finds nothing bad, and a person hears the sweep without rattling",
    uses=("speaker", "microphone"),
)
def sound_check(room: Room, person: Person) -> Figures:
    sound = sweep()
    recording = Recording(sound)

    def heard(block: AudioBlock) -> bool:
        recording.captured(block)
        return not recording.done.is_set()

    through_the_room(room, sound, played=recording.played, heard=heard)
    demand(recording.complete, "the sweep was not played, or too little was captured")
    measured = analyse(recording.sound(), whole=recording.whole, late_s=recording.late_s)
    replace_file(room.out / "sound-check.svg", picture(measured))
    found = findings(measured)
    figures: dict[str, Figure] = {
        "microphones": len(measured.microphones),
        "dead": sum(one.dead for one in measured.microphones),
        "level_dbfs": " ".join(f"{one.level_dbfs:.0f}" for one in measured.microphones),
        "noise_dbfs": " ".join(f"{one.noise_dbfs:.0f}" for one in measured.microphones),
        "found": " ".join(finding.words for finding in found),
    }
    measures = {
        "echo_return_loss_db": measured.echo_return_loss_db,
        "delay_ms": measured.delay_ms,
        "rt60_s": measured.rt60_s,
        "distortion_percent": measured.distortion_percent,
    }
    figures |= {name: round(value, 2) for name, value in measures.items() if value is not None}
    demand(all(finding.weight != "bad" for finding in found), str(figures["found"]), figures)
    demand(person.yes("Did you hear the sweep rise cleanly, with nothing rattling?"), "it did not sound clean", figures)
    return figures


@check(
    "echo-reduction",
    "The room takes the loudspeaker's sound out of the microphone's",
    do="Same volume as before. Be quiet for half a minute while a clip's sound is played.",
    passes=f"what is sent is at least {_LEAST_DB:g} dB below what the microphone hears, once it had time to learn",
    uses=("speaker", "microphone"),
)
def echo_reduction(room: Room, _person: Person) -> Figures:
    chains: list[SoundChain] = []
    done: list[Processed] = []

    def opened(microphone: Microphone) -> None:
        # a device may clean by itself or not: what our own stages find to do tells
        settings = SoundSettings(control_gain=False, voice_model=not microphone.simulated)
        chains.append(SoundChain(replace(microphone.array, cleans=False), settings))

    def played(block: AudioBlock) -> None:
        chains[0].played(block)

    def heard(block: AudioBlock) -> bool:
        done.append(chains[0].process(block))
        return True

    sound = _clip(room.spans.echo)
    passed = through_the_room(room, sound, played=played, heard=heard, opened=opened)
    measured = done[int(len(sound) / BLOCK * _LEARNT) : len(sound) // BLOCK]
    echo = max(mean(it.captured_level**2 for it in measured), 1e-12)
    left = max(mean(it.level**2 for it in measured), 1e-12)
    figures: dict[str, Figure] = {
        "reduction_db": round(10 * log10(echo / left), 1),
        "echo_dbfs": round(10 * log10(echo), 1),
        "delay_ms": round(median(it.alignment.delay_ms for it in measured), 1),
        "one_device": passed.one_device,
        "lost": passed.lost,
    }
    if float(figures["echo_dbfs"]) < _AUDIBLE_DBFS and figures["one_device"]:
        raise Skipped(f"the device takes its own sound out: {figures['echo_dbfs']} dBFS are left for the room to hear")
    demand(not measured[-1].why, measured[-1].why, figures)
    demand(float(figures["echo_dbfs"]) >= _AUDIBLE_DBFS, "the microphone hardly hears the loudspeaker", figures)
    demand(
        float(figures["reduction_db"]) >= _LEAST_DB,
        "too much of the echo is left; sound that got lost on the way (see lost) also does that",
        figures,
    )
    return figures


def _clip(seconds: float) -> Shorts:
    """Return the demo clip's sound, again and again."""
    sound = np.resize(clip_sound(CLIP), round(seconds * SAMPLE_RATE)).astype(np.float64)
    loudness = np.sqrt(np.mean(np.square(sound)))
    return shorts(sound * _RMS / max(float(loudness), 1.0))
