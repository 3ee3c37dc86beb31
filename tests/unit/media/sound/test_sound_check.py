from xml.etree import ElementTree as ET

import numpy as np
import pytest
from simulated import Samples, echo, hiss, later

from appliance.media.sound.check import SoundCheck, analyse, sweep
from appliance.media.sound.check_picture import picture
from appliance.media.sound.verdict import findings
from hardware.ports import SAMPLE_RATE


def response(rt60_s: float, seed: int = 1) -> Samples:
    count = int(1.2 * rt60_s * SAMPLE_RATE)
    tail = np.random.default_rng(seed).standard_normal(count) * 10 ** (-3 * np.arange(count) / SAMPLE_RATE / rt60_s)
    return np.concatenate(([1.0], tail * 0.02))


def recorded(rt60_s: float = 0.4, *, gain: float = 0.4, delay_s: float = 0.13, noise: float = 8.0) -> Samples:
    """Two microphones."""
    played = sweep().astype(float)
    heard = [gain * echo(later(played, delay_s), response(rt60_s, seed)) for seed in (1, 2)]
    return np.stack(heard, axis=1) + hiss(2 * len(played), noise, 3).reshape(-1, 2)


def checked(sound: Samples) -> SoundCheck:
    return analyse(np.clip(np.rint(sound), -32768, 32767).astype(np.int16))


def words(check: SoundCheck) -> str:
    return " ".join(it.words for it in findings(check))


def test_the_sweep_is_soft_at_both_ends_and_never_clips() -> None:
    played = sweep()
    assert played.dtype == np.int16
    assert 2 <= len(played) / SAMPLE_RATE <= 6
    assert np.abs(played.astype(int)).max() < 10_000
    assert not played[: SAMPLE_RATE // 2].any()
    assert np.abs(np.diff(played[: SAMPLE_RATE // 2 + 480].astype(int))).max() < 50


@pytest.mark.parametrize("rt60_s", [0.25, 0.5, 1.0])
def test_reverberation_is_measured(rt60_s: float) -> None:
    check = checked(recorded(rt60_s))
    assert check.rt60_s == pytest.approx(rt60_s, rel=0.12)


def test_delay_and_echo_return_loss_are_measured() -> None:
    for gain, delay_s in ((0.1, 0.02), (0.5, 0.31)):
        check = checked(recorded(0.3, gain=gain, delay_s=delay_s))
        assert check.delay_ms == pytest.approx(delay_s * 1000, abs=0.2)
        energy = np.sum(response(0.3) ** 2)
        assert check.echo_return_loss_db == pytest.approx(-20 * np.log10(gain) - 10 * np.log10(energy), abs=2)


def test_each_microphones_level_and_noise_are_measured() -> None:
    sound = recorded(0.3)
    sound[:, 1] *= 0.1
    one, other = checked(sound).microphones
    assert one.noise_dbfs == pytest.approx(20 * np.log10(8 / 32768), abs=1)
    assert one.level_dbfs - other.level_dbfs == pytest.approx(20, abs=2)


def test_a_good_room_is_said_to_be_fine() -> None:
    assert [it.weight for it in findings(checked(recorded(0.4)))] == ["good"]


def test_dead_twisted_repeated_and_overdriven_channels_are_named() -> None:
    sound = recorded(0.3)
    four = np.stack((sound[:, 0], np.zeros(len(sound)), -sound[:, 1], sound[:, 0]), axis=1)
    dead, inverted, same = (checked(four).microphones[number] for number in (1, 2, 3))
    assert dead.dead
    assert inverted.inverted
    assert same.same_as == 0
    said = words(checked(four))
    assert "Microphone 2 delivers nothing" in said
    assert "Microphone 3 is wired" in said
    assert "Microphone 4 repeats" in said
    assert "Microphones 1 and 2 are overdriven" in words(checked(recorded(0.3, gain=6)))


def test_what_is_wrong_with_room_and_loudspeaker_comes_with_a_remedy() -> None:
    assert "Carpet" in words(checked(recorded(1.3)))
    assert "game or PC mode" in words(checked(recorded(0.3, delay_s=0.45)))
    assert "fan" in words(checked(recorded(0.3, noise=600)))
    played = sweep() / 8000
    bent = 8000 * (played + 0.25 * played**2)
    sound = np.stack([0.4 * echo(bent, response(0.3))] * 2, axis=1) + hiss(2 * len(bent), 8, 4).reshape(-1, 2)
    check = checked(sound)
    assert check.distortion_percent == pytest.approx(12.5, abs=3)
    assert "distorts" in words(check)


@pytest.mark.parametrize("sound", [np.zeros((4 * SAMPLE_RATE, 2)), hiss(8 * SAMPLE_RATE, 50, 5).reshape(-1, 2)])
def test_a_loudspeaker_that_is_not_heard_is_no_measurement(sound: Samples) -> None:
    check = checked(sound)
    assert check.rt60_s is check.delay_ms is check.echo_return_loss_db is None
    assert "Is the TV on" in words(check)
    ET.fromstring(picture(check))


def test_a_recording_that_ends_too_soon_is_taken_for_what_it_is() -> None:
    check = checked(recorded(0.3)[: SAMPLE_RATE // 4])
    assert all(it.dead for it in check.microphones)


def broken(kind: str, at_s: float, ms: int) -> SoundCheck:
    """Return what is said of a sweep of which some was lost on its way to the loudspeaker, or from the microphone."""
    played, gap = sweep().astype(float), np.zeros(ms * SAMPLE_RATE // 1000)
    at = int(at_s * SAMPLE_RATE)
    if kind == "slipped in":
        played = np.insert(played, at, gap)[: len(played)]
    heard = 0.4 * echo(later(played, 0.13), response(0.4)) + hiss(len(played), 8, 3)
    if kind == "hole":
        heard[at : at + len(gap)] = 0
    return checked(heard[:, None])


@pytest.mark.parametrize("at_s", [1.0, 1.6, 2.3])
@pytest.mark.parametrize("ms", [5, 21, 100])
def test_silence_slipped_into_the_sweep_is_noticed_and_no_figure_given(at_s: float, ms: int) -> None:
    check = broken("slipped in", at_s, ms)
    assert check.gaps
    assert check.rt60_s is check.delay_ms is check.echo_return_loss_db is check.distortion_percent is None
    assert findings(check)[0].weight == "bad"
    assert "Sound was lost" in words(check)
    ET.fromstring(picture(check))


def test_holes_in_what_was_captured_are_noticed() -> None:
    assert broken("hole", 1.6, 60).gaps
    assert broken("hole", 2.5, 60).gaps
    # one that changes no figure
    assert not broken("hole", 1.6, 10).gaps


@pytest.mark.parametrize(
    "room", [{"rt60_s": 0.25}, {"rt60_s": 1.3}, {"gain": 0.02}, {"noise": 600.0}, {"delay_s": 0.45}, {"gain": 6.0}]
)
def test_no_room_is_taken_for_lost_sound(room: dict[str, float]) -> None:
    assert not checked(recorded(**room)).gaps


def test_what_is_known_to_be_incomplete_is_not_measured() -> None:
    sound = np.rint(recorded(0.3)).astype(np.int16)
    assert analyse(sound, whole=False).gaps
    assert analyse(sound, late_s=0.01).delay_ms == pytest.approx(140, abs=0.2)


def test_the_picture_shows_figures_microphones_and_words() -> None:
    sound = recorded(0.4)
    sound[:, 1] = 0
    drawn = ET.fromstring(picture(checked(sound)))
    texts = [" ".join(it.itertext()) for it in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "delivers nothing" in texts
    assert any(text.startswith("Microphone 2 delivers") for text in texts)
    assert any("ms" in text for text in texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 3
