import time

import numpy as np
import pytest

from hardware import registry
from hardware.audio.arrays import SPEED_OF_SOUND
from hardware.ports import BLOCK, SAMPLE_RATE, BadUri


def listen(uri, blocks):
    with registry.microphone(uri) as microphone:
        read = [microphone.read(1.0) for _ in range(blocks)]
    return microphone, np.frombuffer(b"".join(one.samples for one in read), "<i2").reshape(-1, microphone.channels)


def delay_s(early, late):
    """By how much one sound comes after the other, from the slope of their phases."""
    spectrum = np.fft.rfft(late * np.hanning(len(late))) * np.conj(np.fft.rfft(early * np.hanning(len(early))))
    hz = np.fft.rfftfreq(len(late), 1 / SAMPLE_RATE)
    voice = (hz > 100) & (hz < 1500)
    weight = np.abs(spectrum[voice])
    phase = -np.angle(spectrum[voice]) / (2 * np.pi)
    return float((weight * phase * hz[voice]).sum() / (weight * hz[voice] ** 2).sum())


@pytest.mark.parametrize("direction", [0, 30, 90, 200])
def test_each_microphone_of_the_array_hears_the_voice_at_its_time(direction):
    microphone, sound = listen(f"sim:array?channels=4&direction={direction}&geometry=circle:0.0325", 30)
    towards = np.array([np.sin(np.radians(direction)), np.cos(np.radians(direction))])
    for channel in range(1, 4):
        way = np.subtract(microphone.array.places[0], microphone.array.places[channel]) @ towards
        # far less than a sample (21 microseconds): the delays are fractions of one
        assert delay_s(sound[:, 0], sound[:, channel]) == pytest.approx(way / SPEED_OF_SOUND, abs=3e-6)


def test_the_array_has_a_name_places_and_a_voice():
    microphone, sound = listen("sim:array?channels=6&geometry=line:0.04", 40)
    assert microphone.simulated
    assert microphone.array.microphones == (0, 1, 2, 3, 4, 5)
    assert microphone.array.places[5] == pytest.approx((0.1, 0))
    assert np.abs(sound).max() > 3000


def test_a_simulated_array_of_no_shape_is_explained():
    with pytest.raises(BadUri, match="should look like circle"):
        registry.microphone("sim:array?geometry=round")


def test_a_simulated_speaker_tells_what_it_plays_and_what_it_missed():
    played = []
    with registry.speaker("sim:sink") as speaker:
        speaker.on_played = played.append
        for _ in range(5):
            speaker.write(b"\1\0" * BLOCK)
        before = speaker.xruns
        time.sleep(0.08)
        speaker.write(b"\1\0" * BLOCK)
        assert speaker.xruns == before + 1
    loud = [any(block.samples) for block in played]
    assert loud.count(True) == 6
    assert loud[-4:] == [False, False, False, True]
    stamps = [block.captured_ns for block in played]
    assert stamps == sorted(stamps)
