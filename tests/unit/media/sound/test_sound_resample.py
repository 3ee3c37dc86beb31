import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.history import History
from appliance.media.sound.resample import HALF, read
from hardware.ports import SAMPLE_RATE


def snr_db(hz: float, ppm: float, count: int = 100) -> float:
    time = np.arange((count + 2) * BLOCK)
    tone = (10_000 * np.sin(2 * np.pi * hz * time / SAMPLE_RATE)).astype(np.float32)
    speed, at = 1 + ppm * 1e-6, HALF + 0.37
    pieces = [read(tone, at + number * BLOCK * speed, speed, BLOCK) for number in range(count)]
    got = np.concatenate(pieces).astype(float)
    wanted = 10_000 * np.sin(2 * np.pi * hz * (at + speed * np.arange(len(got))) / SAMPLE_RATE)
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


@pytest.mark.parametrize("ppm", [0, -37, 300, -300, 1000])
@pytest.mark.parametrize("hz", [1000, 4000, 8000])
def test_speech_is_resampled_without_audible_error(hz: float, ppm: float) -> None:
    assert snr_db(hz, ppm) > 90


def test_also_high_tones_and_large_steps_keep_more_than_70_db() -> None:
    assert snr_db(16_000, 300) > 70
    assert snr_db(8000, 5000, count=50) > 70


def test_a_whole_position_at_speed_one_is_a_copy() -> None:
    samples = np.arange(1000, dtype=np.float32)
    out = read(samples, 100.0, 1.0, BLOCK)
    assert (out == samples[100:580]).all()
    out[:] = 0
    assert samples[100] == 100


def test_a_changed_speed_leaves_no_step() -> None:
    time = np.arange(60 * BLOCK)
    tone = (10_000 * np.sin(2 * np.pi * 1000 * time / SAMPLE_RATE)).astype(np.float32)
    at, pieces = 100.0, []
    for number in range(50):
        speed = 1 + (number % 7) * 60e-6
        pieces.append(read(tone, at, speed, BLOCK))
        at += speed * BLOCK
    steps = np.abs(np.diff(np.concatenate(pieces), 2))
    assert steps.max() < 10_000 * (2 * np.pi * 1000 / SAMPLE_RATE) ** 2 * 1.02


@given(
    pieces=st.lists(st.integers(1, 300), min_size=1, max_size=40),
    first=st.integers(-50, 9000),
    count=st.integers(0, 300),
)
def test_history_gives_what_was_appended_and_silence_elsewhere(pieces: list[int], first: int, count: int) -> None:
    history = History(1000)
    for size in pieces:
        history.append(np.arange(history.end + 1, history.end + size + 1, dtype=np.float32))
    got = history.read(first, count)
    oldest = max(history.end - 1000, 0)
    for number, value in enumerate(got, first):
        assert value in (0, number + 1) if number < oldest else value == (number + 1 if number < history.end else 0)
