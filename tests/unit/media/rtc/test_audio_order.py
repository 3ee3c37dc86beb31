from appliance.media.rtc.reorder import HOLD_S, AudioOrder


def test_packets_in_order_pass_at_once():
    order: AudioOrder[int] = AudioOrder()
    assert [order.push(n & 0xFFFF, n, 0.0) for n in range(65530, 65545)] == [[n] for n in range(65530, 65545)]
    assert not order.waiting


def test_swapped_packets_come_out_in_order():
    order: AudioOrder[int] = AudioOrder()
    assert order.push(1, 1, 0.0) == [1]
    assert order.push(3, 3, 0.0) == []
    assert order.push(2, 2, 0.01) == [2, 3]


def test_a_lost_packet_is_waited_for_only_a_moment():
    order: AudioOrder[int] = AudioOrder()
    order.push(1, 1, 0.0)
    order.push(3, 3, 0.0)
    assert order.waiting
    assert order.tick(HOLD_S / 2) == []
    assert order.tick(HOLD_S) == [3]
    assert order.lost == 1
    assert order.push(2, 2, HOLD_S) == []


def test_a_burst_of_loss_never_holds_more_than_a_few_packets():
    order: AudioOrder[int] = AudioOrder()
    order.push(1, 1, 0.0)
    got = [item for n in range(3, 30) for item in order.push(n, n, 0.0)]
    assert got == list(range(3, 30))


def test_duplicates_and_strays_are_dropped():
    order: AudioOrder[int] = AudioOrder()
    order.push(1, 1, 0.0)
    assert order.push(1, 1, 0.0) == []
    assert order.push(40_000, 9, 0.0) == []
    assert order.push(2, 2, 0.0) == [2]


def test_a_sender_that_begins_anew_is_followed():
    order: AudioOrder[int] = AudioOrder()
    order.push(1, 1, 0.0)
    assert [order.push(n, n, 0.0) for n in (40_000, 40_001, 40_002, 40_003)] == [[], [], [40_002], [40_003]]
