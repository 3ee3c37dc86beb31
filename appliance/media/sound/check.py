"""The sound check: plays a sweep, and tells from what the microphones heard how loudspeaker, room and microphones do.

A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique", 108th AES
Convention, 2000. Reverberation after ISO 3382-2: T20 from Schroeder's backward integration, in octaves.
"""

from dataclasses import dataclass

import numpy as np

from appliance.media.sound.acoustics import Doubles, band, decay, echo_return_loss, octave, rt60, thirds
from appliance.media.sound.blocks import FULL_SCALE, Shorts, dbfs, shorts
from appliance.media.sound.gaps import has_gaps
from hardware.ports import SAMPLE_RATE

_LOWEST_HZ, _HIGHEST_HZ = 60.0, 20_000.0
_SWEEP_S, _SILENCE_S, _ENDING_S = 2.5, 0.5, 2.0
_PEAK_DBFS = -12.0
_MID_HZ = (500, 1000)
"""Where a room's reverberation is stated (ISO 3382-2)."""
_MOST_DELAY_S = 1.0
_DEAD_DBFS = -90.0
_UNHEARD_DB = 6.0
_CLIPPED = 32700
_SAME = 0.99999


@dataclass(frozen=True, slots=True)
class MicrophoneCheck:
    """What one channel delivered."""

    level_dbfs: float
    """RMS while the sweep was heard."""
    noise_dbfs: float
    clipped: bool = False
    dead: bool = False
    """Delivers nothing, or nothing of the sweep."""
    same_as: int | None = None
    """An earlier microphone that delivers the very same."""
    inverted: bool = False
    """Against the first one that works."""


@dataclass(frozen=True, slots=True)
class SoundCheck:
    """What was measured; None where the sweep was not heard well enough."""

    microphones: tuple[MicrophoneCheck, ...]
    gaps: bool = False
    """Sound was lost while it was recorded: nothing is said but of the microphones."""
    echo_return_loss_db: float | None = None
    """By how much speech is quieter in the microphone than in the loudspeaker's signal."""
    delay_ms: float | None = None
    """From the recording's beginning, which is the playing's, until the sweep is heard."""
    rt60_s: float | None = None
    """Of 500 Hz and 1 kHz together."""
    distortion_percent: float | None = None
    """Second and third harmonic against the fundamental, in speech's middle."""
    decay: tuple[tuple[float, float], ...] = ()
    """Seconds and dB: how the echo dies away."""
    spectrum: tuple[tuple[float, float], ...] = ()
    """Hz and dB in third octaves, from loudspeaker to microphone, 0 in the middle of speech."""


def sweep() -> Shorts:
    """Return what to play: silence (to hear the room), the sweep, and silence for its echo."""
    signal = _sweep() * FULL_SCALE * 10 ** (_PEAK_DBFS / 20)
    before, after = (np.zeros(int(seconds * SAMPLE_RATE)) for seconds in (_SILENCE_S, _ENDING_S))
    return shorts(np.concatenate((before, signal, after)))


def analyse(recorded: Shorts, *, whole: bool = True, late_s: float = 0.0) -> SoundCheck:
    """Tell what (samples, microphones) say that were recorded from when `sweep` began to play. Takes a second or so.

    The recording began `late_s` after that; not `whole` is one of which it is known that something is missing.
    """
    responses = [_response(channel.astype(np.float64) / FULL_SCALE) for channel in recorded.T]
    microphones = _microphones(recorded, responses)
    working = [number for number, it in enumerate(microphones) if not it.dead]
    if not working:
        return SoundCheck(microphones)
    response = responses[working[0]]
    direct = _direct(response)
    if not whole or _has_gaps(recorded[:, working[0]], response, direct, clipped=microphones[working[0]].clipped):
        return SoundCheck(microphones, gaps=True)
    impulse = response.linear[direct - 48 :]
    mid = [rt for hz in _MID_HZ if (rt := rt60(octave(impulse, hz))) is not None]
    return SoundCheck(
        microphones,
        False,
        echo_return_loss(impulse),
        (direct / SAMPLE_RATE + late_s - _SILENCE_S) * 1000,
        float(np.mean(mid)) if mid else None,
        _distortion(response, direct),
        decay(impulse),
        thirds(impulse),
    )


@dataclass(frozen=True, slots=True)
class _Response:
    linear: Doubles
    """Impulse response, from the recording's first sample on."""
    whole: Doubles
    """With the harmonics' responses before it; the linear one begins at `zero`."""
    zero: int


def _sweep() -> Doubles:
    """Return the exponential sweep, faded in and out, with peaks of 1."""
    time = np.arange(int(_SWEEP_S * SAMPLE_RATE)) / SAMPLE_RATE
    rate = np.log(_HIGHEST_HZ / _LOWEST_HZ)
    wave = np.sin(2 * np.pi * _LOWEST_HZ * _SWEEP_S / rate * (np.exp(time / _SWEEP_S * rate) - 1))
    fade_in, fade_out = int(0.05 * SAMPLE_RATE), int(0.01 * SAMPLE_RATE)
    wave[:fade_in] *= np.sin(np.linspace(0, np.pi / 2, fade_in)) ** 2
    wave[-fade_out:] *= np.cos(np.linspace(0, np.pi / 2, fade_out)) ** 2
    return np.asarray(wave, np.float64)


def _response(channel: Doubles) -> _Response:
    """Undo the sweep: harmonics end up before the fundamental's response."""
    wave = _sweep()
    size = 1 << int(np.ceil(np.log2(len(channel) + len(wave))))
    spectrum = np.fft.rfft(wave, size) * 10 ** (_PEAK_DBFS / 20)
    power = np.abs(spectrum) ** 2
    # outside of the sweep's range there is nothing to divide by
    inverse = np.conj(spectrum) / (power + 1e-4 * float(np.median(power)))
    whole = np.fft.irfft(np.fft.rfft(channel, size) * inverse, size)
    zero = len(wave)
    whole = np.roll(whole, zero)
    return _Response(whole[zero : zero + len(channel)], whole, zero)


def _direct(response: _Response) -> int:
    """Return when the loudspeaker was first heard: the first peak that is nearly as high as the highest."""
    most = int((_SILENCE_S + _MOST_DELAY_S) * SAMPLE_RATE)
    size = np.abs(response.linear[:most])
    return max(int(np.argmax(size > 0.5 * size.max())), 48)


def _has_gaps(channel: Shorts, response: _Response, direct: int, *, clipped: bool) -> bool:
    """Look for gaps where that can be seen: an overdriven microphone's harmonics look like them."""
    wave = _sweep() * 10 ** (_PEAK_DBFS / 20)
    return not clipped and has_gaps(channel.astype(np.float64) / FULL_SCALE, response.linear, wave, direct)


def _microphones(recorded: Shorts, responses: list[_Response]) -> tuple[MicrophoneCheck, ...]:
    checks: list[MicrophoneCheck] = []
    first: int | None = None
    for number, channel in enumerate(recorded.T):
        noise, sound = _parts(channel.astype(np.float64))
        level, quiet = _level(sound), _level(noise)
        dead = level < _DEAD_DBFS or level - quiet < _UNHEARD_DB
        same = next((other for other in range(number) if not dead and _alike(recorded[:, other], channel)), None)
        inverted = not dead and first is not None and _opposite(responses[first], responses[number])
        first = number if first is None and not dead else first
        clipped = int(np.count_nonzero(np.abs(channel.astype(np.int32)) >= _CLIPPED)) > 4
        checks.append(MicrophoneCheck(level, quiet, clipped, dead, same, inverted))
    return tuple(checks)


def _parts(channel: Doubles) -> tuple[Doubles, Doubles]:
    """Return what was heard before the sweep and, the loudest second and a half, of it."""
    noise = channel[int(0.1 * SAMPLE_RATE) : int((_SILENCE_S - 0.02) * SAMPLE_RATE)]
    begin, length = int(_SILENCE_S * SAMPLE_RATE), int(1.5 * SAMPLE_RATE)
    power = np.concatenate(([0.0], np.cumsum(np.square(channel[begin:]))))
    if len(power) <= length:
        return noise, channel[begin:]
    loudest = begin + int(np.argmax(power[length:] - power[:-length]))
    return noise, channel[loudest : loudest + length]


def _level(samples: Doubles) -> float:
    return dbfs(float(np.sqrt(np.mean(np.square(samples)))) / FULL_SCALE) if len(samples) else dbfs(0)


def _alike(one: Shorts, other: Shorts) -> bool:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool(np.dot(a, b) > _SAME * np.sqrt(np.dot(a, a) * np.dot(b, b)))


def _opposite(one: _Response, other: _Response) -> bool:
    """Compare the direct sounds, which are a fraction of a millisecond apart, below 2 kHz where they are alike."""
    at = _direct(one)
    a, b = (_lowpassed(it.linear[at - 96 : at + 192]) for it in (one, other))
    matching = np.correlate(a, b, "full")
    return bool(-matching.min() > 1.2 * matching.max())


def _lowpassed(piece: Doubles) -> Doubles:
    kernel = np.hanning(25)
    return np.convolve(piece, kernel / kernel.sum(), "same")


def _distortion(response: _Response, direct: int) -> float | None:
    """Return the power of the second and third harmonic's responses against the fundamental's, from 200 Hz to 4 kHz."""
    at, reach = response.zero + direct, int(0.03 * SAMPLE_RATE)
    main = _energy(response.whole[at - 48 : at + reach])
    floor = _energy(response.whole[at - int(1.6 * SAMPLE_RATE) :][: reach + 48])
    over = 0.0
    for order in (2, 3):
        before = int(_SWEEP_S * np.log(order) / np.log(_HIGHEST_HZ / _LOWEST_HZ) * SAMPLE_RATE)
        over += max(_energy(response.whole[at - before - 48 : at - before + reach]) - floor, 0.0)
    return 100 * float(np.sqrt(over / main)) if main > 0 else None


def _energy(piece: Doubles) -> float:
    return float(np.sum(np.square(band(piece, 200, 4000)))) if len(piece) else 0.0
