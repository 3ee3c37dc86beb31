import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import Samples, babble, db, hiss

from appliance.media.sound.beam import Beam
from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.direction import Bearing, DirectionFinder
from hardware.ports import SAMPLE_RATE

SQUARE = tuple((0.0325 * x, 0.0325 * y) for x, y in ((1, 1), (1, -1), (-1, -1), (-1, 1)))
RING = tuple((0.045 * float(np.sin(a)), 0.045 * float(np.cos(a))) for a in np.arange(6) * np.pi / 3)
LINE = ((-0.06, 0.0), (-0.02, 0.0), (0.02, 0.0), (0.06, 0.0))
PAIR = ((-0.04, 0.0), (0.04, 0.0))
SLANTED = ((-0.03, -0.03), (0.0, 0.0), (0.03, 0.03))
Places = tuple[tuple[float, float], ...]


def wave(signal: Samples, places: Places, degrees: float) -> Samples:
    """What the microphones hear of a plane wave."""
    angle = np.radians(degrees)
    ahead_s = np.array(places) @ np.array((np.sin(angle), np.cos(angle))) / 343
    hz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(signal)
    return np.stack([np.fft.irfft(spectrum * np.exp(2j * np.pi * hz * it), len(signal)) for it in ahead_s], axis=1)


def found(sound: Samples, places: Places, *, voiced: bool = True) -> Bearing | None:
    finder, bearing = DirectionFinder(places), None
    for at in range(0, len(sound) - BLOCK, BLOCK):
        bearing = finder.hear(sound[at : at + BLOCK].astype(np.float32), voiced=voiced)
    return bearing


@settings(max_examples=25)
@given(degrees=st.integers(-179, 180), places=st.sampled_from([SQUARE, RING]), seed=st.integers(0, 50))
def test_a_voice_is_found_all_around(degrees: int, places: Places, seed: int) -> None:
    sound = wave(babble(0.4, seed), places, degrees) + hiss(19_200 * len(places), 60, seed).reshape(-1, len(places))
    bearing = found(sound, places)
    assert bearing is not None
    assert abs((bearing.degrees - degrees + 180) % 360 - 180) < 3


@settings(max_examples=25)
@given(degrees=st.integers(-75, 75), places=st.sampled_from([LINE, PAIR]), behind=st.booleans())
def test_a_line_takes_everybody_to_be_in_front(degrees: int, places: Places, behind: bool) -> None:
    sound = wave(babble(0.4, 3), places, 180 - degrees if behind else degrees)
    bearing = found(sound, places)
    assert bearing is not None
    assert bearing.degrees == pytest.approx(degrees, abs=6)


def test_a_slanted_line_takes_the_side_that_is_further_to_the_front() -> None:
    for degrees in (-30, 0, 20):
        mirrored = 90 - degrees
        for true in (degrees, mirrored):
            bearing = found(wave(babble(0.4, 4), SLANTED, true), SLANTED)
            assert bearing is not None
            assert bearing.degrees == pytest.approx(degrees, abs=6)


def test_nothing_is_said_without_a_voice_and_soon_after_it() -> None:
    sound = wave(babble(0.4, 5), SQUARE, 30)
    assert found(sound, SQUARE, voiced=False) is None
    finder = DirectionFinder(SQUARE)
    pieces = [sound[at : at + BLOCK].astype(np.float32) for at in range(0, len(sound) - BLOCK, BLOCK)]
    for piece in pieces:
        finder.hear(piece, voiced=True)
    after = [finder.hear(pieces[0], voiced=False) for _ in range(40)]
    assert all(it is not None for it in after[:28])
    assert after[-1] is None


def test_noise_of_each_microphone_is_no_direction() -> None:
    noise = hiss(4 * 48_000, 300, 1).reshape(-1, 4)
    assert found(noise, SQUARE) is None


def beamed(sound: Samples, degrees: float, places: Places = SQUARE) -> Samples:
    beam = Beam(places)
    beam.steer(degrees)
    pieces = [beam.process(sound[at : at + BLOCK].astype(np.float32)) for at in range(0, len(sound) - BLOCK + 1, BLOCK)]
    return np.concatenate(pieces)[BLOCK:].astype(float)


def test_what_comes_from_where_it_points_is_unchanged_and_10_ms_late() -> None:
    signal = babble(1, 6)
    out = beamed(wave(signal, SQUARE, 70), 70)
    late, straight = out[24_000:], signal[24_000 : 24_000 + len(out) - 24_000]
    assert np.corrcoef(late, straight)[0, 1] > 0.99
    assert db(late, straight) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("places", [SQUARE, RING, LINE])
def test_what_comes_from_the_side_is_weaker(places: Places) -> None:
    signal = babble(1, 7)
    for degrees in (90, -90):
        assert db(beamed(wave(signal, places, degrees), 0, places), signal) < -2


def test_turning_makes_no_click() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sound = wave(5000 * np.sin(2 * np.pi * 500 * time), SQUARE, 0)
    beam, pieces = Beam(SQUARE), []
    for number, at in enumerate(range(0, len(sound), BLOCK)):
        if number == 50:
            beam.steer(120)
        pieces.append(beam.process(sound[at : at + BLOCK].astype(np.float32)))
    out = np.concatenate(pieces)[2 * BLOCK : -BLOCK]
    assert np.abs(np.diff(out, 2)).max() < 1.3 * 5000 * (2 * np.pi * 500 / SAMPLE_RATE) ** 2
