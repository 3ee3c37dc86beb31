"""What the benchmarks rest on: the stamp survives the encoder, the network is as bad each time, gaps are found."""

import wave

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from benchmarks import clip, tone
from benchmarks.impair import Network, Way
from benchmarks.latency_rows import latencies_s
from benchmarks.pictures import curves, timeline
from benchmarks.relay import Order, Wire
from benchmarks.rows import Row
from benchmarks.seen import Seen, freezes
from benchmarks.settings import Stream
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
    assert tone.longest_gap_s(tmp_path / "played.wav", 3) == pytest.approx(0.15, abs=0.011)


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
    runs = [(1.0, 2.0), (2.0, 2.0), (9.0, 3.0)]
    assert Row("a", "s", "", "", lambda: runs).ratio(runs) == 1.0
    assert Row("a", "s", "", "", lambda: runs, of_medians=True).ratio(runs) == 1.0
    assert Row("a", "s", "", "", lambda: runs).ratio([(1.0, None)]) is None


def test_pictures_show_each_freeze_and_each_curve():
    drawn = timeline("Freezes", {"ours": [(1.0, 2.0)], "peer": []}, 60.0)
    assert drawn.count("#d64545") == 1
    assert "1.0 s still" in drawn
    assert curves("Rate", {"ours": [(0.0, 1.0), (1.0, 2.0)]}, [(0.0, 1.0), (1.0, 1.0)]).count("<polyline") == 2
