import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.rtc.congestion import wire
from appliance.media.rtc.congestion.arrivals import ArrivalLog
from appliance.media.rtc.congestion.sendlog import SendLog

MS = 1000
gaps = st.lists(st.one_of(st.none(), st.integers(-20, 300), st.integers(0, 9_000)), min_size=1, max_size=300)


def arrivals_of(steps):
    now, arrivals = 5_000_000, []
    for step in steps:
        now += (step or 0) * MS
        arrivals.append(None if step is None else max(now, 0))
    return arrivals


@given(steps=gaps, first=st.integers(0, 0xFFFF))
def test_what_is_built_is_read_again(steps, first):
    arrivals = arrivals_of([*steps, 1])
    fci, packets = wire.build(first, arrivals, count=7)
    feedback = wire.parse(fci)
    assert (feedback.first, feedback.count, len(feedback.arrivals)) == (first, 7, packets)
    for told, true in zip(feedback.arrivals, arrivals, strict=False):
        assert (told is None) == (true is None)
        assert told is None or abs(told - true % wire.CLOCK_US) <= 250
    assert len(fci) % 4 == 0


def test_a_packet_of_another_program_is_read():
    """By libwebrtc's rules: a vector of two-bit symbols, a run, a vector of one-bit symbols."""
    fci = bytes.fromhex("fffd 0018 000010 05".replace(" ", ""))
    fci += (0b11_01_00_10_01_01_00_00).to_bytes(2, "big")  # small, lost, large, small, small, lost, lost
    fci += (0b001_0000000000011).to_bytes(2, "big")  # three small ones
    fci += (0b10_10000000000001).to_bytes(2, "big")  # the first and the last of fourteen
    fci += bytes([4]) + (-8).to_bytes(2, "big", signed=True) + bytes([0, 40, 1, 1, 1, 2, 255])
    feedback = wire.parse(fci + bytes(-len(fci) % 4))
    base = 16 * 64 * MS
    assert feedback.first == 0xFFFD
    assert feedback.count == 5
    at = [base + 250 * n for n in (4, -4, -4, 36, 37, 38, 39, 41, 296)]
    lost = [None]
    assert list(feedback.arrivals) == [
        at[0], *lost, at[1], at[2], at[3], *lost * 2, *at[4:7], at[7], *lost * 12, at[8],
    ]  # fmt: skip


@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_or_read(data):
    try:
        feedback = wire.parse(data)
    except wire.BadFeedback:
        return
    assert 0 < len(feedback.arrivals) <= wire.MOST


@pytest.mark.parametrize(
    "fci",
    [
        b"",
        bytes(7),
        bytes(8),  # speaks of no packets
        bytes.fromhex("0000ffff00000000") + bytes.fromhex("1fff") * 9,  # of more than is sensible
        bytes.fromhex("0000000100000000") + bytes.fromhex("6001"),  # a status that does not exist
        bytes.fromhex("0000000300000000") + bytes.fromhex("2003") + b"\x01",  # deltas are missing
        bytes.fromhex("0000000300000000"),  # statuses are missing
        bytes.fromhex("0000000300000000") + bytes(12)[:-11],
        bytes.fromhex("0000000300000000") + bytes.fromhex("0000") * 1,
    ],
)
def test_wrong_counts_are_refused(fci):
    with pytest.raises(wire.BadFeedback):
        wire.parse(fci)


def test_feedback_comes_soon_on_a_busy_stream_and_seldom_on_a_quiet_one():
    log = ArrivalLog()
    assert log.due_at() is None
    log.add(1, 0)
    assert log.due_at() == 200 * MS
    for number in range(2, 12):
        log.add(number, number * MS)
    assert log.due_at() == 50 * MS
    assert log.take(49 * MS) == []
    assert len(log.take(50 * MS)) == 1
    assert log.due_at() is None


def test_holes_late_packets_and_duplicates_are_told_once_each():
    log = ArrivalLog()
    for number, now in ((65_534, 1), (65_535, 2), (1, 3), (1, 4)):
        log.add(number, now * MS)
    [first] = [wire.parse(fci) for fci in log.take(500 * MS)]
    assert first.first == 65_534
    assert [at is not None for at in first.arrivals] == [True, True, False, True]
    log.add(0, 510 * MS)
    log.add(2, 511 * MS)
    [second] = [wire.parse(fci) for fci in log.take(800 * MS)]
    assert second.first == 0
    assert second.count == 1
    assert second.arrivals[0] is not None


def test_a_long_silence_makes_two_feedback_packets_not_a_wrong_one():
    log = ArrivalLog()
    log.add(1, 0)
    log.add(2, 20_000 * MS)
    told = [wire.parse(fci) for fci in log.take(20_001 * MS)]
    assert [feedback.first for feedback in told] == [1, 2]
    assert told[1].arrivals == (20_000 * MS,)


def test_a_sender_that_begins_anew_is_followed():
    log = ArrivalLog()
    log.add(1, 0)
    for number in range(30_000, 30_010):
        log.add(number, 10 * MS)
    assert wire.parse(log.take(110 * MS)[-1]).first == 30_002, "a jump is believed at its third packet"


def feedback(first, *arrivals, base=0):
    return wire.Feedback(first, tuple(None if at is None else base + at for at in arrivals))


def test_each_packet_is_settled_once_and_a_late_one_is_counted_back():
    log = SendLog()
    log.add((n & 0xFFFF, n * 10, 100) for n in range(65_533, 65_540))
    outcome = log.settle(feedback(65_533, 5, None, None, 9))
    assert ([p.sent_us for p in outcome.delivered], outcome.lost) == ([655_330, 655_360], 2)
    again = log.settle(feedback(65_533, 5, None, 30, 9))
    assert ([p.sent_us for p in again.delivered], again.lost) == ([655_350], -1)


def test_feedback_of_what_was_never_sent_means_nothing():
    log = SendLog()
    assert log.settle(feedback(3, 1, 2)).delivered == ()
    log.add([(10, 0, 100)])
    assert log.settle(feedback(11, 1, None, 2)) == log.settle(feedback(500, 1, 2))


def test_the_receivers_clock_goes_on_when_it_wraps():
    log = SendLog()
    log.add((n, n * MS, 100) for n in range(4))
    [early] = log.settle(feedback(0, wire.CLOCK_US - 2 * MS)).delivered
    [late] = log.settle(feedback(1, 3 * MS)).delivered
    assert late.arrived_us - early.arrived_us == 5 * MS


@given(data=st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, wire.CLOCK_US), st.booleans())))
def test_no_feedback_makes_more_of_what_was_sent(data):
    log, sent = SendLog(), 500
    log.add((n & 0xFFFF, n * MS, 100) for n in range(65_000, 65_000 + sent))
    outcomes = [log.settle(wire.Feedback(first, (at, None if lost else at) * 20)) for first, at, lost in data]
    delivered = sum(len(outcome.delivered) for outcome in outcomes)
    assert delivered <= sent
    assert 0 <= sum(outcome.lost for outcome in outcomes) <= sent - delivered
