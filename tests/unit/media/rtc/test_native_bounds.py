"""What a hostile guest can make the native engine keep."""

import asyncio
import re
from ctypes import CDLL, Structure, c_size_t

import pytest


@pytest.fixture
async def native(pair_of):
    async with pair_of("native", "native") as pair:
        yield pair


def sealed(peer, ssrc, sequence, payload=b"payload", *, payload_type=96):
    """Return a packet as the peer's end of the connection protects it."""
    head = bytes([0x80, payload_type]) + sequence.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    return peer._connection._dtls._tx_srtp.protect(head + payload)


class HeapInfo(Structure):
    """mallinfo2(3)."""

    _fields_ = [
        (name, c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()  # noqa: SIM905 - as in malloc.h
    ]


def heap_bytes() -> int:
    ask = CDLL(None).mallinfo2
    ask.restype = HeapInfo
    info = ask()
    return info.uordblks + info.hblkhd


async def test_a_guest_who_never_finishes_a_picture_fills_no_memory(native):
    outs = [native.a.add_out("video", "VP8", stream_id="S", track_id=f"T{i}") for i in range(20)]
    payload_type = int(re.search(r"a=rtpmap:(\d+) VP8", await native.a.offer())[1])
    await native.negotiate()
    await native.connected()
    ours, before = native.b._connection.native, heap_bytes()
    for out in outs:
        for number in range(2000):
            body = (b"\x10\x00" if not number else b"\x00\x00") + bytes(1290)
            ours.inject(sealed(native.a, out._port.ssrcs[0], number, body, payload_type=payload_type))
        await asyncio.sleep(0.02)
    assert 20 << 20 < heap_bytes() - before < 40 << 20
    assert ours.count().malformed == 0


async def test_a_guest_of_ever_new_ssrcs_makes_libsrtp_forget_only_those_that_are_silent(native):
    native.a.add_channel("x")
    await native.negotiate()
    await native.connected()
    ours = native.b._connection.native
    silent, steady = sealed(native.a, 1, 0), [sealed(native.a, 2, number) for number in range(8)]
    ours.inject(silent)
    for i in range(8):
        ours.inject(steady[i])
        for ssrc in range(1000 + 100 * i, 1100 + 100 * i):
            ours.inject(sealed(native.a, ssrc, 0))
    assert ours.count().malformed == 0
    ours.inject(steady[0])
    assert ours.count().malformed == 1, "a replay is known as one"
    ours.inject(silent)
    assert ours.count().malformed == 1, "what was silent for so long is forgotten"
