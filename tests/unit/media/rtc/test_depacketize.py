import contextlib
from functools import partial

import pytest
from cores import native_depacketize
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.media.rtc.depacketize import EMPTY, Piece
from appliance.media.rtc.depacketize import depacketize as python_depacketize

START = b"\x00\x00\x00\x01"


@pytest.fixture(params=["python", "native"])
def depacketize(request, core):
    return python_depacketize if request.param == "python" else partial(native_depacketize, core)


def test_a_vp8_key_frame_is_known_by_its_first_packet(depacketize):
    assert depacketize("VP8", b"\x10\x00abc") == Piece(b"\x00abc", starts=True, sure=True, key=True)
    assert depacketize("VP8", b"\x10\x01abc") == Piece(b"\x01abc", starts=True, sure=True, key=False)
    assert depacketize("VP8", b"\x00\x00abc") == Piece(b"\x00abc", starts=False, key=False)


def test_the_vp8_descriptor_is_removed(depacketize):
    assert depacketize("VP8", b"\x90\x80\x81\x02\x00abc").data == b"\x00abc"


def test_an_h264_key_frame_begins_with_its_parameters(depacketize):
    stap = b"\x78\x00\x02\x67\x42\x00\x02\x68\xce"
    piece = depacketize("H264", stap)
    assert piece.data == START + b"\x67\x42" + START + b"\x68\xce"
    assert piece.starts
    assert piece.sure
    assert not piece.key
    idr = depacketize("H264", b"\x65\x88\x84")
    assert idr.key
    assert idr.data == START + b"\x65\x88\x84"


def test_h264_fragments_start_once(depacketize):
    first = depacketize("H264", b"\x7c\x85\x88abc")
    rest = depacketize("H264", b"\x7c\x05def")
    assert (first.starts, first.key, first.data) == (True, True, START + b"\x65\x88abc")
    assert (rest.starts, rest.key, rest.data) == (False, True, b"def")


def test_a_later_slice_does_not_start_a_picture(depacketize):
    assert depacketize("H264", b"\x41\x9a\x00").starts
    assert not depacketize("H264", b"\x41\x20\x00").starts


def test_padding_is_nothing(depacketize):
    assert depacketize("VP8", b"") == EMPTY


@pytest.mark.parametrize(
    ("codec", "payload"),
    [("VP8", b"\x90"), ("H264", b"\x78\x00\xff\x67"), ("H264", b"\x1f"), ("H264", b"\x78\x00"), ("H264", b"\x7c")],
)
def test_payloads_without_sense_are_refused(depacketize, codec, payload):
    with pytest.raises(ValueError, match=r"\w"):
        depacketize(codec, payload)


def test_an_aggregation_of_nothing_is_padding(depacketize):
    assert depacketize("H264", b"\x78\x00\x00") == EMPTY


def test_opus_passes_as_it_is(depacketize):
    assert depacketize("opus", b"sound") == Piece(b"sound", starts=True, sure=True, key=True)


# what begins as a payload of each kind does, and goes on anyhow
_HEADS = (b"", b"\x10", b"\x90\x80", b"\x90\xf0\x81", b"\x7c\x85", b"\x7c\x05", b"\x78\x00\x02", b"\x65", b"\x67")


@given(codec=st.sampled_from(["VP8", "H264", "opus"]), head=st.sampled_from(_HEADS), rest=st.binary(max_size=40))
@example(codec="H264", head=b"\x78\x00\x00", rest=b"\x00\x05\x41\x00\x00\x00\x01")
def test_both_cores_take_any_payload_for_the_same(core, codec, head, rest):
    pieces = []
    for depacketize in (python_depacketize, partial(native_depacketize, core)):
        pieces.append(None)
        with contextlib.suppress(ValueError):
            pieces[-1] = depacketize(codec, head + rest)
    assert pieces[0] == pieces[1]
