"""Lips and voice, on clocks that the test moves."""

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import MS, RATE, Exact

from appliance.media.held import HeldPictures
from appliance.media.lipsync import SCREEN_MS, SPEAKER_MS, LipSync
from appliance.media.playout import Playout
from appliance.media.rtc.frames import EncodedFrame, InStats, SenderClock

SENDER_S = 4_000_000_000.0
"""The sender's clock has nothing to do with ours."""


def play(lips, seconds, *, sound_ms, picture_ms, jitter_ms=0.0, seed=3):
    """Let both streams come over a network; return when each 0.1 s of both came out: (our time, skew)."""
    chance, playout = random.Random(seed), Playout(Exact(440))
    skews, shown = [], None
    arrivals = sorted(
        [(n * 20 + sound_ms + chance.uniform(0, jitter_ms), "sound", n) for n in range(int(seconds * 50))]
        + [(n * 1000 / 30 + picture_ms + chance.uniform(0, jitter_ms), "picture", n) for n in range(int(seconds * 30))]
    )
    for step in range(int(seconds * 100)):
        now = step * 10.0
        while arrivals and arrivals[0][0] <= now:
            at, kind, n = arrivals.pop(0)
            if kind == "sound":
                playout.push(EncodedFrame("opus", n * 960, RATE, n.to_bytes(4, "big")), int(at * MS))
            else:
                hold_s = lips.picture_came(SENDER_S + n / 30, at / 1000)
                shown = at + hold_s * 1000 + SCREEN_MS - n * 1000 / 30
        playout.pull(480, int(now * MS))
        if step % 10 == 0 and playout.heard is not None:
            timestamp, left_ms = playout.heard
            sent_s = SENDER_S + timestamp / RATE
            playout.target.least_ms = lips.sound_left(sent_s, playout.delay_ms, left_ms / 1000)
            if shown is not None:
                skews.append((now / 1000, shown - (left_ms + SPEAKER_MS - timestamp / 48)))
    return skews


@pytest.mark.parametrize(("sound_ms", "picture_ms"), [(50, 50), (50, 200), (50, 300), (200, 50), (120, 160)])
@pytest.mark.parametrize("jitter_ms", [0, 15])
def test_lips_and_voice_agree_whichever_is_quicker(sound_ms, picture_ms, jitter_ms):
    skews = play(LipSync(), 20, sound_ms=sound_ms, picture_ms=picture_ms, jitter_ms=jitter_ms)
    settled = [skew for at, skew in skews if at > 8]
    assert max(map(abs, settled)) <= 40 + jitter_ms
    assert abs(sum(settled) / len(settled)) <= 40


def test_streams_that_agree_anyway_are_left_alone():
    lips = LipSync()
    for n in range(100):
        assert lips.picture_came(SENDER_S + n / 30, n / 30 + 0.05) == 0
        assert lips.sound_left(SENDER_S + n / 30, 20, n / 30 + 0.06) == 0
    assert abs(lips.skew_ms(100 / 30)) < 20


def test_the_hold_glides():
    lips = LipSync()
    lips.sound_left(SENDER_S, 20, 0.3)
    holds = [lips.picture_came(SENDER_S + n / 30, n / 30 + 0.05) for n in range(10, 60)]
    steps = [abs(b - a) for a, b in itertools.pairwise(holds)]
    assert max(holds) > 0.15
    assert max(steps) < 0.005


def test_without_sound_no_picture_is_held():
    lips = LipSync()
    assert lips.picture_came(SENDER_S, 1.0) == 0
    lips.sound_left(SENDER_S, 20, 1.5)
    assert lips.picture_came(SENDER_S + 60, 61.0) == 0
    assert lips.skew_ms(61.0) is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(-1e12, 1e12), st.floats(0, 500), st.floats(0, 10)), min_size=1, max_size=50
    )
)
def test_whatever_the_reports_say_the_delays_stay_bounded(events):
    lips, now = LipSync(), 0.0
    for is_picture, sent_s, delay_ms, wait in events:
        now += wait
        if is_picture:
            assert 0 <= lips.picture_came(sent_s, now) <= 0.25
        else:
            assert 0 <= lips.sound_left(sent_s, delay_ms, now) <= 300


class Pictures:
    """A stream from the network."""

    def __init__(self):
        self.on_frame = None
        self.clock = SenderClock(1000, 90_000, SENDER_S)

    def request_keyframe(self):
        """Nobody sends any."""

    def stats(self):
        return InStats()


class FixedHold:
    def __init__(self, hold_s):
        self.hold_s = hold_s
        self.sent_s = []

    def picture_came(self, sent_s, _now):
        self.sent_s.append(sent_s)
        return self.hold_s


async def test_held_frames_come_later_and_in_order():
    loop, pictures, lips = asyncio.get_running_loop(), Pictures(), FixedHold(0.06)
    held, shown, done = HeldPictures(pictures, lips, loop=loop), [], asyncio.Event()

    def show(frame):
        shown.append((loop.time(), frame.timestamp))
        if len(shown) == 3:
            done.set()

    held.on_frame = show
    begun = loop.time()
    for n in range(3):
        pictures.on_frame(EncodedFrame("VP8", 1000 + n * 3000, 90_000, b"x", received_ns=1))
        lips.hold_s = 0.0
    assert shown == []
    async with asyncio.timeout(5):
        await done.wait()
    assert shown[0][0] - begun >= 0.05
    assert [timestamp for _, timestamp in shown] == [1000, 4000, 7000]
    assert lips.sent_s[1] - lips.sent_s[0] == pytest.approx(1 / 30, abs=1e-5)


async def test_frames_that_need_no_hold_go_straight_through_and_a_released_stream_is_silent():
    pictures, shown = Pictures(), []
    held = HeldPictures(pictures, FixedHold(0.0), loop=asyncio.get_running_loop())
    held.on_frame = shown.append
    pictures.on_frame(EncodedFrame("VP8", 0, 90_000, b"x"))
    assert len(shown) == 1
    held.release()
    assert pictures.on_frame is None


async def test_a_hold_never_keeps_more_than_a_second_of_frames():
    pictures, shown = Pictures(), []
    held = HeldPictures(pictures, FixedHold(60.0), loop=asyncio.get_running_loop())
    held.on_frame = shown.append
    for n in range(100):
        pictures.on_frame(EncodedFrame("VP8", n, 90_000, b"x"))
    assert [frame.timestamp for frame in shown] == list(range(70))
    held.release()


def test_a_timestamp_is_placed_on_the_senders_clock_across_the_wrap():
    clock = SenderClock(0xFFFFFFF0, 48_000, SENDER_S)
    assert clock.at(0x00000010) == pytest.approx(SENDER_S + 32 / 48_000, abs=1e-6)
    assert clock.at(0xFFFFFFF0 - 48_000) == pytest.approx(SENDER_S - 1, abs=1e-6)
