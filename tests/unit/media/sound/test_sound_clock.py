import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.clock import StreamClock
from hardware.ports import SAMPLE_RATE


def fed(clock: StreamClock, count: int, *, ppm: float, late_s: np.ndarray, first: int = 1, at_s: float = 0.0) -> float:
    """Feed blocks; return the true time of the last."""
    true_s = 0.0
    for number in range(first, first + count):
        true_s = at_s + number * BLOCK / (SAMPLE_RATE * (1 + ppm * 1e-6))
        clock.update(number * BLOCK, true_s + late_s[number - first])
    return true_s


@settings(max_examples=15)
@given(ppm=st.floats(-400, 400), jitter_ms=st.floats(0, 6), seed=st.integers(0, 1000))
def test_the_rate_is_found_through_callbacks_that_come_late(ppm: float, jitter_ms: float, seed: int) -> None:
    clock = StreamClock()
    late = np.random.default_rng(seed).uniform(0, jitter_ms / 1000, 3000)
    true_s = fed(clock, 3000, ppm=ppm, late_s=late)
    assert clock.ppm == pytest.approx(ppm, abs=25)
    assert clock.time_of(3000 * BLOCK) == pytest.approx(true_s + jitter_ms / 2000, abs=0.0008)


def test_it_says_how_sure_it_is() -> None:
    late = np.random.default_rng(1).uniform(0, 0.004, 6000)
    young, old = StreamClock(), StreamClock()
    fed(young, 200, ppm=100, late_s=late)
    fed(old, 6000, ppm=100, late_s=late)
    assert young.uncertain_ppm > 50
    assert abs(old.ppm - 100) < old.uncertain_ppm < 5


@settings(max_examples=20)
@given(gap_ms=st.sampled_from([10, 30, 100, 5000]), seed=st.integers(0, 100))
def test_after_a_gap_time_is_right_again_within_a_third_of_a_second(gap_ms: int, seed: int) -> None:
    clock = StreamClock()
    late = np.random.default_rng(seed).uniform(0, 0.003, 1500)
    fed(clock, 1000, ppm=50, late_s=late)
    true_s = fed(clock, 33, ppm=50, late_s=late, first=1001, at_s=gap_ms / 1000)
    assert clock.time_of(1033 * BLOCK) == pytest.approx(true_s, abs=0.004)
    assert clock.ppm == pytest.approx(50, abs=40)


def test_one_wild_stamp_changes_nothing_much() -> None:
    clock = StreamClock()
    fed(clock, 1000, ppm=0, late_s=np.zeros(1000))
    clock.update(1001 * BLOCK, 1001 * BLOCK / SAMPLE_RATE + 0.9)
    assert clock.time_of(1001 * BLOCK) == pytest.approx(1001 * BLOCK / SAMPLE_RATE, abs=0.0005)
    assert clock.ppm == pytest.approx(0, abs=2)


@given(stamps=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_nonsense_never_breaks_it(stamps: list[float]) -> None:
    clock = StreamClock()
    for number, stamp in enumerate(stamps):
        clock.update((number + 1) * BLOCK, stamp)
    assert abs(clock.ppm) <= 1002
    assert np.isfinite(clock.time_of(1e6))


def test_samples_and_seconds_are_each_others_inverse() -> None:
    clock = StreamClock()
    fed(clock, 500, ppm=200, late_s=np.zeros(500))
    assert clock.sample_at(clock.time_of(123456.5)) == pytest.approx(123456.5, abs=1e-3)
