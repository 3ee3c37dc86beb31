from functools import partial

import pytest
from cores import NativeAssembler, NativePacketizer, Wire, native_depacketize
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.media.rtc.depacketize import depacketize

MOST = 1200
START = b"\x00\x00\x00\x01"
# a NAL unit does not end in zero and holds no start code: the encoder sees to that
_nal = st.builds(
    lambda head, size, fill: bytes([head]) + bytes([fill]) * size,
    st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x06, 0x21]),
    st.one_of(st.integers(0, 40), st.integers(1150, 1250), st.integers(2350, 5000)),
    st.integers(1, 255),
)


def joined(core, codec: str, payloads: list[tuple[bytes, bool]]) -> bytes:
    ours = [depacketize(codec, payload) for payload, _ in payloads]
    assert ours == [native_depacketize(core, codec, payload) for payload, _ in payloads]
    assert ours[0].starts
    return b"".join(piece.data for piece in ours)


def check(payloads: list[tuple[bytes, bool]]) -> None:
    assert all(0 < len(payload) <= MOST for payload, _ in payloads)
    assert [last for _, last in payloads] == [False] * (len(payloads) - 1) + [True]


@given(size=st.one_of(st.integers(1, 5000), st.sampled_from([1196, 1197, 2392, 2393, 100_000])))
def test_vp8_comes_together_again(core, size):
    frame = bytes(i * 7 % 256 for i in range(size))
    payloads = NativePacketizer(core, "VP8", 5).split(frame)
    check(payloads)
    assert joined(core, "VP8", payloads) == frame
    sizes = [len(payload) for payload, _ in payloads]
    assert max(sizes) - min(sizes) <= 1


def test_the_picture_id_counts_frames_and_wraps(core):
    packetizer = NativePacketizer(core, "VP8", 0x7FFE)
    assert [packetizer.split(b"x")[0][0][:4] for _ in range(3)] == [
        b"\x90\x80\xff\xfe",
        b"\x90\x80\xff\xff",
        b"\x90\x80\x80\x00",
    ]


@settings(deadline=None)
@given(units=st.lists(_nal, min_size=1, max_size=12), short=st.booleans(), zeros=st.integers(0, 3))
def test_h264_comes_together_again(core, units, short, zeros):
    frame = b"".join((START[1:] if short else START) + unit for unit in units) + bytes(zeros)
    payloads = NativePacketizer(core, "H264").split(frame)
    check(payloads)
    assert b"".join(depacketize("H264", payload).data for payload, _ in payloads) == b"".join(START + u for u in units)


def test_small_units_share_a_packet_and_the_greatest_importance(core):
    payloads = NativePacketizer(core, "H264").split(START + b"\x27\x42" + START + b"\x48\xce" + START + b"\x05\x88")
    assert payloads == [(b"\x58\x00\x02\x27\x42\x00\x02\x48\xce\x00\x02\x05\x88", True)]


def test_one_unit_travels_alone_even_when_it_just_fits(core):
    for size in (1197, 1198, 1200):
        unit = b"\x65" + b"\x88" * (size - 1)
        assert NativePacketizer(core, "H264").split(START + unit) == [(unit, True)]
    assert len(NativePacketizer(core, "H264").split(START + b"\x65" + b"\x88" * 1200)) == 2


def test_sound_is_one_packet(core):
    assert NativePacketizer(core, "opus").split(b"sound") == [(b"sound", True)]


@pytest.mark.parametrize(
    ("codec", "frame"),
    [("VP8", b""), ("H264", b""), ("opus", b""), ("H264", b"no start"), ("H264", START), ("H264", START + b"\x1c\x85")],
)
def test_nonsense_makes_no_packets(core, codec, frame):
    assert NativePacketizer(core, codec).split(frame) == []


@given(data=st.binary(max_size=64))
def test_any_bytes_make_packets_that_can_be_read_or_none(core, data):
    for codec in ("VP8", "H264"):
        payloads = NativePacketizer(core, codec).split(data)
        if payloads:
            check(payloads)
            for payload, _ in payloads:
                native_depacketize(core, codec, payload)


@settings(deadline=None)
@given(order=st.randoms(use_true_random=False), loss=st.integers(0, 3), begin=st.integers(0, 65_535))
def test_packets_in_any_order_some_twice_some_late_make_the_same_frames(core, order, loss, begin):
    """Through packetiser, a bad wire and assembler; what is lost is sent again when it is asked for."""
    packetizer = NativePacketizer(core, "VP8")
    frames = [bytes([i > 0]) + bytes([i]) * order.randint(1, 4000) for i in range(8)]
    wires = [
        Wire(0, i * 3000, last, payload) for i, frame in enumerate(frames) for payload, last in packetizer.split(frame)
    ]
    wires = [Wire((begin + n) & 0xFFFF, w.timestamp, w.marker, w.payload) for n, w in enumerate(wires)]
    sent = {w.sequence: w for w in wires}
    first, *rest = wires
    on_the_way = rest + order.sample(rest, min(3, len(rest)))
    order.shuffle(on_the_way)
    lost = {w.sequence for w in order.sample(rest[:-1], min(loss, len(rest) - 1))}
    assembler = NativeAssembler(core, "VP8")
    push = partial(assembler.push, now=1.0)
    got = [f for w in [first, *on_the_way] if w.sequence not in lost for f in push(w)]
    got += [f for sequence in assembler.requests(1.01) for f in push(sent[sequence])]
    # what was lost at the very end cannot be missed yet
    assert [f.data for f in got] == frames[: len(got)]
    assert len(got) == 8 or wires[-1].sequence in lost
