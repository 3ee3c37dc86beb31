"""The parts of the row from the mouth to the network, on packets and sounds that are known."""

import numpy as np
import pytest

from appliance.media.opus import OpusEncoder
from appliance.media.rtc.frames import EncodedFrame
from benchmarks.__main__ import _parts
from benchmarks.mouth import Diary, write_frames
from benchmarks.mouth_rows import (
    Blocks,
    Packet,
    as_fed,
    decoded,
    delay_ms,
    read_blocks,
    read_packets,
    run_of,
    since_ms,
)
from benchmarks.pairs import TooBusy
from hardware.ports import BLOCK, SAMPLE_RATE, AudioBlock

OPUS_LOOKAHEAD_MS = 6.5
"""RFC 6716, 2.1.4: what libopus looks ahead at 48 kHz in its speech mode."""


def talk(seconds):
    """Noise that comes and goes as syllables do."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(1).normal(size=len(t))
    spoken = np.convolve(noise, np.hanning(48), "same") * (np.sin(2 * np.pi * 3 * t) > -0.5)
    return (spoken / np.abs(spoken).max() * 12000).astype(np.int16)


def sent_late(sound, samples):
    """What a room would send whose filters take so long."""
    late, encoder = np.concatenate([np.zeros(samples, np.int16), sound])[: len(sound)], OpusEncoder()
    packets = []
    for end in range(2 * BLOCK, len(sound) + 1, 2 * BLOCK):
        data = encoder.encode(late[end - 2 * BLOCK : end].tobytes())
        packets += [Packet(end, end * 1_000_000_000 // SAMPLE_RATE, data)] if data else []
    return packets


def test_the_newest_block_of_a_packet_is_what_its_way_is_counted_from():
    packets = [Packet(2 * BLOCK, 25_000_000, b""), Packet(4 * BLOCK, 47_000_000, b"")]
    assert since_ms(packets, [10_000_000, 20_000_000, 30_000_000, 40_000_000]) == [5.0, 7.0]


def test_a_block_that_nobody_saw_and_one_that_is_not_known_are_left_out():
    packets = [Packet(BLOCK, 5_000_000, b""), Packet(2 * BLOCK, 25_000_000, b""), Packet(9 * BLOCK, 1, b"")]
    assert since_ms(packets, [0, 20_000_000]) == [5.0]


def test_the_delay_is_that_of_the_chain_and_of_opus():
    sound = talk(13)
    assert delay_ms(sound, decoded(sent_late(sound, 720), len(sound))) == pytest.approx(15 + OPUS_LOOKAHEAD_MS, abs=0.1)


def test_where_nobody_talks_no_delay_is_made_up():
    silence = np.zeros(13 * SAMPLE_RATE, np.int16)
    with pytest.raises(TooBusy):
        delay_ms(silence, silence)


def test_packets_that_are_missing_move_no_others():
    sound = talk(13)
    packets = sent_late(sound, 0)
    whole, holed = decoded(packets, len(sound)), decoded([*packets[:100], *packets[110:]], len(sound))
    assert np.corrcoef(whole[250 * 960 :], holed[250 * 960 :])[0, 1] > 0.99


def test_the_wires_random_beginning_is_taken_off():
    sent = [Packet(960, 1, b"a"), Packet(1920, 2, b"b"), Packet(2880, 3, b"c")]
    heard = [Packet((stamp + 0xFFFFFF00) & 0xFFFFFFFF, 9, data) for stamp, _, data in map(vars_of, sent[1:])]
    assert [packet.timestamp for packet in as_fed(sent, heard)] == [1920, 2880]


def vars_of(packet):
    return packet.timestamp, packet.at_ns, packet.data


def test_a_run_is_the_transit_and_the_delay_and_has_both():
    sound = talk(13)
    handed = [number * 10_000_000 + 1 for number in range(1, len(sound) // BLOCK + 1)]
    captured = [at - 3_000_000 for at in handed]
    packets = [
        Packet(packet.timestamp, handed[packet.newest] + 2_000_000, packet.data) for packet in sent_late(sound, 480)
    ]
    run = run_of(Blocks(handed, captured, sound), packets)
    assert run.parts["transit_p50_ms"] == run.parts["transit_p95_ms"] == 2.0
    assert run.ours == pytest.approx(2.0 + 10 + OPUS_LOOKAHEAD_MS, abs=0.1)
    assert run.parts["age_p50_ms"] == pytest.approx(run.ours + 3.0, abs=0.01)


def test_what_the_two_programs_write_is_read_again(tmp_path):
    frames = [EncodedFrame("opus", 960, SAMPLE_RATE, b"\x00\xff", received_ns=7)]
    write_frames(tmp_path / "heard", frames)
    assert read_packets(tmp_path / "heard") == [Packet(960, 7, b"\x00\xff")]
    taken = [AudioBlock(np.full(BLOCK, level, "<i2").tobytes(), at) for level, at in ((1, 10), (2, 20))]
    Diary(handed_ns={20: 25}, taken=taken).write(tmp_path / "mouth.npz")
    blocks = read_blocks(tmp_path / "mouth.npz")
    assert (blocks.handed_ns, blocks.captured_ns) == ([0, 25], [10, 20])
    assert blocks.samples.tolist() == [1] * BLOCK + [2] * BLOCK


def test_what_a_figure_is_made_of_stands_beside_it_on_the_page():
    result = {"parts": [{"transit_p50_ms": 2.0, "delay_ms": 21.0}, {"transit_p50_ms": 3.0, "delay_ms": 21.4}]}
    assert _parts(result) == " (transit_p50_ms 2.5, delay_ms 21.2)"
    assert _parts({}) == ""
