"""Hostile RTCP: a corpus of compounds, and mutations of it, into all that reads them without a connection.

tests/unit/media/rtc/test_hostile_packets.py feeds the same to connections.
"""

import pytest
from aiortc.rtp import RtcpPacket
from hypothesis import given, settings
from hypothesis import strategies as st
from seeds_rtcp import CORPUS, VIDEO, seeds

from appliance.media.rtc.bandwidth import told_bitrate
from appliance.media.rtc.congestion import wire
from appliance.media.rtc.congestion.controller import LEAST, MOST, Controller
from appliance.media.rtc.private.connection import _STUMBLES
from appliance.media.rtc.transport_wide import split_feedback

COMPOUNDS = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
SECOND = 1_000_000


@st.composite
def spoiled(draw, texts=COMPOUNDS):
    """Bytes of the corpus cut out, put together, turned over."""
    data = bytearray(draw(st.sampled_from(texts)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                del data[at : at + draw(st.integers(1, 8))]
            case 1:
                data[at:at] = draw(st.sampled_from(COMPOUNDS))
            case 2:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case _:
                data[at : at + 4] = draw(st.sampled_from([bytes(4), b"\xff" * 4, b"\x00\x01", VIDEO]))
    return bytes(data)


def read(compound: bytes) -> None:
    """What a connection does with a compound, but for what stands in a router."""
    rest, feedback = split_feedback(compound)
    assert len(rest) + sum(12 + len(fci) for fci in feedback) == len(compound)
    for fci in feedback:
        Controller().feedback(fci, SECOND)
    try:
        packets = RtcpPacket.parse(rest)
    except _STUMBLES:
        return
    for packet in packets:
        bitrate = told_bitrate(packet, int.from_bytes(VIDEO, "big"))
        assert bitrate is None or bitrate >= 0


def test_the_corpus_holds_what_its_script_writes():
    assert {path.name: path.read_bytes() for path in CORPUS.iterdir()} == seeds()


@pytest.mark.parametrize("name", seeds())
def test_every_compound_is_read_or_refused(name):
    read(seeds()[name])


@settings(max_examples=500, deadline=None)
@given(compound=spoiled() | st.binary(max_size=100))
def test_spoiled_compounds_are_read_or_refused(compound):
    read(compound)


times = st.sampled_from([0, 250, 5_000, 20_000, 70_000, 500_000, 8_000_000])
steps = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 60), times),
    st.tuples(st.just("hear"), st.lists(st.none() | st.integers(-40_000, 8_000_000), max_size=60), st.integers(0, 80)),
    st.tuples(st.just("report"), st.floats(0, 1), st.none() | st.integers(-(1 << 50), 1 << 50)),
    st.tuples(st.just("remb"), st.integers(0, 1 << 81), times),
    st.tuples(st.just("spoil"), st.binary(max_size=60), times),
)


@settings(max_examples=150, deadline=None)
@given(story=st.lists(steps, max_size=40))
def test_no_feedback_leads_the_estimate_astray(story):
    """Whatever a receiver says came when, what may be sent stays between the bounds, and so does the round trip."""
    controller, now, number = Controller(), SECOND, 0
    for what, told, more in story:
        match what:
            case "send":
                controller.sent([(number + n & 0xFFFF, now + n * 1000, 1200) for n in range(told)])
                number, now = number + told, now + told * 1000 + more
            case "hear" if any(at is not None for at in told):
                times_told = [None if at is None else max(at, 0) for at in told]
                fci, _ = wire.build(number - more, times_told)
                assert controller.feedback(fci, now)
            case "report":
                controller.report(told, rtt_us=more, now=now)
            case "remb":
                controller.remb(told)
            case "spoil":
                controller.feedback(told, now)
        now += 10_000
        controller.tick(now)
        controller.probe(now)
        assert LEAST <= controller.target <= MOST
        assert 0 <= controller.rtt_us <= 2 * SECOND
        assert 0 <= controller.loss <= 1
