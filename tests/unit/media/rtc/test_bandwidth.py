import pytest
from aiortc.rtp import RtpPacket, unpack_remb_fci

from appliance.media.rtc.bandwidth import Bandwidth


def packet(ssrc: int = 1, send_time_s: float = 0.0) -> RtpPacket:
    made = RtpPacket(ssrc=ssrc, payload=bytes(1200))
    made.extensions.abs_send_time = int(send_time_s * (1 << 18)) & 0xFFFFFF
    return made


def told(bandwidth: Bandwidth, now: float) -> int | None:
    remb = bandwidth.feedback(7, now)
    return None if remb is None else unpack_remb_fci(remb.fci)[0]


@pytest.fixture
def congested() -> Bandwidth:
    """Every packet takes two milliseconds longer than the one before."""
    bandwidth = Bandwidth()
    for i in range(2000):
        bandwidth.add(packet(send_time_s=i * 0.005), int(i * 7))
    return bandwidth


def test_the_first_packet_is_answered_at_once_and_generously():
    bandwidth = Bandwidth()
    assert told(bandwidth, 0.0) is None
    bandwidth.add(packet(), 0)
    assert told(bandwidth, 0.0) == pytest.approx(4_000_000, rel=0.01)
    assert told(bandwidth, 0.5) is None
    assert told(bandwidth, 1.0) is not None


def test_a_new_stream_is_answered_at_once():
    bandwidth = Bandwidth()
    bandwidth.add(packet(), 0)
    told(bandwidth, 0.0)
    bandwidth.add(packet(ssrc=2), 0)
    assert told(bandwidth, 0.1) is not None


def test_delay_alone_lowers_nothing(congested):
    congested.note_loss(0.0)
    assert told(congested, 20.0) == pytest.approx(4_000_000, rel=0.01)


def test_delay_with_loss_lowers_the_rate_which_then_climbs_again(congested):
    congested.note_loss(0.2)
    low = told(congested, 20.0)
    assert low < 2_500_000
    for second in range(8):
        congested.note_loss(0.0)
        assert told(congested, 21.0 + second) > low
    assert told(congested, 30.0) == pytest.approx(4_000_000, rel=0.01)


def test_who_numbers_its_packets_is_told_to_begin_fast_and_nothing_else():
    bandwidth = Bandwidth()
    for i in range(2000):
        numbered = packet(send_time_s=i * 0.005)
        numbered.extensions.transport_sequence_number = i
        bandwidth.add(numbered, int(i * 7))
    bandwidth.note_loss(0.3)
    assert told(bandwidth, 0.0) == pytest.approx(4_000_000, rel=0.01)
