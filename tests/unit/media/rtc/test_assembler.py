from dataclasses import replace

import pytest
from cores import PythonVideo, Wire
from vp8_sender import HOLD_S, PADDING, Receiver, body, frame, stream

from appliance.media.rtc.assembler import Assembled


def test_a_frame_leaves_with_its_last_packet(receiver):
    *begin, last = frame(0, 10, key=True)
    assert receiver.push(*begin) == []
    assert receiver.push(last) == [Assembled(0, body(0, key=True), True)]


def test_the_next_timestamp_ends_a_frame_without_marker(receiver):
    receiver.push(*frame(0, 10, key=True))
    assert receiver.push(*frame(1, 14, marker=False)) == []
    assert receiver.push(frame(2, 18)[0]) == [Assembled(3000, body(1), False)]


def test_a_sender_that_never_sets_the_marker_is_shown_as_well(receiver):
    assert receiver.push(*frame(0, 10, key=True, marker=False)) == []
    assert receiver.push(frame(1, 14, marker=False)[0]) == [Assembled(0, body(0, key=True), True)]


def test_reordered_packets_make_whole_frames(receiver):
    a, b, c, d = frame(0, 65534, key=True)
    assert receiver.push(b, d, a) == []
    assert [f.data for f in receiver.push(c)] == [body(0, key=True)]


def test_nothing_is_released_before_a_key_frame_and_one_is_asked_for(receiver):
    assert receiver.push(*frame(0, 0), *frame(1, 4)) == []
    assert receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(*frame(2, 8, key=True), *frame(3, 12))] == [6000, 9000]
    assert not receiver.assembler.needs_key


def test_a_key_frame_is_asked_for_when_only_pieces_arrive(receiver):
    receiver.push(frame(0, 0, key=True)[1])
    assert not receiver.assembler.needs_key
    receiver.wait(0.3)
    assert receiver.assembler.needs_key


def test_the_lost_beginning_of_the_first_key_frame_is_asked_for(receiver):
    """Packets that came before we listened: without them the picture would stand still until the next key frame."""
    frames = stream(30, first=5)
    early, late = frames[0][:3], frames[0][3:]
    assert receiver.push(*late, *[p for packets in frames[1:] for p in packets]) == []
    asked = receiver.assembler.requests(receiver.now)
    assert {p.sequence for p in early} <= set(asked)
    assert len(asked) == 32
    assert [f.timestamp for f in receiver.push(*early)] == [3000 * i for i in range(30)]
    receiver.wait(HOLD_S + 0.1)
    # the others were never sent
    assert (receiver.assembler.lost, receiver.assembler.waiting) == (0, False)


def test_a_stream_that_begins_with_a_frame_asks_for_nothing_before(receiver):
    receiver.push(frame(0, 5, key=True)[0])
    assert receiver.assembler.requests(receiver.now) == []


def test_a_missing_packet_is_asked_for_at_once_and_twice_per_round_trip(receiver):
    receiver.push(*frame(0, 0, key=True))
    a, _, c, d = frame(1, 4)
    receiver.push(a, c, d)
    assert receiver.assembler.requests(receiver.now) == [5]
    assert receiver.assembler.requests(receiver.now + 0.01) == []
    assert receiver.assembler.requests(receiver.now + 0.06) == [5]
    assert receiver.assembler.requests(receiver.now + 0.12) == [5]


@pytest.mark.parametrize(("rtt", "least", "most"), [(0.02, 0.015, 0.016), (0.1, 0.036, 0.041), (0.3, 0.09, 0.102)])
def test_the_time_between_requests_follows_the_round_trip(receiver, rtt, least, most):
    lose_and_repair(receiver, rtt, 40)
    receiver.push(*frame(200, 800)[1:])
    asked_at = [receiver.now + ms / 1000 for ms in range(400) if receiver.assembler.requests(receiver.now + ms / 1000)]
    assert least <= asked_at[2] - asked_at[1] <= most


def lose_and_repair(receiver: Receiver, rtt: float, times: int) -> None:
    """Lose one packet of every frame; its repair comes a round trip after the first request."""
    receiver.push(*frame(0, 0, key=True))
    for index in range(1, times):
        lost, *rest = frame(index, 4 * index)
        receiver.push(*rest)
        receiver.assembler.requests(receiver.now)
        receiver.now += rtt
        receiver.push(lost)
    receiver.push(*[p for i in range(times, 200) for p in frame(i, 4 * i)])


def test_where_repairs_are_marked_a_reordered_packet_is_no_measure_of_the_round_trip(receiver):
    receiver.push(*frame(0, 0, key=True))
    for index in range(1, 100):
        first, second, *rest = frame(index, 4 * index)
        receiver.push(*rest)
        receiver.assembler.requests(receiver.now)
        receiver.now += 0.001
        receiver.push(first)
        receiver.now += 0.2
        receiver.push(replace(second, recovered=True))
    receiver.push(*frame(100, 400)[1:])
    assert receiver.assembler.requests(receiver.now) == [400]
    assert receiver.assembler.requests(receiver.now + 0.06) == []
    assert receiver.assembler.requests(receiver.now + 0.09) == [400]


def test_a_packet_is_not_asked_for_forever(receiver):
    receiver.push(*frame(0, 0, key=True))
    receiver.push(*frame(1, 4)[1:])
    asked = 0
    for _ in range(100):
        receiver.now += 0.06
        asked += len(receiver.assembler.requests(receiver.now))
    assert asked == 10


def test_requests_over_the_wrap_are_sorted_for_the_wire(receiver):
    receiver.push(*frame(0, 65530, key=True))
    receiver.push(frame(1, 65534)[3])
    assert receiver.assembler.requests(receiver.now) == [0, 65534, 65535]


def test_a_late_retransmission_releases_everything_behind_it(receiver):
    receiver.push(*frame(0, 0, key=True))
    a, b, c, d = frame(1, 4)
    assert receiver.push(a, c, d, *frame(2, 8), *frame(3, 12)) == []
    receiver.wait(0.3)
    assert [f.timestamp for f in receiver.push(b)] == [3000, 6000, 9000]
    assert receiver.assembler.lost == 0


def test_a_hole_that_does_not_fill_skips_to_the_next_key_frame(receiver):
    receiver.push(*frame(0, 0, key=True))
    receiver.push(frame(1, 4)[0], *frame(2, 8))
    assert receiver.wait(HOLD_S / 2) == []
    assert not receiver.assembler.needs_key
    assert receiver.wait(HOLD_S) == []
    assert receiver.assembler.needs_key
    assert receiver.assembler.skips == 1
    assert receiver.push(*frame(3, 12)) == []
    assert [f.timestamp for f in receiver.push(*frame(4, 16, key=True), *frame(5, 20))] == [12000, 15000]
    assert not receiver.assembler.needs_key
    assert receiver.assembler.lost == 3


def test_after_a_key_frame_was_asked_for_the_missing_packet_is_still_welcome(receiver):
    receiver.push(*frame(0, 0, key=True))
    a, b, c, d = frame(1, 4)
    receiver.push(a, c, d, *frame(2, 8))
    receiver.wait(HOLD_S + 0.1)
    assert receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(b, *frame(3, 12))] == [3000, 6000, 9000]
    assert not receiver.assembler.needs_key


@pytest.mark.parametrize(("rtt", "least", "most"), [(0.02, 0.15, 0.2), (0.1, 0.18, 0.26), (0.4, 0.59, 0.65)])
def test_how_long_a_hole_stops_the_picture_follows_the_round_trip(receiver, rtt, least, most):
    lose_and_repair(receiver, rtt, 60)
    receiver.push(*frame(200, 800)[1:])
    begun = receiver.now
    while not receiver.assembler.needs_key:
        receiver.wait(0.01)
    assert least <= receiver.now - begun <= most


def test_a_round_trip_that_grew_is_learned_from_answers_that_came_too_late(receiver):
    lose_and_repair(receiver, 0.02, 60)
    for index in range(200, 230):
        lost, *rest = frame(index, 4 * index)
        receiver.push(*rest)
        receiver.assembler.requests(receiver.now)
        receiver.wait(0.25)
        assert receiver.push(lost)
    assert receiver.assembler.skips > 0
    skips = receiver.assembler.skips
    receiver.push(*frame(230, 920)[1:])
    receiver.wait(0.25)
    assert receiver.assembler.skips == skips


def test_a_hole_is_not_given_up_because_we_ourselves_were_late(receiver):
    receiver.push(*frame(0, 0, key=True))
    a, b, c, d = frame(1, 4)
    receiver.push(a, c, d)
    receiver.now += 5.0
    assert receiver.assembler.tick(receiver.now) == []
    assert [f.timestamp for f in receiver.push(b)] == [3000]
    assert receiver.assembler.skips == 0


def test_a_machine_that_is_always_late_gives_up_all_the_same(receiver):
    receiver.push(frame(0, 0, key=True)[1])
    for _ in range(4):
        receiver.now += 0.15
        receiver.assembler.tick(receiver.now)
    assert receiver.assembler.needs_key


def test_a_key_frame_behind_an_old_hole_is_not_kept_waiting(receiver):
    receiver.push(*frame(0, 0, key=True))
    receiver.push(frame(1, 4)[0], *frame(2, 8, key=True), *frame(3, 12))
    assert [f.timestamp for f in receiver.wait(0.2)] == [6000, 9000]
    assert receiver.assembler.lost == 3


def test_a_key_frame_that_comes_while_the_picture_stands_is_shown_at_once(receiver):
    receiver.push(*frame(0, 0, key=True))
    receiver.push(frame(1, 4)[0], *frame(2, 8))
    receiver.wait(0.2)
    assert [f.timestamp for f in receiver.push(*frame(3, 12, key=True))] == [9000]


SPS = b"\x67\x42\x00\x1f"
IDR, SLICE = b"\x65\x88", b"\x41\x9a"
START = b"\x00\x00\x00\x01"


def h264_beginning(receiver: Receiver) -> None:
    receiver.push(Wire(1, 0, False, SPS), Wire(2, 0, True, IDR))


def test_a_key_frame_whose_parameters_may_be_missing_is_waited_for(make):
    receiver = Receiver(make("H264"))
    h264_beginning(receiver)
    # 3 and 4 are missing: the end of a frame, or the parameters of this one
    assert receiver.push(Wire(5, 6000, True, IDR)) == []
    assert receiver.wait(0.2) == []
    assert [f.timestamp for f in receiver.push(Wire(3, 3000, False, SLICE), Wire(4, 3000, True, SLICE))] == [3000, 6000]


def test_a_key_frame_without_parameters_is_shown_when_the_packet_before_it_comes(make):
    receiver = Receiver(make("H264"))
    assert receiver.push(Wire(10, 0, True, SLICE), Wire(12, 6000, True, IDR)) == []
    assert receiver.push(Wire(11, 3000, True, SLICE)) == [Assembled(6000, START + IDR, True)]


def test_a_first_key_frame_without_parameters_is_shown_when_nobody_hopes_for_them_any_more(make):
    receiver = Receiver(make("H264"))
    assert receiver.push(Wire(10, 0, True, SLICE), Wire(12, 6000, True, IDR)) == []
    assert receiver.wait(HOLD_S + 0.1) == [Assembled(6000, START + IDR, True)]


def test_a_large_frame_of_many_packets_is_whole(make):
    receiver = Receiver(make())
    parts = [b"\x10\x00"] + [b"\x00" + bytes([n]) * 1400 for n in range(200)]
    wires = [Wire(n, 0, n == 200, part) for n, part in enumerate(parts)]
    assert [f.data for f in receiver.push(*wires)] == [b"".join(part[1:] for part in parts)]


def test_a_hole_forgotten_while_searching_does_not_stop_the_picture_forever(receiver):
    first, *rest = frame(0, 0, key=True)
    receiver.push(*rest, *frame(1, 4)[:2], frame(1, 4)[3])
    receiver.wait(HOLD_S + 0.1)
    # the key frame becomes whole, with an old and forgotten hole behind it
    assert [f.timestamp for f in receiver.push(first)] == [0]
    receiver.push(*frame(2, 8), *frame(3, 12))
    assert receiver.assembler.waiting
    receiver.wait(0.02)
    assert receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(*frame(4, 16, key=True))] == [12000]


def test_a_duplicate_from_long_ago_changes_nothing(receiver):
    frames = stream(60)
    for packets in frames:
        receiver.push(*packets)
    assert receiver.push(*frames[10], *frames[55]) == []
    assert [f.timestamp for f in receiver.push(*frame(60, 240))] == [60 * 3000]


def test_old_packets_repeated_to_probe_the_way_are_no_new_beginning(receiver):
    """Senders fill their probes with retransmissions of whole frames of a second ago, in order."""
    frames = stream(300)
    for packets in frames:
        receiver.push(*packets)
    assert receiver.push(*[replace(p, recovered=True) for packets in frames[100:110] for p in packets]) == []
    assert not receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(*frame(300, 1200))] == [300 * 3000]


def test_one_stray_packet_from_far_away_changes_nothing(receiver):
    receiver.push(*frame(0, 0, key=True))
    receiver.push(frame(9, 30000)[0])
    assert not receiver.assembler.waiting
    assert [f.timestamp for f in receiver.push(*frame(1, 4))] == [3000]


def test_a_sender_that_goes_on_from_another_number_is_followed(receiver):
    receiver.push(*frame(0, 0, key=True))
    assert receiver.push(*frame(1, 30000)) == []
    assert receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(*frame(2, 30004, key=True))] == [6000]


def test_padding_between_frames_is_no_frame(receiver):
    receiver.push(*frame(0, 0, key=True))
    padding = [Wire(4, 0, False, PADDING), Wire(5, 0, False, PADDING)]
    assert [f.timestamp for f in receiver.push(*padding, *frame(1, 6))] == [3000]


def test_a_long_outage_costs_a_key_frame_and_no_flood_of_requests(receiver):
    receiver.push(*frame(0, 0, key=True), *frame(400, 1600))
    assert receiver.assembler.requests(receiver.now) == []
    assert receiver.assembler.needs_key
    assert [f.timestamp for f in receiver.push(*frame(401, 1604, key=True))] == [401 * 3000]


def test_behind_a_hole_that_stays_open_the_buffer_is_bounded(receiver):
    receiver.push(*frame(0, 0, key=True), *[p for i in range(2, 700) for p in frame(i, 4 * i)])
    assert receiver.assembler.needs_key
    assert receiver.assembler.lost >= 4
    assert [f.timestamp for f in receiver.push(*frame(700, 2800, key=True))] == [700 * 3000]


def test_a_flood_without_a_key_frame_stays_bounded(make):
    receiver = Receiver(make())
    for packets in stream(2000, keys=()):
        receiver.push(*packets)
    if isinstance(receiver.assembler, PythonVideo):
        assert len(receiver.assembler._packets) <= 2048
