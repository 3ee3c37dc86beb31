"""Plays a short soft tone and listens for it, and looks at what each camera shows: the inside of a self-test."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.media.keeper import readings
from appliance.media.sound.blocks import SILENT_DBFS, dbfs
from appliance.state.selftest import Picture, SelfTest, Tone
from appliance.state.wishes import Devices
from hardware import registry
from hardware.ports import BLOCK, SAMPLE_RATE, AudioBlock, DeviceError, Microphone, Speaker, VideoFrame

_HZ = 1000.0
_PEAK = 0.05
"""26 dB below the loudest: to be heard by a microphone, and no fright to anybody."""
_QUIET_S, _TONE_S, _AFTER_S = 0.4, 0.8, 0.5
_FADE_S = 0.05
_WINDOW = SAMPLE_RATE // 10
_ABOVE_DB, _FAINTEST_DBFS = 10.0, -75.0
_SETTLES_S = 1.0
"""Cameras begin dark, until they have set their exposure."""
_BLACK_MEAN, _BLACK_BRIGHTEST = 0.06, 0.15

Samples = NDArray[np.float64]
Opens = TypeVar("Opens", Microphone, Speaker)


def tested(devices: Devices) -> SelfTest:
    """Look and listen. Blocks."""
    pictures = tuple(picture for uri in devices.camera if (picture := _look(uri)) is not None)
    try:
        return SelfTest(tone=_listen(devices), pictures=pictures)
    except DeviceError as err:
        return SelfTest(pictures=pictures, why=str(err))


def _look(uri: str) -> Picture | None:
    """Return what a camera shows once it has set its exposure; None of one that does not work, as its try has told."""
    stop, until = threading.Event(), time.monotonic() + _SETTLES_S
    with suppress(DeviceError, OSError), registry.camera(uri) as camera:
        for frame in readings(camera, lambda: None, stop):
            if time.monotonic() >= until:
                return shown(camera.name, frame)
    return None


def shown(name: str, frame: VideoFrame) -> Picture:
    """Judge a picture."""
    low, span = (0, 255) if frame.full_range else (16, 219)
    light = np.clip((np.asarray(frame.y, dtype=np.float64) - low) / span, 0.0, 1.0)
    mean = float(light.mean())
    black = mean < _BLACK_MEAN and float(np.percentile(light, 99)) < _BLACK_BRIGHTEST
    return Picture(name, round(mean * 100), black)


def _listen(devices: Devices) -> Tone:
    with ExitStack() as opened:
        speaker = _first(opened, "loudspeaker", registry.speaker, devices.speaker)
        microphone = _first(opened, "microphone", registry.microphone, devices.microphone)
        before, after = _heard(microphone, speaker)
        # a device takes out what it plays itself, and knows nothing of another's sound
        same = microphone.simulated or (bool(microphone.id) and microphone.id == speaker.id)
        return judged(before, after, cleans=microphone.array.cleans and same)


def _first(opened: ExitStack, what: str, device: Callable[[str], Opens], uris: Sequence[str]) -> Opens:
    """Open the first that works, or raise `DeviceError`."""
    for uri in uris:
        with suppress(DeviceError, OSError):
            return opened.enter_context(device(uri))
    raise DeviceError(f"there is no {what} that works.")


def _heard(microphone: Microphone, speaker: Speaker) -> tuple[list[AudioBlock], list[AudioBlock]]:
    """Play the tone; return what was captured before it and from then on."""
    stop, blocks = threading.Event(), list[AudioBlock]()
    with ThreadPoolExecutor(1, thread_name_prefix="self-test") as pool:
        listening = pool.submit(lambda: blocks.extend(readings(microphone, lambda: None, stop)))
        try:
            _play(speaker, np.zeros(round(_QUIET_S * SAMPLE_RATE)))
            begun_ns = time.monotonic_ns()
            _play(speaker, tone())
            _play(speaker, np.zeros(round(_AFTER_S * SAMPLE_RATE)))
        finally:
            stop.set()
        listening.result()
    before = [block for block in blocks if block.captured_ns <= begun_ns]
    return before, blocks[len(before) :]


def _play(speaker: Speaker, sound: Samples) -> None:
    for block in sound.reshape(-1, BLOCK):
        speaker.write((block * 32767).astype("<i2").tobytes())


def tone() -> Samples:
    """Return the tone, faded in and out."""
    n = np.arange(round(_TONE_S * SAMPLE_RATE))
    fade = np.clip(np.minimum(n, n[::-1]) / (_FADE_S * SAMPLE_RATE), 0.0, 1.0)
    return np.asarray(_PEAK * fade * np.sin(2 * np.pi * _HZ * n / SAMPLE_RATE))


def judged(before: Sequence[AudioBlock], after: Sequence[AudioBlock], *, cleans: bool) -> Tone:
    """Say how loud the tone is in what was captured, by the microphone that hears it best."""
    noise, level = _level(before), _level(after)
    heard = level > noise + _ABOVE_DB and level > _FAINTEST_DBFS
    return Tone(round(level, 1), round(noise, 1), heard, cleans)


def _level(blocks: Sequence[AudioBlock]) -> float:
    """Return the tone's level in dBFS, in the tenth of a second in which it is the loudest."""
    if not blocks:
        return SILENT_DBFS
    channels = blocks[-1].channels
    kept = [np.frombuffer(block.samples, "<i2").reshape(-1, channels) for block in blocks if block.channels == channels]
    samples = np.concatenate(kept) / 32768.0
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW, channels)
    if not len(windows):
        return SILENT_DBFS
    pitch = np.hanning(_WINDOW) * np.exp(-2j * np.pi * _HZ / SAMPLE_RATE * np.arange(_WINDOW))
    # a Hann window halves the mean, and half of a sine is at the negative frequency
    amplitude = 4 * np.abs(np.einsum("wnc,n->wc", windows, pitch)).max() / _WINDOW
    return dbfs(float(amplitude))
