import pytest

from appliance.media.rtc.frames import InStats, OutStats
from appliance.media.statistics import Gaps, PictureMeter, SentMeter
from appliance.meetings.provider import Slot

SIZE = (640, 360)


def at(*moments):
    gaps = Gaps()
    for moment in moments:
        gaps.frame(moment)
    return gaps


def test_a_gap_people_see_is_a_freeze():
    gaps = at(0.0, 0.03, 0.2, 0.5, 0.53)
    assert (gaps.frames, gaps.freezes) == (5, 1)
    assert gaps.longest_s == pytest.approx(0.3)


def test_a_camera_that_was_off_did_not_freeze():
    assert at(0.0, 0.03, 60.0, 60.03).freezes == 0
    assert at(0.0, 0.03, 60.0, 60.03).longest_s == pytest.approx(0.03)


def test_what_nobody_looked_at_did_not_freeze():
    gaps = at(0.0, 0.03)
    gaps.pause()
    gaps.frame(1.0)
    assert (gaps.freezes, gaps.frames) == (0, 3)


def test_pictures_are_counted_over_the_time_since_the_last_look():
    meter = PictureMeter(100.0)
    for number in range(60):
        meter.shown(100.0 + number / 30, SIZE)
    meter.decoded(60, 0.12)
    meter.dropped(3)
    stats = meter.take("anna", InStats(packets=97, lost=3, bytes=250_000, jitter_s=0.0042), 102.0)
    assert (stats.person, stats.kind, stats.direction) == ("anna", "video", "in")
    assert (stats.fps, stats.width, stats.height, stats.kbps) == (30.0, 640, 360, 1000.0)
    assert (stats.lost, stats.loss, stats.dropped, stats.jitter_ms) == (3, 0.03, 3, 4.2)
    assert (stats.frames, stats.decode_ms, stats.freezes) == (60, 2.0, 0)
    later = meter.take("anna", InStats(packets=97, lost=3, bytes=250_000), 104.0)
    assert (later.frames, later.fps, later.kbps, later.lost, later.dropped, later.decode_ms) == (60, 0, 0, 0, 0, 0)


def test_a_freeze_is_told_until_the_stream_ends():
    meter = PictureMeter(0.0)
    for moment in (0.0, 0.4, 0.43):
        meter.shown(moment, SIZE)
    for now in (2.0, 4.0):
        stats = meter.take("anna", InStats(), now)
        assert (stats.freezes, stats.longest_gap_ms) == (1, 400)


def test_a_shared_screen_may_stand_still():
    meter = PictureMeter(0.0, still=True)
    for moment in (0.0, 1.0, 2.0):
        meter.shown(moment, SIZE)
    stats = meter.take("anna", InStats(), 2.0)
    assert (stats.freezes, stats.longest_gap_ms, stats.frames) == (0, 0, 3)


def test_what_is_sent_is_counted_too():
    meter = SentMeter(Slot.CAMERA, 0.0)
    meter.take(OutStats(frames=10, bytes=1000), 1.0)
    sent = OutStats(frames=70, bytes=251_000, dropped=2, fraction_lost=0.0312, rtt_s=0.0487)
    stats = meter.take(sent, 3.0)
    assert (stats.person, stats.kind, stats.direction) == ("", "video", "out")
    assert (stats.frames, stats.fps, stats.kbps, stats.dropped) == (70, 30.0, 1000.0, 2)
    assert (stats.loss, stats.rtt_ms) == (0.0312, 48.7)
    sound = SentMeter(Slot.MICROPHONE, 0.0).take(OutStats(), 1.0)
    assert (sound.kind, sound.rtt_ms) == ("audio", None)
