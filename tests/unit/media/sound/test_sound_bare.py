import numpy as np
import pytest
from simulated import babble, hiss

from appliance.media.sound.bare import BareMicrophones, without_stuck
from appliance.media.sound.blocks import BLOCK, Shorts
from hardware.ports import SAMPLE_RATE


def capture(*channels: np.ndarray) -> Shorts:
    return np.rint(np.stack(channels, axis=1)).astype(np.int16)


def fed(microphones: BareMicrophones, captured: Shorts) -> float:
    powers = [microphones.take(captured[at : at + BLOCK])[1] for at in range(0, len(captured) - BLOCK + 1, BLOCK)]
    return powers[-1] ** 0.5


def test_an_offset_is_no_sound() -> None:
    quiet = hiss(8 * SAMPLE_RATE, 10, 1)
    assert fed(BareMicrophones(2), capture(quiet + 3000, quiet - 200)) == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("own_noise", [0, 20])
def test_a_dead_microphone_is_known_once_it_is_loud_and_the_next_one_leads(own_noise: float) -> None:
    microphones = BareMicrophones(3)
    quiet = [hiss(3 * SAMPLE_RATE, 20, seed) for seed in (1, 2)]
    dead = hiss(3 * SAMPLE_RATE, own_noise, 3)
    fed(microphones, capture(dead, *quiet))
    assert (microphones.dead, microphones.leader) == ((), 0)
    voice = babble(3, 4)
    fed(microphones, capture(dead, voice, voice))
    assert (microphones.dead, microphones.leader) == ((0,), 1)
    fed(microphones, capture(dead, *quiet))
    assert microphones.dead == (0,)
    fed(microphones, capture(voice, voice, voice))
    assert (microphones.dead, microphones.leader) == ((), 0)


def test_a_microphone_that_is_only_weaker_than_the_others_stays() -> None:
    microphones, voice = BareMicrophones(2), babble(3, 5)
    fed(microphones, capture(0.1 * voice, voice))
    assert microphones.dead == ()


def test_the_leader_stands_in_for_the_dead() -> None:
    microphones, voice = BareMicrophones(3), babble(1, 6)
    fed(microphones, capture(0 * voice, voice, 0 * voice))
    block = capture(0 * voice, voice, 0 * voice)[:BLOCK]
    assert (microphones.replaced(block) == block[:, 1, None]).all()
    assert not block[:, 0].any()


def test_a_channel_that_stands_still_is_silence() -> None:
    voice = babble(0.1, 7)[:BLOCK]
    captured = capture(np.full(BLOCK, 32767), voice, np.full(BLOCK, -32768))
    left = without_stuck(captured)
    assert not left[:, [0, 2]].any()
    assert (left[:, 1] == captured[:, 1]).all()
