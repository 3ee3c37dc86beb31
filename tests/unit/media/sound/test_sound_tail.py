import numpy as np
import pytest
from simulated import babble, echo, path

from appliance.media.sound.blocks import BLOCK, rms
from appliance.media.sound.gain import GainControl
from appliance.media.sound.tail import EchoTail
from hardware.ports import SAMPLE_RATE

SECONDS = 12
PAUSE = slice(10 * SAMPLE_RATE, 12 * SAMPLE_RATE)


def gains(near: float) -> list[float]:
    """Of a far end that talks and pauses; in the last pause somebody in the room may talk."""
    far = babble(SECONDS, 1)
    for begin in (3, 6, 10):
        far[begin * SAMPLE_RATE : int((begin + 0.8) * SAMPLE_RATE)] = 0
    captured = echo(far, path(0.7, 1)) + np.random.default_rng(1).standard_normal(len(far)) * 3
    talk = babble(SECONDS, 2, level=near)
    talk[: PAUSE.start] = 0
    tail, pieces = EchoTail(), range(0, len(far) - BLOCK, BLOCK)
    return [tail.gain(rms(far[at : at + BLOCK]), rms((captured + talk)[at : at + BLOCK])) for at in pieces]


def test_the_room_s_echo_after_the_last_word_is_made_quieter() -> None:
    after = gains(near=0)[1003:1030]
    assert np.median(after) < 0.2


def test_while_the_far_end_talks_nothing_is_touched() -> None:
    assert np.mean(gains(near=0)[860:990]) > 0.8


def test_somebody_who_talks_into_the_echo_is_heard() -> None:
    assert np.mean(gains(near=1000)[1005:1080]) > 0.75


def test_gain_raises_a_voice_but_no_noise_and_lets_nothing_clip() -> None:
    quiet, loud = babble(8, 3, level=200), babble(2, 4, level=12_000)
    control = GainControl()
    for at in range(0, len(quiet) - BLOCK, BLOCK):
        control.process(quiet[at : at + BLOCK].astype(np.float32), voiced=False)
    assert control.gain_db == 0
    for at in range(0, len(quiet) - BLOCK, BLOCK):
        control.process(quiet[at : at + BLOCK].astype(np.float32), voiced=True)
    assert control.gain_db == pytest.approx(12, abs=4)
    out = [
        control.process(loud[at : at + BLOCK].astype(np.float32), voiced=True)
        for at in range(0, len(loud) - BLOCK, BLOCK)
    ]
    assert max(float(np.abs(piece).max()) for piece in out) < 32_000
