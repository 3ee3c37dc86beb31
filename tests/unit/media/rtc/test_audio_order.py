import pytest
from cores import NativeAssembler, PythonAudio, Wire

from appliance.media.rtc.reorder import HOLD_S


@pytest.fixture(params=["python", "native"])
def order(request, core):
    return PythonAudio() if request.param == "python" else NativeAssembler(core, "opus")


def push(order, number: int, now: float = 0.0, *, value: int | None = None) -> list[int]:
    packet = Wire(number & 0xFFFF, number if value is None else value, False, b"sound")
    return [frame.timestamp for frame in order.push(packet, now)]


def tick(order, now: float) -> list[int]:
    return [frame.timestamp for frame in order.tick(now)]


def test_packets_in_order_pass_at_once(order):
    assert [push(order, n) for n in range(65530, 65545)] == [[n] for n in range(65530, 65545)]
    assert not order.waiting


def test_swapped_packets_come_out_in_order(order):
    assert push(order, 1) == [1]
    assert push(order, 3) == []
    assert push(order, 2, 0.01) == [2, 3]


def test_a_lost_packet_is_waited_for_only_a_moment(order):
    push(order, 1)
    push(order, 3)
    assert order.waiting
    assert tick(order, HOLD_S / 2) == []
    assert tick(order, HOLD_S) == [3]
    assert order.lost == 1
    assert push(order, 2, HOLD_S) == []


def test_a_burst_of_loss_never_holds_more_than_a_few_packets(order):
    push(order, 1)
    assert [n for number in range(3, 30) for n in push(order, number)] == list(range(3, 30))


def test_duplicates_and_strays_are_dropped(order):
    push(order, 1)
    assert push(order, 1) == []
    assert push(order, 40_000) == []
    assert push(order, 2) == [2]


def test_a_sender_that_begins_anew_is_followed(order):
    push(order, 1)
    assert [push(order, n) for n in (40_000, 40_001, 40_002, 40_003)] == [[], [], [40_002], [40_003]]


def test_an_empty_packet_is_no_sound(order):
    push(order, 1)
    assert order.push(Wire(2, 2, False, b""), 0.0) == []
    assert push(order, 3) == [3]
