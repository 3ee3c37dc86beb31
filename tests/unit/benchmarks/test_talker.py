"""The measure of what is lost of a talker, on systems whose loss is known."""

import numpy as np
import pytest

from benchmarks.sound_scene import RATE
from benchmarks.talker import loss_db


def voice(seconds, seed):
    """Noise that is as coloured as speech, in syllables with pauses between them."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    pink = np.convolve(rng.standard_normal(count + 399), np.exp(-np.arange(400) / 40), "valid")
    syllables = np.repeat(rng.choice([0.0, 0.3, 1.0], count // 9600 + 1), 9600)[:count]
    return 1000 * pink * np.convolve(syllables, np.hanning(960) / 480, "same") / pink.std()


def late(sound, samples):
    return np.concatenate((np.zeros(samples), sound))


TALKER = voice(8, 1)


@pytest.mark.parametrize("samples", [0, 480, 3742])
@pytest.mark.parametrize("lost_db", [0, 6, 20])
def test_a_known_loss_is_measured_however_late_it_comes(lost_db, samples):
    out = late(TALKER * 10 ** (-lost_db / 20), samples)
    assert loss_db(TALKER, np.pad(out, (0, RATE))) == pytest.approx(lost_db, abs=0.05)


def test_an_echo_as_loud_as_the_talker_is_not_taken_for_him():
    out = late(TALKER / 2 + voice(8, 2), 480)
    assert loss_db(TALKER, np.pad(out, (0, RATE))) == pytest.approx(6, abs=0.6)


def test_a_talker_turned_upside_down_is_not_lost():
    assert loss_db(TALKER, np.pad(-TALKER, (0, RATE))) == pytest.approx(0, abs=0.05)


def test_a_stream_that_slips_now_and_then_is_no_loss():
    pieces = [late(TALKER[at * RATE : (at + 1) * RATE], 30 * at) for at in range(8)]
    assert loss_db(TALKER, np.pad(np.concatenate(pieces), (0, RATE))) == pytest.approx(0, abs=0.3)


def test_half_of_the_words_swallowed_is_half_of_the_talker():
    out = TALKER.copy()
    out[4 * RATE :] = 0
    kept = np.sum(TALKER[: 4 * RATE] ** 2) / np.sum(TALKER**2)
    assert loss_db(TALKER, np.pad(out, (0, RATE))) == pytest.approx(-20 * np.log10(kept), abs=0.3)


def test_too_little_to_look_at_is_an_error():
    with pytest.raises(ValueError, match="too few"):
        loss_db(TALKER, TALKER[: RATE // 4])
