"""The jitter buffer, on a clock that the test moves."""

import numpy as np
import pytest

from appliance.media.opus import OpusEncoder
from appliance.media.playout import Playout
from appliance.media.rtc.frames import EncodedFrame

MS = 1_000_000


@pytest.fixture(scope="module")
def packets():
    """One second of a steady tone; timestamps begin just before they wrap."""
    encoder = OpusEncoder()
    t = np.arange(48000) / 48000
    tone = (8000 * np.sin(2 * np.pi * 500 * t)).astype("<i2").tobytes()
    base = 0xFFFFFFFF - 4800
    return [
        EncodedFrame("opus", (base + n * 960) & 0xFFFFFFFF, 48000, encoder.encode(tone[n * 1920 : n * 1920 + 1920]))
        for n in range(50)
    ]


class Listener:
    """Moves time in steps of 10 ms: what arrives in a step is pushed, then a block is pulled."""

    def __init__(self):
        self.playout, self.now, self.blocks = Playout(), 0, []

    def step(self, *arriving):
        for packet in arriving:
            self.playout.push(packet, self.now)
        block = self.playout.pull(480, self.now)
        self.blocks.append(None if block is None else block.copy())
        self.now += 10 * MS

    def steps(self, count):
        for _ in range(count):
            self.step()

    @property
    def heard(self):
        return [block is not None and int(np.abs(block).max()) > 1000 for block in self.blocks]


def test_sound_begins_after_the_target_delay_and_has_no_hole(packets):
    listener = Listener()
    for packet in packets:
        listener.step(packet)
        listener.step()
    assert listener.heard.index(True) == 6
    assert all(listener.heard[7:])
    assert listener.playout.lost == 0


def test_packets_that_overtook_each_other_are_put_in_order(packets):
    shuffled = list(packets[:40])
    for n in range(4, 38, 4):
        shuffled[n], shuffled[n + 1] = shuffled[n + 1], shuffled[n]
    in_order, swapped = Listener(), Listener()
    for first, second in zip(packets[:40], shuffled, strict=True):
        in_order.step(first)
        in_order.step()
        swapped.step(second)
        swapped.step()
    for one, other in zip(in_order.blocks, swapped.blocks, strict=True):
        assert one is other is None or (one == other).all()


def test_a_lost_packet_is_concealed(packets):
    listener = Listener()
    for n, packet in enumerate(packets[:30]):
        listener.step(*([] if n == 10 else [packet]))
        listener.step()
    assert listener.playout.lost == 1
    assert all(listener.heard[8:])


def test_a_late_packet_is_dropped(packets):
    listener = Listener()
    for packet in packets[:4] + packets[5:30]:
        listener.step(packet)
        listener.step()
    listener.step(packets[4])
    assert listener.playout.dropped == 1


def test_a_pause_is_silence_and_then_the_sound_comes_back_with_the_same_delay(packets):
    listener = Listener()
    for packet in packets[:10]:
        listener.step(packet)
        listener.step()
    listener.steps(60)
    assert not any(listener.heard[-40:])
    begun = len(listener.blocks)
    for packet in packets[40:]:
        listener.step(packet)
        listener.step()
    assert listener.heard.index(True, begun) == begun + 6


def test_a_burst_does_not_stay_as_delay(packets):
    listener = Listener()
    listener.step(*packets[:40])
    listener.steps(10)
    assert listener.playout.dropped > 25


def test_a_clock_that_runs_fast_is_followed(packets):
    """Five packets in the time of four, over and over: the buffer must not grow."""
    listener = Listener()
    longer = [EncodedFrame("opus", n * 960, 48000, packets[n % 50].data, received_ns=0) for n in range(600)]
    waiting = iter(longer)
    for _ in range(110):
        listener.step(next(waiting), next(waiting))
        listener.step(next(waiting))
        for _ in range(2):
            listener.step(next(waiting))
            listener.step()
    assert listener.playout._newest - listener.playout._next < 48000 // 2 + 4800
    assert listener.playout.dropped > 50


def test_another_stream_on_the_same_line_begins_afresh(packets):
    listener = Listener()
    for packet in packets[:10]:
        listener.step(packet)
        listener.step()
    begun = len(listener.blocks)
    for n, packet in enumerate(packets[:10]):
        listener.step(EncodedFrame("opus", 1_000_000_000 + n * 960, 48000, packet.data))
        listener.step()
    assert any(listener.heard[begun + 6 :])


def test_broken_packets_are_concealed_and_never_raise(packets):
    listener = Listener()
    for n, packet in enumerate(packets[:20]):
        listener.step(EncodedFrame("opus", packet.timestamp, 48000, b"\xff" if n % 3 == 0 else packet.data))
        listener.step()
    assert any(listener.heard)


def test_a_loudspeaker_that_is_gone_for_long_costs_no_memory_and_finds_the_newest_sound(packets):
    listener = Listener()
    for n in range(10_000):
        listener.playout.push(EncodedFrame("opus", n * 960, 48000, packets[n % 50].data), n * 20 * MS)
    assert len(listener.playout._packets) <= 250
    listener.now = 10_000 * 20 * MS
    listener.steps(20)
    assert any(block is not None and block.any() for block in listener.blocks)
