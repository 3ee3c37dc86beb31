"""What an impulse response says about a room: echo return loss, reverberation, decay and spectrum.

Reverberation after ISO 3382-2: T20 from Schroeder's backward integration, in octaves.
"""

import numpy as np
from numpy.typing import NDArray

from hardware.ports import SAMPLE_RATE

Doubles = NDArray[np.float64]
THIRDS_HZ = tuple(float(1000 * 2 ** (number / 3)) for number in range(-10, 13))
_SPEECH_HZ = (300.0, 6000.0)


def band(impulse: Doubles, lowest_hz: float, highest_hz: float) -> Doubles:
    """Return what is between two frequencies, with soft edges and no delay."""
    size = 1 << len(impulse).bit_length()
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    keep = 1 / (1 + (hz / highest_hz) ** 16) / (1 + (lowest_hz / np.maximum(hz, 1.0)) ** 16)
    return np.fft.irfft(np.fft.rfft(impulse, size) * np.sqrt(keep), size)[: len(impulse)]


def octave(impulse: Doubles, hz: float) -> Doubles:
    """Return one octave of it."""
    return band(impulse, hz / 2**0.5, hz * 2**0.5)


def echo_return_loss(impulse: Doubles) -> float:
    """Return by how many dB speech is quieter behind it."""
    spectrum = np.abs(np.fft.rfft(impulse[: int(0.5 * SAMPLE_RATE)], 1 << 16)) ** 2
    hz = np.fft.rfftfreq(1 << 16, 1 / SAMPLE_RATE)
    speech = (hz > _SPEECH_HZ[0]) & (hz < _SPEECH_HZ[1])
    # each octave counts alike, as speech about does
    return -10 * float(np.log10(np.average(spectrum[speech], weights=1 / hz[speech]) + 1e-15))


def _curve(impulse: Doubles) -> Doubles:
    """Return Schroeder's backward integral in dB, without the noise that the end is (ISO 3382-1, 5.3.3)."""
    power = np.square(impulse)
    noise = float(np.mean(power[int(0.85 * len(power)) :]))
    smooth = np.convolve(power, np.full(480, 1 / 480), "same")
    end = int(np.argmax(smooth < 3 * noise)) or len(power)
    left = np.cumsum((power[:end] - noise)[::-1])[::-1]
    beyond = 0.0
    for _ in range(3):
        # what the noise hides goes on falling as it fell before
        curve = 10 * np.log10(np.maximum(left + beyond, 1e-15) / max(float(left[0] + beyond), 1e-15))
        begin, late = (int(np.argmax(curve < level)) for level in (-5, -20))
        if late - begin < 48:
            break
        falls = (begin - late) / SAMPLE_RATE
        beyond = 2 * noise * SAMPLE_RATE / (15 / 10 * np.log(10) / -falls)
    return np.asarray(curve, np.float64)


def rt60(impulse: Doubles) -> float | None:
    """Return thrice the time from -5 to -25 dB, None when the noise does not let so much be seen."""
    curve = _curve(impulse)
    begin, end = (int(np.argmax(curve < level)) for level in (-5, -25))
    if end - begin < 48 or curve.min() > -28:
        return None
    time = np.arange(begin, end) / SAMPLE_RATE
    slope = float(np.polyfit(time, curve[begin:end], 1)[0])
    return -60 / slope if slope < -1 else None


def decay(impulse: Doubles) -> tuple[tuple[float, float], ...]:
    """Return how the middle frequencies die away: seconds and dB, every 5 ms."""
    curve = _curve(band(impulse, 350, 1400))
    # what the noise took from the end makes the last of it fall too fast
    shown = curve[: min(int(0.85 * len(curve)), int(1.5 * SAMPLE_RATE)) : 240]
    return tuple((number * 240 / SAMPLE_RATE, float(db)) for number, db in enumerate(shown) if db > -60)


def thirds(impulse: Doubles) -> tuple[tuple[float, float], ...]:
    """Return Hz and dB of each third of an octave, 0 in the middle of speech."""
    spectrum = np.abs(np.fft.rfft(impulse[: int(0.5 * SAMPLE_RATE)], 1 << 16)) ** 2
    hz = np.fft.rfftfreq(1 << 16, 1 / SAMPLE_RATE)
    means = [float(np.mean(spectrum[(hz > it / 2 ** (1 / 6)) & (hz < it * 2 ** (1 / 6))])) for it in THIRDS_HZ]
    db = 10 * np.log10(np.array(means) + 1e-15)
    middle = float(np.mean([level for it, level in zip(THIRDS_HZ, db, strict=True) if 500 <= it <= 4000]))
    return tuple((it, float(level - middle)) for it, level in zip(THIRDS_HZ, db, strict=True))
