"""What the benchmarks rest on: the stamp survives the encoder, the network is as bad each time, gaps are found."""

import re
import wave
from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import psutil
import pytest
from av.video.codeccontext import VideoCodecContext

from benchmarks import clip, tone
from benchmarks.__main__ import PAGE, _page, _result, _results
from benchmarks.impair import Network, Way
from benchmarks.latency_rows import latencies_s
from benchmarks.pairs import Steal
from benchmarks.pictures import bars
from benchmarks.relay import Order, Wire
from benchmarks.rows import Row, Run
from benchmarks.seen import Seen, SeenFile, freezes, read_count
from benchmarks.send_rows import Sent
from benchmarks.settings import Stream
from benchmarks.tv import Tv
from display.canvas import Canvas
from hardware.camera import mark
from hardware.planes import plane_of

SDP = (
    "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 99 127.0.0.1 4000 typ host\r\na=sendrecv\r\n"
)


@pytest.mark.parametrize("stream", [Stream(180, 15, 150), Stream(180, 15, 150, "H264")])
def test_every_stamp_survives_a_small_picture_of_few_bits(stream, tmp_path, monkeypatch):
    monkeypatch.setattr(clip, "CACHE", tmp_path)
    monkeypatch.setattr(clip, "LOOP_S", 2)
    decoder = VideoCodecContext.create(stream.codec.lower(), "r")
    pictures = [p for data in clip.bitstream(stream) for p in decoder.decode(av.Packet(data))]
    pictures += decoder.decode(None)
    assert [mark.decode(plane_of(p, 0)).count for p in pictures] == list(range(30))


def test_the_same_seed_loses_the_same_packets():
    def lost(seed):
        way = Way(Network(loss=0.1, delay_s=0.05), seed)
        return [number for number in range(2000) if way.arrival(100, number / 100) is None]

    assert lost("1") == lost("1") != lost("2")
    assert 140 < len(lost("1")) < 260


def test_a_narrow_link_delays_and_then_drops_what_comes_on_top():
    way = Way(Network(delay_s=0.1, kbps=80, queue_s=0.35), "")
    arrivals = [way.arrival(1000, 0.0) for _ in range(6)]
    assert arrivals == pytest.approx([0.2, 0.3, 0.4, 0.5, None, None])
    assert way.arrival(1000, 0.2) == pytest.approx(0.6)


def test_the_network_is_clean_at_first():
    way = Way(Network(loss=1.0, delay_s=0.1, clean_s=4), "")
    assert [way.arrival(1, now) for now in (10.0, 13.9, 14.0)] == [10.1, 14.0, None]


def test_a_link_may_fall_at_a_moment_for_all():
    way = Way(Network(kbps=80, kbps_before=800, clean_until_s=99), "", clean_until=10.0)
    assert [way.arrival(1000, now) for now in (9.0, 10.0)] == pytest.approx([9.01, 10.1])


def test_freezes_are_gaps_over_a_fifth_of_a_second_and_the_longest_is_never_nought():
    moving = freezes([Seen(at / 10, at) for at in range(101, 110)], 10.0, 11.0)
    assert (moving.total_s, moving.longest_s) == (0, pytest.approx(0.1))
    stopped = freezes([Seen(10.1, 1), Seen(10.2, 2)], 10.0, 11.0)
    assert stopped.gaps == (pytest.approx((0.2, 1.0)),)
    assert freezes([], 10.0, 11.0).longest_s == pytest.approx(1.0)


def test_a_stamp_that_comes_round_again_is_the_newest_picture_of_that_stamp():
    captured = [Seen(0.0, 7), Seen(10.0, 7)]
    assert latencies_s(captured, [Seen(0.1, 7), Seen(10.05, 7), Seen(10.2, 8)]) == pytest.approx([0.1, 0.05])


def test_the_longest_silence_of_a_recording_is_found(tmp_path):
    sound = (9000 * np.sin(np.arange(tone.RATE * 4) * 2 * np.pi * 500 / tone.RATE)).astype(np.int16)
    sound[tone.RATE * 2 : int(tone.RATE * 2.15)] = 0
    with wave.open(str(tmp_path / "played.wav"), "wb") as file:
        file.setparams((1, 2, tone.RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    assert tone.longest_gap_s(tmp_path / "played.wav", 44) == pytest.approx(0.15, abs=0.011)
    assert tone.longest_gap_s(tmp_path / "played.wav", 44 + 3 * tone.RATE * 2) == 0


def test_a_loudspeaker_that_stands_still_is_silent_and_one_that_is_looked_at_late_is_not():
    steady = [(at / 50, 44 + at * tone.RATE // 50 * 2) for at in range(100)]
    assert tone.longest_stall_s(steady) == pytest.approx(0, abs=1e-6)
    assert tone.longest_stall_s(steady[:30] + steady[60:]) == pytest.approx(0, abs=1e-6)
    stalled = steady[:50] + [(at + 0.3, octets) for at, octets in steady[50:]]
    assert tone.longest_stall_s(stalled) == pytest.approx(0.3)


async def test_the_relay_puts_its_own_ports_in_place_of_both_sides():
    wire = Wire(Order("ws://hub", Network()), "subscriber")
    try:
        told = [wire.from_hub(SDP), wire.from_client(SDP)]
    finally:
        wire.close()
    assert all(" 4000 " not in sdp and sdp.count("a=candidate:") == 1 for sdp in told)
    assert told[0] != told[1]
    assert all(sdp.startswith("v=0\r\nm=video") and sdp.endswith("a=sendrecv\r\n") for sdp in told)


def test_ratios_are_of_pairs_or_of_medians():
    runs = [Run(1.0, 2.0), Run(2.0, 2.0), Run(9.0, 3.0)]
    assert Row("a", "s", "", "", lambda: runs).compared(runs) == 1.0
    assert Row("a", "s", "", "", lambda: runs, of_medians=True).compared(runs) == 1.0
    assert Row("a", "s", "", "", lambda: runs).compared([Run(1.0)]) is None


def test_nothing_against_nothing_is_a_draw_and_something_against_nothing_is_lost():
    row = Row("a", "s", "", "", list, of_medians=True)
    assert (row.compared([Run(0.0, 0.0)]), row.compared([Run(0.1, 0.0)])) == (1.0, float("inf"))


def test_decibels_are_compared_by_their_difference():
    runs = [Run(40.0, 1.5), Run(42.0, -0.5), Run(50.0, 20.0)]
    row = Row("a", "dB", "", "", lambda: runs)
    assert (row.compared(runs), replace(row, of_medians=True).compared(runs)) == (38.5, 40.5)


def test_the_page_says_what_is_better_and_shows_the_worst_run():
    gain = Row("gain", "dB", "a gain", "at least 3", list, peer="a peer", more=True)
    loss = Row("loss", "s", "a loss", "3", list, peer="a peer")
    runs = [Run(5.0, 4.0), Run(2.0, 4.0), Run(9.0, 4.0)]
    results = [_result(row, runs, 0.0) for row in (gain, loss)]
    first, second = _page(results, (gain, loss)).splitlines()[-2:]
    assert "| `gain`: a gain (more is better) | 5 dB | 4 dB (a peer) | **+1.0 dB** | at least 3 | 3, 2 |" in first
    assert "| `loss`: a loss | 5 s | 4 s (a peer) | **1.25** | 3 | 3, 9 |" in second


def test_the_page_is_what_the_results_file_makes_it():
    assert PAGE.read_text() == _page(_results()), "python -m benchmarks writes it; it is not edited by hand"


def test_a_sender_is_compared_only_with_one_that_sends_the_same():
    ours = Sent(0.5, 30.0, "H264", 2500.0, 40.0, (1280, 720))
    assert ours.whole
    assert not replace(ours, fps=20.0).whole
    assert not replace(ours, size=(640, 360)).whole
    assert ours.is_like(replace(ours, kbps=2450.0, psnr_db=40.4))
    assert not ours.is_like(replace(ours, kbps=2000.0))
    assert not ours.is_like(replace(ours, psnr_db=40.6))


def test_the_tv_counts_each_new_picture_of_each_tile(tmp_path):
    canvas = Canvas(1920, 1080)
    with (tmp_path / "shown").open("wb") as file, (tmp_path / "seen").open("w") as seen:
        tv = Tv(9, file.fileno(), SeenFile(seen))
        tv.open(1920, 1080)
        for number, tile in [(1, 0), (2, 8), (2, 8), (3, 8), (3, 4)]:
            picture = clip.Webcam(640, 360).picture(number)
            x, y = tile % 3 * 640, tile // 3 * 360
            canvas.y[y : y + 360, x : x + 640] = plane_of(picture, 0)
            tv.present(canvas)
    # the first look at an empty canvas counts nine
    assert read_count(tmp_path / "shown") == 9 + 3


@pytest.mark.parametrize(("taken_s", "tolerable"), [(0.3, True), (0.5, False)])
def test_what_is_watched_while_the_machine_is_taken_away_does_not_count(taken_s, tolerable, monkeypatch):
    now, stolen = [100.0, 110.0], [7.0, 7.0 + taken_s]
    monkeypatch.setattr("benchmarks.pairs.time", SimpleNamespace(monotonic=lambda: now.pop(0)))
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(steal=stolen.pop(0)))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    with Steal() as steal:
        pass
    assert steal.tolerable is tolerable
    assert ("not counted" in str(steal)) is not tolerable


def test_bars_of_a_quantity_are_to_one_scale():
    drawn = bars("Growth", {"CPU": {"100 rooms": 0.5, "1,000 rooms": 2.0}, "Memory": {"100 rooms": 130.0}})
    widths = [float(width) for width in re.findall(r'<rect x="190.0"[^>]* width="([\d.]+)"', drawn)]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.5)
    assert widths[2] == widths[1]
