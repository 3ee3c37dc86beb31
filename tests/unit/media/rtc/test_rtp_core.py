"""The native packet core on the wire's side: RTP headers, extensions and the kinds of datagrams."""

import pytest
from aiortc import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket
from cores import NativeAssembler, Wire, extension_of, parse, payload_of, write
from hypothesis import given
from hypothesis import strategies as st

_PLAIN = Wire(7, 90_000, True, b"payload")
_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_TRANSPORT = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


def extension_map(**ids: int) -> HeaderExtensionsMap:
    uris = {"mid": _MID, "level": _LEVEL, "transport": _TRANSPORT}
    extensions = HeaderExtensionsMap()
    listed = [RTCRtpHeaderExtensionParameters(id=i, uri=uris[name]) for name, i in ids.items()]
    extensions.configure(RTCRtpParameters(headerExtensions=listed))
    return extensions


def test_a_packet_of_aiortc_is_read(core):
    packet = RtpPacket(payload_type=100, marker=1, sequence_number=65535, timestamp=4_000_000_000, ssrc=4_100_000_000)
    packet.csrc = [1, 2]
    packet.payload, packet.padding_size = b"something", 5
    packet.extensions = HeaderExtensions(mid="video0", audio_level=(True, 42))
    it, _alive = parse(core, packet.serialize(extension_map(mid=3, level=1)))
    assert (it.payload_type, it.marker, it.sequence) == (100, True, 65535)
    assert (it.timestamp, it.ssrc, it.recovered) == (4_000_000_000, 4_100_000_000, False)
    assert payload_of(it) == b"something"
    assert extension_of(core, it, 3) == b"video0"
    assert extension_of(core, it, 1) == bytes([0x80 | 42])
    assert extension_of(core, it, 2) is None


def test_aiortc_reads_what_is_written(core):
    datagram = write(core, _PLAIN, {3: b"video0", 5: b"\x12\x34"}, payload_type=111)
    packet = RtpPacket.parse(datagram, extension_map(mid=3, transport=5))
    assert (packet.payload_type, packet.marker, packet.sequence_number) == (111, 1, 7)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (90_000, 0x01020304, b"payload")
    assert packet.extensions.mid == "video0"
    assert packet.extensions.transport_sequence_number == 0x1234


@given(
    payload=st.binary(max_size=60),
    marker=st.booleans(),
    extensions=st.one_of(
        st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=14),
        st.dictionaries(st.integers(1, 255), st.binary(max_size=255), max_size=6),
    ),
)
def test_what_is_written_is_read_again(core, payload, marker, extensions):
    datagram = write(core, Wire(1, 2, marker, payload), extensions)
    it, _alive = parse(core, datagram)
    assert (payload_of(it), it.marker) == (payload, marker)
    assert {i: extension_of(core, it, i) for i in extensions} == extensions
    assert all(extension_of(core, it, i) is None for i in range(256) if i not in extensions)
    assert write(core, Wire(1, 2, marker, payload), extensions, room=len(datagram) - 1) == b""


def test_an_extension_without_a_number_is_not_written(core):
    assert write(core, _PLAIN, {0: b"x"}) == b""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d[:11], "shorter than its header"),
        (lambda d: b"\x40" + d[1:], "version 1"),
        (lambda d: b"\x8f" + d[1:20], "sources cut off"),
        (lambda d: b"\xa0" + d[1:-1] + b"\x00", "padding of nothing"),
        (lambda d: b"\xa0" + d[1:-1] + b"\xff", "more padding than packet"),
        (lambda d: b"\xa0" + d[1:12], "padding, and nothing there"),
        (lambda d: b"\x90" + d[1:12] + b"\xbe\xde\x00\x09abcd", "extension cut off"),
        (lambda d: b"\x90" + d[1:12] + b"\xbe\xde\x00", "extension header cut off"),
    ],
)
def test_nonsense_is_refused(core, change, why):
    assert parse(core, change(write(core, _PLAIN, {}))) is None, why


@pytest.mark.parametrize(
    "block",
    [
        b"\xbe\xde\x00\x01\x13\x01\x02\x03",  # longer than what is left
        b"\xbe\xde\x00\x01\xf0\x10\x01\x00",  # 15: stop here (RFC 8285 section 4.2)
        b"\x10\x00\x00\x01\x00\x00\x00\x01",  # an id without its length
        b"\xca\xfe\x00\x01\x10\x01\x00\x00",  # a block of another kind
    ],
)
def test_an_extension_that_is_not_there_is_not_found(core, block):
    it, _alive = parse(core, b"\x90" + write(core, _PLAIN, {})[1:12] + block)
    assert extension_of(core, it, 1) is None


_OTHER, _STUN, _DTLS, _RTP, _RTCP = range(5)


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        (_STUN, [b"\x00\x01"]),
        (_DTLS, [b"\x16\xfe"]),
        (_RTP, [b"\x80\x60", b"\x90\xe0"]),
        (_RTCP, [b"\x80\xc8", b"\x81\xcd"]),
        (_OTHER, [b"\x80", b"", b"\x40\x00", b"\xff\xff", b"\x0a\x00"]),
    ],
)
def test_datagrams_are_told_apart_by_their_first_bytes(core, kind, begins):
    assert {core.datagram_kind_of(begin, len(begin)) for begin in begins} == {kind}


def test_the_loudness_of_sound_comes_with_it(core):
    assembler = NativeAssembler(core, "opus", level_id=1)
    for sequence, extensions in enumerate([{1: b"\xaa"}, {}, {2: b"\x01"}]):
        it, _alive = parse(core, write(core, Wire(sequence, 0, False, b"sound"), extensions))
        assembler.push_parsed(it, 1.0)
    assert assembler.levels == [42, -1, -1]


def test_a_frame_knows_when_its_last_packet_came(core):
    assembler = NativeAssembler(core, "VP8")
    assembler.push(Wire(1, 0, False, b"\x10\x00"), 1.0)
    assembler.push(Wire(3, 0, True, b"\x00c"), 1.25)
    assembler.push(Wire(2, 0, False, b"\x00b"), 1.125)
    assert assembler.received == [1_250_000]


def test_a_new_hole_wants_a_tick_at_once_and_an_old_one_now_and_then(core):
    assembler = NativeAssembler(core, "VP8")
    assembler.push(Wire(1, 0, True, b"\x10\x00"), 1.0)
    assert assembler.next_us is None
    assembler.push(Wire(3, 0, True, b"\x10\x01"), 2.0)
    assert assembler.next_us == 2_000_000
    assembler.tick(2.0)
    assert assembler.next_us == 2_010_000
    assembler.push(Wire(2, 0, True, b"\x10\x01"), 2.005)
    assert assembler.next_us is None
