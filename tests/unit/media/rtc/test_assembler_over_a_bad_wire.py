import random
from itertools import pairwise

import pytest
from cores import Wire
from vp8_sender import FRAME_S, body, frame, stream

from appliance.media.rtc.assembler import Assembled
from appliance.media.rtc.keyframes import KeyframeRequests


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_arrives_over_a_wire_that_loses_reorders_and_duplicates(receiver, seed):
    """Five percent lost (retransmissions too), some late, some twice: with answered requests nothing is missing."""
    wire = random.Random(seed)
    frames = stream(300, first=65000)
    sent = {p.sequence: p for packets in frames for p in packets}
    due: list[tuple[float, int]] = []
    got: list[Assembled] = []

    def transmit(sequence: int, delay: float) -> None:
        if wire.random() >= 0.05:
            late = wire.random() * 0.03 if wire.random() < 0.1 else 0.0
            due.append((receiver.now + delay + late, sequence))
        if wire.random() < 0.02:
            due.append((receiver.now + delay + wire.random(), sequence))

    for packets in frames:
        for packet in packets:
            transmit(packet.sequence, 0.01)
        for _ in range(4):
            receiver.now += FRAME_S / 4
            ready = sorted(item for item in due if item[0] <= receiver.now)
            due = [item for item in due if item[0] > receiver.now]
            for _, sequence in ready:
                got += receiver.push(sent[sequence])
            got += receiver.wait(0)
            for sequence in receiver.assembler.requests(receiver.now):
                if sequence in sent:
                    transmit(sequence, 0.05)
    stamps = [f.timestamp for f in got]
    assert stamps == sorted(set(stamps))
    assert all(f.data == body(f.timestamp // 3000, key=f.key) for f in got)
    # the beginning is asked for as well; the very end is still on its way
    assert len(got) >= 290


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tick_s", [0.02, 0.12])
def test_a_start_among_many_lost_packets_never_stands_still(receiver, seed, tick_s):
    """The collapse at the start: the first packets missing, a third of the rest lost, and a machine that lags."""
    wire, key = random.Random(seed), KeyframeRequests()
    sent: dict[int, Wire] = {}
    answers: list[tuple[float, int]] = []
    key_at: float | None = None
    shown: list[float] = []
    ticked = began = receiver.now
    for index in range(150):
        receiver.now += FRAME_S
        answered = key_at is not None and receiver.now >= key_at
        key_at = None if answered else key_at
        packets = frame(index, 100 + 4 * index, key=index == 0 or answered)
        sent.update((packet.sequence, packet) for packet in packets)
        arriving = [sent[n] for at, n in answers if at <= receiver.now]
        answers = [(at, n) for at, n in answers if at > receiver.now]
        arriving += [p for p in packets if index > 0 and wire.random() > 0.3]
        got = receiver.push(*(arriving if index else packets[2:]))
        if receiver.now - ticked >= tick_s:
            ticked = receiver.now
            got += receiver.assembler.tick(receiver.now)
            asked = receiver.assembler.requests(receiver.now)
            answers += [(receiver.now + 0.1, n) for n in asked if n in sent and wire.random() > 0.3]
            key.wanted = receiver.assembler.needs_key
            if key.take(receiver.now, len(sent)):
                key_at = receiver.now + 0.1
        shown += [receiver.now] * len(got)
    gaps = [b - a for a, b in pairwise([began, *shown, receiver.now])]
    assert len(shown) > 100
    assert max(gaps) < 1
