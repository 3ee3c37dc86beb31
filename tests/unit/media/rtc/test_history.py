import pytest
from cores import History


@pytest.fixture
def history(core) -> History:
    return History(core)


def test_what_was_sent_can_be_sent_again(history):
    history.put(65535, b"one", 1.0)
    history.put(0, b"two", 1.0)
    assert (history.get(65535, 1.1), history.get(0, 1.1), history.get(1, 1.1)) == (b"one", b"two", None)


def test_asked_again_within_a_third_of_a_round_trip_is_one_request(history):
    history.put(1, b"one", 1.0)
    assert history.get(1, 1.0, rtt=0.09) == b"one"
    assert history.get(1, 1.029, rtt=0.09) is None
    assert history.get(1, 1.031, rtt=0.09) == b"one"
    assert history.get(1, 1.042, rtt=0.0) is None
    assert history.get(1, 1.044, rtt=0.0) == b"one"


def test_what_is_two_seconds_old_is_gone(history):
    history.put(1, b"one", 1.0)
    assert history.get(1, 3.001) is None
    history.put(2, b"two", 3.001)
    assert history.bytes == 3


def test_memory_is_bounded(history):
    for sequence in range(2000):
        history.put(sequence, bytes(1200), 1.0)
        assert history.bytes <= 1 << 20
    assert history.bytes > (1 << 20) - 1201
    assert history.get(1999, 1.0) is not None
    assert history.get(1000, 1.0) is None


def test_small_packets_are_bounded_by_their_number(history):
    for sequence in range(3000):
        history.put(sequence & 0xFFFF, b"x", 1.0)
    assert history.bytes == 1024
    assert (history.get(1975, 1.0), history.get(1976, 1.0)) == (None, b"x")


def test_a_sender_that_begins_anew_forgets_what_was(history):
    for sequence in (1, 2, 40_000, 40_002):
        history.put(sequence, b"%d" % sequence, 1.0)
    found = [history.get(sequence, 1.0) for sequence in (1, 2, 40_000, 40_001, 40_002)]
    assert found == [None, None, b"40000", None, b"40002"]


def test_the_same_number_again_replaces(history):
    history.put(1, b"one", 1.0)
    history.put(1, b"other", 1.0)
    assert history.get(1, 1.0) == b"other"
    assert history.bytes == 5


def test_what_is_empty_or_far_too_large_is_not_kept(history):
    history.put(1, b"", 1.0)
    history.put(2, bytes((1 << 20) + 1), 1.0)
    assert history.bytes == 0
