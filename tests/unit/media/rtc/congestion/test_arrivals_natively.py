"""The native engine's feedback is byte for byte that of Python."""

from cores import Arrivals
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.rtc.congestion.arrivals import ArrivalLog
from appliance.media.rtc.transport_wide import TransportFeedback

STEPS = st.one_of(
    st.just(1),
    st.just(1),
    st.integers(-20, 30),
    st.sampled_from((450, 900, 1900, -499, 5000, 30_000, 0)),
)
PAUSES_US = st.one_of(st.integers(0, 3000), st.integers(0, 3000), st.sampled_from((125, 375, 60_000, 9_000_000)))


@given(st.integers(0, 65535), st.lists(st.tuples(STEPS, PAUSES_US), max_size=300), st.integers(1_000_000, 1 << 50))
def test_both_tell_the_same(core, first, packets, now):
    python, native = ArrivalLog(), Arrivals(core)
    number = first
    for step, pause in packets:
        number, now = (number + step) & 0xFFFF, now + pause
        python.add(number, now)
        native.add(number, now)
        assert native.due_at() == python.due_at()
        expected = [bytes(TransportFeedback(7, 8, fci)) for fci in python.take(now)]
        assert native.take(now, ssrc=7, media_ssrc=8) == expected
    end = now + 1_000_000
    assert native.take(end, ssrc=7, media_ssrc=8) == [bytes(TransportFeedback(7, 8, fci)) for fci in python.take(end)]


def test_a_feedback_fits_its_packet_whatever_came(core):
    native = Arrivals(core)
    for i in range(400):
        native.add(i, 1_000_000 + i * 70_000 * (i % 2))
    assert all(len(packet) <= 1024 for packet in native.take(1 << 40))
