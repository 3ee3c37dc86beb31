"""Levels as ears have them, and telling talk from a knock."""

import pytest

from display.panel.sound import Talking, bar, loudness


@pytest.mark.parametrize(
    ("rms", "level"),
    [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (0.001, 0.0), (0.5012, 1.0), (1.0, 1.0), (9.0, 1.0)],
)
def test_loudness_spans_what_a_microphone_hears(rms, level):
    assert loudness(rms) == pytest.approx(level, abs=0.001)


def test_loudness_rises_with_the_level():
    levels = [loudness(0.001 * 1.5**step) for step in range(15)]
    assert levels == sorted(levels)
    assert 0.4 < loudness(0.03) < 0.6


def test_a_knock_is_not_talk_and_talk_is_remembered_for_a_moment():
    talking = Talking()
    talking.hear(0.9, 0.0)
    talking.hear(0.9, 0.1)
    assert not talking.now(0.1)
    talking.hear(0.2, 0.2)
    talking.hear(0.9, 0.3)
    assert talking.now(0.3)
    assert talking.now(2.7)
    assert not talking.now(2.9)


def test_knocks_far_apart_are_not_talk():
    talking = Talking()
    for at in (0.0, 5.0, 10.0, 15.0):
        talking.hear(0.9, at)
        assert not talking.now(at)


def test_a_bar_is_as_wide_as_its_place():
    assert [bar("Mic", level, 20, "red").cell_length for level in (0, 0.5, 1)] == [20, 20, 20]
    assert bar("Mic", 1, 2, "red").plain.startswith("Mic")
