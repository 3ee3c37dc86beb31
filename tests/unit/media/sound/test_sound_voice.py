import subprocess
import sys
import wave
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from simulated import Samples, babble, hiss

from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.voice import MODEL, Decimator, Loudness, Silero, VoiceActivity
from hardware.ports import SAMPLE_RATE


def spoken() -> Samples:
    words = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
    made = subprocess.run(["espeak-ng", "-v", "en-us", "--stdout", words], capture_output=True, check=True).stdout
    with wave.open(BytesIO(made)) as file:
        rate, raw = file.getframerate(), np.frombuffer(file.readframes(1 << 24), "<i2").astype(float)
    at = np.arange(int(len(raw) * SAMPLE_RATE / rate)) * rate / SAMPLE_RATE
    return np.interp(at, np.arange(len(raw)), raw)


def share(activity: VoiceActivity, sound: Samples) -> float:
    said = [activity.talks(sound[at : at + BLOCK].astype(np.float32)) for at in range(0, len(sound) - BLOCK, BLOCK)]
    return sum(said) / len(said)


def test_the_model_is_the_one_its_licence_file_names() -> None:
    licence = MODEL.with_suffix("").with_suffix(".LICENSE.txt").read_text()
    assert sha256(MODEL.read_bytes()).hexdigest() in licence
    assert "MIT License" in licence


def test_the_model_tells_a_voice_from_noise_of_the_same_loudness() -> None:
    voice = spoken()
    voice *= 1000 / np.sqrt(np.mean(voice**2))
    assert share(VoiceActivity(Silero), voice + hiss(len(voice), 50, 1)) > 0.7
    assert share(VoiceActivity(Silero), hiss(3 * SAMPLE_RATE, 1000, 2)) < 0.05


def test_without_the_model_what_is_well_above_the_noise_floor_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    activity = VoiceActivity()
    assert "salon[voice]" in activity.why
    assert share(activity, hiss(3 * SAMPLE_RATE, 30, 3)) < 0.05
    assert share(activity, babble(2, 4)) > 0.4


def test_a_fan_that_starts_is_a_voice_for_some_seconds_at_most() -> None:
    activity = VoiceActivity(Loudness)
    share(activity, hiss(2 * SAMPLE_RATE, 20, 5))
    share(activity, hiss(12 * SAMPLE_RATE, 120, 6))
    assert share(activity, hiss(SAMPLE_RATE, 120, 7)) == 0


@pytest.mark.parametrize(("hz", "least_db", "most_db"), [(100, -0.1, 0.1), (3000, -0.2, 0.2), (6000, -1.5, 0.2)])
def test_decimation_keeps_speech(hz: float, least_db: float, most_db: float) -> None:
    assert least_db < decimated_db(hz) < most_db


@pytest.mark.parametrize("hz", [9500, 12_000, 15_900, 20_000])
def test_decimation_folds_nothing_back(hz: float) -> None:
    assert decimated_db(hz) < -50


def decimated_db(hz: float) -> float:
    decimator = Decimator()
    tone = (10_000 * np.sin(2 * np.pi * hz * np.arange(50 * BLOCK) / SAMPLE_RATE)).astype(np.float32)
    out = np.concatenate([decimator.take(tone[at : at + BLOCK]) for at in range(0, len(tone), BLOCK)])[500:]
    return float(20 * np.log10(np.sqrt(np.mean(out.astype(float) ** 2) * 2) * 32768 / 10_000))
