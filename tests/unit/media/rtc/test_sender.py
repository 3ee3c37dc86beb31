from unittest.mock import AsyncMock

import pytest

from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.outgoing import OutgoingStream, OutTrack
from appliance.media.rtc.sender import FrameQueue, OutgoingClock
from appliance.media.rtc.sending import Sending


def video(timestamp: int, *, key: bool = False, codec: str = "VP8") -> EncodedFrame:
    return EncodedFrame(codec, timestamp, 90_000, b"x", key)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def queue(asked: list[str]) -> FrameQueue:
    return FrameQueue("video", "VP8", on_starved=lambda: asked.append("key"))


async def test_frames_before_the_connection_are_dropped_and_a_key_frame_is_asked_for(queue, asked):
    queue.put(video(0, key=True))
    queue.go_live()
    assert asked == ["key"]
    queue.put(video(1))
    queue.put(video(2, key=True))
    queue.put(video(3))
    assert [(await queue.get()).timestamp for _ in range(2)] == [2, 3]
    assert queue.dropped == 2


async def test_a_key_frame_does_not_wait_for_what_it_replaces(queue):
    queue.go_live()
    for i in range(8):
        queue.put(video(i, key=i in (0, 6)))
    assert (queue.waiting, queue.dropped) == (2, 6)
    assert [(await queue.get()).timestamp for _ in range(2)] == [6, 7]


async def test_a_queue_that_nobody_empties_holds_nobody_up(queue, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("appliance.media.rtc.sender.time.monotonic", lambda: now[0])
    queue.go_live()
    for i in range(3):
        queue.put(video(i, key=i == 0))
    assert queue.waiting == 3
    now[0] += 0.9
    await queue.get()
    now[0] += 0.9
    assert queue.waiting == 2
    now[0] += 0.2
    assert queue.waiting == 0


async def test_a_full_queue_without_another_key_frame_asks_for_one(queue, asked):
    queue.go_live()
    asked.clear()
    for i in range(12):
        queue.put(video(i, key=i == 0))
    assert asked == ["key"]
    queue.put(video(20, key=True))
    assert (await queue.get()).timestamp == 20
    assert queue.dropped == 12


async def test_sound_drops_the_oldest_only():
    queue = FrameQueue("audio", "opus", on_starved=lambda: pytest.fail("sound has no key frames"))
    queue.go_live()
    for i in range(12):
        queue.put(EncodedFrame("opus", i, 48_000, b"x"))
    assert (await queue.get()).timestamp == 2


async def test_another_codec_than_negotiated_is_dropped(queue):
    queue.go_live()
    queue.put(video(0, key=True, codec="H264"))
    assert queue.dropped == 1


def test_timestamps_of_one_source_keep_their_distances():
    clock = OutgoingClock()
    assert [clock.map(1000 + 3000 * i, 90_000, i / 30) for i in range(4)] == [1000, 4000, 7000, 10_000]


def test_timestamps_go_on_when_the_source_changes():
    clock = OutgoingClock()
    clock.map(1000, 90_000, 0.0)
    out = clock.map(4_000_000_000, 90_000, 0.5)
    assert out == 1000 + 45_000
    assert clock.map(4_000_003_000, 90_000, 0.533) == out + 3000


def test_timestamps_go_on_after_an_announced_change_however_small_the_jump():
    clock = OutgoingClock()
    clock.map(90_000, 90_000, 0.0)
    clock.restart()
    assert clock.map(60_000, 90_000, 0.1) == 99_000


def test_timestamps_wrap_as_rtp_does():
    clock = OutgoingClock()
    assert clock.map((1 << 32) - 1000, 90_000, 0.0) == (1 << 32) - 1000
    assert clock.map(2000, 90_000, 1 / 30) == 2000


def test_what_several_people_ask_for_at_once_is_sent_again_once(queue, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("appliance.media.rtc.outgoing.time.monotonic", lambda: now[0])
    stream = OutgoingStream(OutTrack("video", queue), Sending(AsyncMock()))
    assert [stream.is_new_request(7) for _ in range(3)] == [True, False, False]
    assert stream.is_new_request(8)
    now[0] += 0.02
    assert [stream.is_new_request(7) for _ in range(2)] == [True, False]
