"""What is bound to the studio: sounds to the mixer, pictures to the wall, and each person's lips to the voice."""

import asyncio
import gc
import time

import pytest
from sound import packets, voice

from appliance.media.gate import MuteGate
from appliance.media.options import News
from appliance.media.rtc.frames import EncodedFrame, InStats, SenderClock
from appliance.media.studio import Studio
from appliance.meetings.provider import Bound, Slot, Unbound
from appliance.state.layout import PersonId

ANNA = PersonId("anna")


class Stream:
    """One received stream; its sender's clock began at 1000 s, at timestamp 0."""

    def __init__(self, rate):
        self.on_frame = None
        self.clock = SenderClock(0, rate, 1000.0)
        self.arrived = InStats()

    def request_keyframe(self):
        """Nobody sends any."""

    def stats(self):
        return self.arrived


@pytest.fixture
async def studio(tmp_path):
    gate = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    studio = Studio(gate=gate, frames=tmp_path / "frames", group=None, news=News())
    yield studio
    await asyncio.to_thread(studio.close)


@pytest.fixture
def now(studio):
    """The mixer's time, for the test to move: milliseconds in a list of one."""
    now = [time.monotonic() * 1000]
    studio.mixer._clock_ns = lambda: int(now[0] * 1e6)
    return now


def say(studio, media, now, stream):
    for packet in stream:
        media.on_frame(packet)
        for _ in range(2):
            studio.mixer.pull(480)
            now[0] += 10
        studio.keep_in_step()


async def test_a_voice_waits_for_a_picture_that_is_slow(studio, now):
    sound, picture = Stream(48_000), Stream(90_000)
    studio.bind(Bound(ANNA, Slot.MICROPHONE, sound))
    studio.bind(Bound(ANNA, Slot.CAMERA, picture))
    stream = packets(voice(3))
    say(studio, sound, now, stream[:50])
    alone = studio.mixer.voice(sound).delay_ms
    # this frame was taken when the sound that is heard now was, and 200 ms before that
    timestamp, left_ms = studio.mixer.voice(sound).heard
    late = (timestamp / 48_000 + (time.monotonic() * 1000 - left_ms) / 1000 - 0.2) * 90_000
    picture.on_frame(EncodedFrame("VP8", int(late) & 0xFFFFFFFF, 90_000, b"x"))
    say(studio, sound, now, stream[50:])
    assert alone < 50
    assert studio.mixer.voice(sound).delay_ms > alone + 80


async def test_each_voice_is_in_the_statistics_until_it_is_gone(studio, now):
    sound = Stream(48_000)
    studio.bind(Bound(ANNA, Slot.MICROPHONE, sound))
    assert studio.stats() == ()
    say(studio, sound, now, packets(voice(0.5)))
    (stats,) = studio.stats()
    assert (stats.person, stats.kind, stats.lost) == (ANNA, "audio", 0)
    sound.arrived = InStats(packets=98, lost=2, jitter_s=0.0042)
    (stats,) = studio.stats()
    assert (stats.loss, stats.jitter_ms) == (0.02, 4.2)
    sound.arrived = InStats(packets=198, lost=2)
    assert studio.stats()[0].loss == 0
    studio.unbind(Unbound(ANNA, Slot.MICROPHONE, sound))
    assert studio.stats() == ()
    assert studio.mixer.voice(sound) is None


async def test_a_picture_that_is_unbound_reaches_nobody(studio):
    picture = Stream(90_000)
    studio.bind(Bound(ANNA, Slot.CAMERA, picture))
    assert picture.on_frame is not None
    assert [stats.kind for stats in studio.stats()] == ["video"]
    studio.unbind(Unbound(ANNA, Slot.CAMERA, picture))
    assert picture.on_frame is None
    assert studio.stats() == ()


async def test_who_came_and_went_leaves_nothing_behind(studio):
    for number in range(20):
        person, sound, picture = PersonId(f"p{number}"), Stream(48_000), Stream(90_000)
        streams = ((Slot.MICROPHONE, sound), (Slot.CAMERA, picture))
        for slot, stream in streams:
            studio.bind(Bound(person, slot, stream))
        for slot, stream in streams:
            studio.unbind(Unbound(person, slot, stream))
    gc.collect()
    assert not studio._lips


async def test_lips_are_known_while_one_of_the_two_streams_is_there(studio):
    sound, picture = Stream(48_000), Stream(90_000)
    studio.bind(Bound(ANNA, Slot.MICROPHONE, sound))
    studio.bind(Bound(ANNA, Slot.CAMERA, picture))
    (lips,) = studio._lips.values()
    studio.unbind(Unbound(ANNA, Slot.CAMERA, picture))
    studio.bind(Bound(ANNA, Slot.CAMERA, picture))
    assert list(studio._lips.values()) == [lips]
