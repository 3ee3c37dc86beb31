import numpy as np
import pytest

from appliance.media.mixer import Mixer
from appliance.media.opus import OpusEncoder
from appliance.media.rtc.frames import EncodedFrame

MS = 1_000_000


def tone(hz, count=60, peak=8000):
    encoder = OpusEncoder()
    t = np.arange(960 * count) / 48000
    samples = (peak * np.sin(2 * np.pi * hz * t)).astype("<i2").tobytes()
    return [EncodedFrame("opus", n * 960, 48000, encoder.encode(samples[n * 1920 :][:1920])) for n in range(count)]


class Room:
    def __init__(self, volume=100):
        self.now = 0
        self.mixer = Mixer(clock_ns=lambda: self.now)
        self.mixer.volume = volume

    def play(self, *streams):
        """Play streams of packets in step; return what came out after the first second."""
        out = []
        for packets in zip(*streams, strict=True):
            for who, packet in enumerate(packets):
                self.mixer.push(who, packet)
            for _ in range(2):
                out.append(np.frombuffer(self.mixer.pull(480), "<i2"))
                self.now += 10 * MS
        return np.concatenate(out)[48000:].astype(np.float64)


def strength(sound, hz):
    t = np.arange(len(sound)) / 48000
    return abs(np.sum(sound * np.exp(-2j * np.pi * hz * t))) * 2 / len(sound)


def test_everybody_is_heard():
    sound = Room().play(tone(440), tone(1000))
    assert strength(sound, 440) > 5000
    assert strength(sound, 1000) > 5000
    assert strength(sound, 700) < 300


def test_eight_loud_people_are_limited_not_clipped():
    sound = Room().play(*[tone(300 + 100 * n, peak=16000) for n in range(8)])
    assert np.abs(sound).max() <= 32767
    clipped = np.mean(np.abs(sound) >= 32767)
    assert clipped < 0.001
    assert strength(sound, 300) > 1500


@pytest.mark.parametrize(("volume", "factor"), [(100, 1.0), (50, 0.25), (0, 0.0)])
def test_the_volume_scales_what_is_played(volume, factor):
    sound = Room(volume).play(tone(440))
    assert strength(sound, 440) == pytest.approx(strength(Room().play(tone(440)), 440) * factor, rel=0.02, abs=1)


def test_the_level_follows_what_is_played():
    room = Room()
    room.play(tone(440))
    assert 0.1 < room.mixer.level < 0.3
    room.mixer.remove(0)
    room.mixer.pull(480)
    assert room.mixer.level == 0


def test_somebody_who_left_is_not_heard():
    room = Room()
    for packet in tone(440)[:20]:
        room.mixer.push("a", packet)
    room.now += 100 * MS
    room.mixer.remove("a")
    assert not any(room.mixer.pull(480))


def test_the_chime_is_heard_once_to_its_end():
    room = Room()
    room.mixer.ring()
    sound = []
    while room.mixer.ringing:
        sound.append(np.frombuffer(room.mixer.pull(480), "<i2").astype(float))
    sound = np.concatenate(sound)
    assert 1.0 < len(sound) / 48000 < 2.0
    assert 3000 < np.abs(sound).max() < 20000
    assert not any(room.mixer.pull(480))


def test_a_burst_of_noise_for_packets_does_no_harm():
    room = Room()
    rng = np.random.default_rng(3)
    for _ in range(50):
        room.mixer.push("x", EncodedFrame("opus", int(rng.integers(0, 2**32)), 48000, rng.bytes(40)))
        room.now += 10 * MS
        assert len(room.mixer.pull(480)) == 960
