import random

import pytest
from vp8_sender import FRAME_S, body, stream

from appliance.media.rtc.assembler import Assembled


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
    wire = random.Random(seed)
    frames = stream(90, first=100)
    sent = {p.sequence: p for packets in frames for p in packets}
    answers: list[tuple[float, int]] = []
    asked_for_key, shown, ticked = False, 0, 0.0
    for index, packets in enumerate(frames):
        receiver.now += FRAME_S
        arriving = [sent[n] for at, n in answers if at <= receiver.now]
        answers = [(at, n) for at, n in answers if at > receiver.now]
        arriving += [p for p in packets if index > 0 and wire.random() > 0.3]
        shown += len(receiver.push(*(arriving if index else packets[2:])))
        if receiver.now - ticked >= tick_s:
            ticked = receiver.now
            shown += len(receiver.assembler.tick(receiver.now))
            asked = receiver.assembler.requests(receiver.now)
            answers += [(receiver.now + 0.1, n) for n in asked if n in sent and wire.random() > 0.3]
            asked_for_key = asked_for_key or receiver.assembler.needs_key
    assert asked_for_key or shown > 45
