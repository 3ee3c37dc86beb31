import functools

import numpy as np
import pytest

from appliance.media.mixer import MOST_VOICES, Mixer
from appliance.media.opus import OpusEncoder
from appliance.media.rtc.frames import EncodedFrame, InStats

MS = 1_000_000


@functools.cache
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


def leveled(packets, level):
    return [EncodedFrame("opus", p.timestamp, 48000, p.data, level=level) for p in packets]


def test_of_many_the_loudest_are_heard():
    quiet = [leveled(tone(300 + 37 * n, peak=300), 45) for n in range(20)]
    sound = Room().play(leveled(tone(2500), 15), *quiet, leveled(tone(3500), 15))
    assert strength(sound, 2500) > 5000
    assert strength(sound, 3500) > 5000
    assert sum(strength(sound, 300 + 37 * n) > 100 for n in range(20)) == MOST_VOICES - 2


def test_who_begins_to_speak_takes_the_place_of_somebody_quiet():
    room = Room()
    quiet = [leveled(tone(300 + 37 * n, peak=300), 45) for n in range(15)]
    late = tone(2500)
    speaks = [*leveled(late[:25], 80), *leveled(late[25:], 15)]
    sound = room.play(*quiet, speaks)
    assert strength(sound[-4800:], 2500) > 5000


def test_two_who_are_about_as_loud_do_not_take_turns():
    room = Room()
    for n in range(MOST_VOICES + 1):
        for packet in tone(440)[:3]:
            room.mixer.push(n, leveled([packet], 30)[0])
    room.mixer.pull(480)
    first = room.mixer._chosen
    for step in range(100):
        for n in range(MOST_VOICES + 1):
            room.mixer.push(n, EncodedFrame("opus", step * 480, 48000, b"\xff", level=30 + (step + n) % 4))
        room.now += 10 * MS
        room.mixer.pull(480)
    assert set(room.mixer._chosen) == set(first)


def test_the_statistics_of_a_voice_tell_of_the_time_since_the_last_ones():
    room = Room()
    packets = tone(440)
    for n, packet in enumerate(packets):
        if n not in {20, 21, 22}:
            room.mixer.push("a", packet)
        room.mixer.pull(480)
        room.now += 10 * MS
        room.mixer.pull(480)
        room.now += 10 * MS
        if n == 9:
            room.mixer.voice("a").stats("anna", InStats(), room.now)
        if n == 29:
            lossy = room.mixer.voice("a").stats("anna", InStats(), room.now)
    clean = room.mixer.voice("a").stats("anna", InStats(), room.now)
    assert (lossy.person, lossy.kind, lossy.direction, lossy.lost) == ("anna", "audio", "in", 3)
    assert 0.08 < lossy.concealed < 0.2
    assert (clean.lost, clean.concealed) == (0, 0)
    assert 10 < clean.kbps < 60
    assert 10 < clean.delay_ms < 60
