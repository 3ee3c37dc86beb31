"""One period more or less, without a click."""

import numpy as np
import pytest
from sound import sine, voice

from appliance.media.stretch import LEAST, LONGEST, SHORTEST, lengthened, shortened


def steepest(sound):
    return int(np.abs(np.diff(sound.astype(np.int32))).max())


@pytest.mark.parametrize("hz", [90, 150, 217.3, 440, 997, 3000])
def test_a_tone_stays_a_tone(hz):
    sound = sine(hz, 0.1)
    before, block, after = sound[:1440], sound[1440:2400], sound[2400:]
    for changed in (shortened(block), lengthened(before, block)):
        assert SHORTEST <= abs(len(changed) - len(block)) <= LONGEST
        whole = np.concatenate((before, changed, after))
        assert steepest(whole) <= steepest(sound) * 1.1
        assert np.abs(whole).max() <= 8100


def test_a_voice_is_shortened_by_whole_periods():
    sound = voice(1)
    changed = [shortened(sound[at : at + LEAST]) for at in range(0, 40 * LEAST, LEAST)]
    assert sum(len(block) < LEAST for block in changed) > 25


def test_noise_is_left_alone_unless_it_must_be():
    noise = (3000 * np.random.default_rng(3).standard_normal(3 * LEAST)).astype(np.int16)
    before, block = noise[:LEAST], noise[LEAST : 2 * LEAST]
    assert shortened(block) is block
    assert lengthened(before, block) is block
    assert len(shortened(block, force=True)) < LEAST
    assert len(lengthened(before, block, force=True)) > LEAST


def test_silence_can_always_be_stretched():
    silence = np.zeros(LEAST, np.int16)
    assert len(shortened(silence)) < LEAST < len(lengthened(silence, silence))


def test_too_little_sound_stays_as_it_is():
    short = sine(440, 0.01)
    assert shortened(short) is short
    assert lengthened(short, short) is short


@pytest.mark.parametrize("hz", [200, 1000])
def test_the_loudest_samples_stay_within_16_bits(hz):
    sound = sine(hz, 0.1, peak=32767)
    assert np.abs(shortened(sound[:LEAST]).astype(np.int32)).max() <= 32767
