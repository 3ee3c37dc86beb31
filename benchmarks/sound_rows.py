"""The rows of the room's sound: what is left of an echo, of a talker, of an interferer, and what it costs.

All in simulated rooms (`sound_scene`): espeak-ng's voices, pyroomacoustics' echoes, devices with clocks of their own.
Gain control is off wherever levels are compared. Peers hear the same recordings.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.media.options import SoundSettings
from appliance.media.sound.beam import Beam
from appliance.media.sound.chain import SoundChain
from benchmarks import sound_pipewire
from benchmarks.pairs import TooBusy
from benchmarks.rows import Row, Run
from benchmarks.sound_peers import Speex
from benchmarks.sound_scene import (
    BLOCK,
    RATE,
    SQUARE,
    VOICES,
    Clocks,
    Place,
    Recording,
    Samples,
    as_int16,
    delayed,
    heard,
    noise,
    on_clock,
    responses,
    speech,
)
from benchmarks.talker import loss_db
from hardware.ports import Array

DRIFT_PPM, DELAY_S = 300.0, 0.25
NEAR_DELAY_S = 0.06
"""What a loudspeaker and a microphone of one device have."""
ECHO_DBFS, NOISE_DBFS = -32.0, -65.0
FAR_S, BOTH_S = 18, 26
"""The far end talks all the time, somebody in the room from FAR_S on."""
MEASURED = slice(10 * RATE, 18 * RATE)
SEEDS = tuple(range(6))
PIPEWIRE_SEEDS = SEEDS[:3]
"""It takes as long as the recording is."""
_TRIES = 6
ROOMS = (
    Place(0.35),
    Place(0.35, size=(4.6, 3.4, 2.6), speaker=(2.0, 0.3, 1.3), array=(2.3, 1.9, 0.8)),
    Place(0.35, size=(8.0, 5.0, 3.0), speaker=(4.0, 0.4, 1.4), array=(3.6, 2.6, 0.8), talker_m=2.0),
)
ONE, FOUR = Array("simulated"), Array("simulated", (0, 1, 2, 3), SQUARE)
LEVELS = SoundSettings(control_gain=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording, and what of it is whose."""

    recording: Recording
    echo: Samples
    near: Samples
    """At the first microphone."""


@functools.lru_cache(maxsize=32)
def scene(seed: int, rt60_s: float, drift_ppm: float, delay_s: float) -> Scene:
    """Return one talk: the far end alone, then both, equally loud."""
    place = replace(ROOMS[seed % len(ROOMS)], rt60_s=rt60_s)
    far = speech(VOICES[seed % len(VOICES)], BOTH_S, seed)
    to_speaker, to_talker, _ = responses(place)
    echo = heard(delayed(on_clock(far, drift_ppm), delay_s), to_speaker)
    echo *= 32768 * 10 ** (ECHO_DBFS / 20) / np.sqrt(np.mean(echo[MEASURED] ** 2))
    near = np.zeros_like(echo)
    said = heard(speech(VOICES[(seed + 3) % len(VOICES)], BOTH_S - FAR_S, seed + 50), to_talker)
    near[FAR_S * RATE : FAR_S * RATE + len(said)] = said[: len(near) - FAR_S * RATE]
    both = slice(FAR_S * RATE, None)
    near *= np.sqrt(np.mean(echo[both] ** 2) / np.mean(near[both] ** 2))
    captured = as_int16(echo + near + noise(len(echo), 1, NOISE_DBFS, seed))
    clocks = Clocks(drift_ppm=drift_ppm, delay_s=delay_s)
    return Scene(Recording(as_int16(far), captured, clocks, seed), echo[:, 0], near[:, 0])


def chained(recording: Recording, settings: SoundSettings, array: Array = ONE) -> Samples:
    """Return what the chain would send."""
    chain, out = SoundChain(array, settings), []
    for captured, block in recording.blocks():
        if captured:
            out.append(chain.process(block).samples)
        else:
            chain.played(block)
    return np.concatenate(out).astype(float)


def speex(recording: Recording) -> Samples:
    """Return what speexdsp makes of the same: the n-th block played is the n-th captured one's reference."""
    with Speex() as canceller:
        pieces = []
        for at in range(0, len(recording.captured) - BLOCK + 1, BLOCK):
            piece = slice(at, at + BLOCK)
            played = np.zeros(BLOCK, np.int16)
            played[: len(recording.played[piece])] = recording.played[piece]
            pieces.append(canceller.process(recording.captured[piece, 0], played))
    return np.concatenate(pieces).astype(float)


Cancel = Callable[[Recording], Samples]
OURS: Cancel = partial(chained, settings=LEVELS)


def pipewire(recording: Recording) -> Samples:
    """Return what PipeWire's module makes of the same."""
    for attempt in range(_TRIES):
        try:
            with sound_pipewire.pipewire() as canceller:
                return canceller.process(recording)
        except sound_pipewire.Gap as gap:
            print(f"  attempt {attempt + 1}: {gap}", flush=True)
    raise TooBusy("PipeWire could not play without gaps on this machine now.")


def echo_reduction(rt60_s: float) -> list[Run]:
    """One run a seed: another room, another voice."""
    measure = partial(_reduction_db, rt60_s=rt60_s, drift_ppm=DRIFT_PPM, delay_s=DELAY_S)
    return [_beside(partial(measure, seed), speex) for seed in SEEDS]


def echo_reduction_vs_pipewire(drift_ppm: float, delay_s: float) -> list[Run]:
    """One run a seed, on the recordings of the row without PipeWire."""
    measure = partial(_reduction_db, rt60_s=0.35, drift_ppm=drift_ppm, delay_s=delay_s)
    return [_beside(partial(measure, seed), pipewire) for seed in PIPEWIRE_SEEDS]


def _reduction_db(seed: int, cancel: Cancel, *, rt60_s: float, drift_ppm: float, delay_s: float) -> float:
    recording = scene(seed, rt60_s, drift_ppm, delay_s).recording
    before, after = recording.captured[MEASURED, 0].astype(float), cancel(recording)[MEASURED]
    return float(10 * np.log10(np.sum(before**2) / np.sum(after**2)))


def near_talker_loss(peer: Cancel, seeds: tuple[int, ...]) -> list[Run]:
    """One clock; both talk, equally loud."""
    return [_beside(partial(_loss_db, seed), peer) for seed in seeds]


def _loss_db(seed: int, cancel: Cancel) -> float:
    it = scene(seed, 0.35, 0.0, NEAR_DELAY_S)
    both = slice(FAR_S * RATE + RATE // 2, None)
    return loss_db(it.near[both], cancel(it.recording)[both])


def _beside(measure: Callable[[Cancel], float], peer: Cancel) -> Run:
    run = Run(measure(OURS), measure(peer))
    print(f"  {run.ours:.1f}, {run.peer:.1f}", flush=True)
    return run


def direction_error() -> list[Run]:
    """One run for each room and direction: the median error of all blocks with a direction, in degrees."""
    runs = []
    for rt60_s in (0.2, 0.35, 0.6):
        for number, degrees in enumerate((0.0, 33.0, -77.0, 90.0, 128.0, -160.0)):
            errors = _errors(rt60_s, degrees, number)
            runs.append(Run(median(errors)))
            print(f"  RT60 {rt60_s} s, {degrees:.0f}: {runs[-1].ours:.1f} ({len(errors)} blocks)", flush=True)
    return runs


def _errors(rt60_s: float, degrees: float, seed: int) -> list[float]:
    place = Place(rt60_s, talker_deg=degrees, microphones=SQUARE)
    said = heard(speech(VOICES[seed % len(VOICES)], 8, seed), responses(place)[1])
    said *= 32768 * 10 ** (-35 / 20) / np.sqrt(np.mean(said**2))
    recording = _silent(as_int16(said + noise(len(said), 4, -55.0, seed)))
    chain = SoundChain(FOUR, SoundSettings())
    found = [chain.process(block).direction_deg for captured, block in recording.blocks() if captured]
    errors = [abs((it - degrees + 180) % 360 - 180) for it in found if it is not None]
    if len(errors) < len(found) / 2:
        raise RuntimeError(f"a talker at {degrees} degrees was seldom found")
    return errors


def _silent(captured: NDArray[np.int16]) -> Recording:
    return Recording(np.zeros(0, np.int16), captured, Clocks(delay_s=0))


def beam_sir_gain() -> list[Run]:
    """The beam is steered by where a talker was found; then he and somebody 120 degrees away talk."""
    runs = []
    for seed, degrees in enumerate((0.0, 45.0, -60.0, 90.0, 170.0, -120.0)):
        place = Place(0.35, talker_deg=degrees, other_deg=degrees + 120, microphones=SQUARE)
        _, to_talker, to_other = responses(place)
        talker = heard(speech(VOICES[seed], 6, seed), to_talker)
        other = heard(speech(VOICES[(seed + 2) % 6], 6, seed + 20), to_other)
        beam = Beam(SQUARE)
        beam.steer(_found(talker))
        before = 10 * np.log10(np.sum(talker[:, 0] ** 2) / np.sum(other[:, 0] ** 2))
        # the beam is linear while it stays: each alone is what each is in the mixture
        after = 10 * np.log10(np.sum(_beamed(beam, talker) ** 2) / np.sum(_beamed(beam, other) ** 2))
        runs.append(Run(float(after - before)))
        print(f"  {degrees:.0f}: {runs[-1].ours:.1f}", flush=True)
    return runs


def _found(talker: Samples) -> float:
    louder = talker * 32768 * 10 ** (-35 / 20) / np.sqrt(np.mean(talker**2))
    chain = SoundChain(FOUR, SoundSettings())
    recording = _silent(as_int16(louder + noise(len(louder), 4, -55.0, 1)))
    found = [chain.process(block).direction_deg for captured, block in recording.blocks() if captured]
    return median(it for it in found if it is not None)


def _beamed(beam: Beam, sound: Samples) -> Samples:
    pieces = [beam.process(sound[at : at + BLOCK].astype(np.float32)) for at in range(0, len(sound) - BLOCK, BLOCK)]
    # a turn takes a tenth of a second
    return np.concatenate(pieces)[RATE // 2 :].astype(float)


def sound_cpu() -> list[Run]:
    """Four microphones; the far end for ten seconds, somebody in the room for ten, both for four."""
    place = Place(0.35, microphones=SQUARE)
    far = speech(VOICES[1], 24, 1)
    near = heard(speech(VOICES[2], 24, 3), responses(place)[1])
    far[10 * RATE : 20 * RATE] = 0
    near[: 10 * RATE] = 0
    echo = heard(delayed(on_clock(far, DRIFT_PPM), DELAY_S), responses(place)[0])
    near = near[: len(echo)]
    captured = as_int16(_loud(echo) + _loud(near) + noise(len(echo), 4, NOISE_DBFS, 1))
    recording = Recording(as_int16(far), captured, Clocks(DRIFT_PPM, DELAY_S))
    return [Run(_cost(recording)) for _ in range(7)]


def _loud(sound: Samples) -> Samples:
    """Return it as loud as speech is while it is there."""
    return np.asarray(sound * 1500 / np.sqrt(np.mean(sound[np.any(sound != 0, axis=1)] ** 2)), np.float64)


def _cost(recording: Recording) -> float:
    chain, blocks = SoundChain(FOUR, SoundSettings(prefilter="off")), list(recording.blocks())
    began, count = time.process_time(), 0
    for captured, block in blocks:
        if captured:
            chain.process(block)
            count += 1
        else:
            chain.played(block)
    return (time.process_time() - began) / (count * BLOCK / RATE)


_SPEEX, _PIPEWIRE = "speexdsp, 0.4 s", "PipeWire's echo-cancel"
_NEAR = "what is lost of a talker in the room while the far end is as loud, one clock, one microphone"
_ECHO = "echo reduction, far end alone, seconds 10 to 18, RT60 {} s, {}"
_TWO_CLOCKS, _ONE_CLOCK = "300 ppm of drift and 250 ms of delay", "one clock and 60 ms of delay"
_FEWER = f", {len(PIPEWIRE_SEEDS)} of the recordings"


def _against(name: str, what: str, limit: str, peer: str, measure: Callable[[], list[Run]], *, more: bool) -> Row:
    return Row(name, "dB", what, limit, measure, peer=peer, more=more, of_medians=True)


SOUND_ROWS = (
    _against(
        "echo_reduction_rt60_035_db",
        _ECHO.format(0.35, _TWO_CLOCKS),
        "at least 30",
        _SPEEX,
        partial(echo_reduction, 0.35),
        more=True,
    ),
    _against(
        "echo_reduction_rt60_07_db",
        _ECHO.format(0.7, _TWO_CLOCKS),
        "at least 20",
        _SPEEX,
        partial(echo_reduction, 0.7),
        more=True,
    ),
    _against(
        "echo_reduction_rt60_035_vs_pipewire_db",
        _ECHO.format(0.35, _TWO_CLOCKS) + _FEWER,
        "",
        _PIPEWIRE,
        partial(echo_reduction_vs_pipewire, DRIFT_PPM, DELAY_S),
        more=True,
    ),
    _against(
        "echo_reduction_one_clock_vs_pipewire_db",
        _ECHO.format(0.35, _ONE_CLOCK) + _FEWER,
        "",
        _PIPEWIRE,
        partial(echo_reduction_vs_pipewire, 0.0, NEAR_DELAY_S),
        more=True,
    ),
    _against("near_talker_loss_db", _NEAR, "6", _SPEEX, partial(near_talker_loss, speex, SEEDS), more=False),
    _against(
        "near_talker_loss_vs_pipewire_db",
        _NEAR + _FEWER,
        "",
        _PIPEWIRE,
        partial(near_talker_loss, pipewire, PIPEWIRE_SEEDS),
        more=False,
    ),
    Row(
        "direction_error_deg",
        "degrees",
        "error of the voice's direction, four microphones on 65 mm, 20 dB SNR, RT60 0.2 to 0.6 s",
        "4",
        direction_error,
    ),
    Row(
        "beam_sir_gain_db",
        "dB",
        "gain against somebody 120 degrees away, four microphones, RT60 0.35 s",
        "at least 3",
        beam_sir_gain,
        more=True,
    ),
    Row(
        "sound_cpu_cores",
        "cores",
        "CPU of the whole chain of sound with four microphones, without the linear stage",
        "0.08",
        sound_cpu,
    ),
)
