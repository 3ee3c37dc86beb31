import pytest

from appliance.media.rtc.depacketize import EMPTY, Piece, depacketize

START = b"\x00\x00\x00\x01"


def test_a_vp8_key_frame_is_known_by_its_first_packet():
    assert depacketize("VP8", b"\x10\x00abc") == Piece(b"\x00abc", starts=True, sure=True, key=True)
    assert depacketize("VP8", b"\x10\x01abc") == Piece(b"\x01abc", starts=True, sure=True, key=False)
    assert depacketize("VP8", b"\x00\x00abc") == Piece(b"\x00abc", starts=False, key=False)


def test_the_vp8_descriptor_is_removed():
    assert depacketize("VP8", b"\x90\x80\x81\x02\x00abc").data == b"\x00abc"


def test_an_h264_key_frame_begins_with_its_parameters():
    stap = b"\x78\x00\x02\x67\x42\x00\x02\x68\xce"
    piece = depacketize("H264", stap)
    assert piece.data == START + b"\x67\x42" + START + b"\x68\xce"
    assert piece.starts
    assert piece.sure
    assert not piece.key
    idr = depacketize("H264", b"\x65\x88\x84")
    assert idr.key
    assert idr.data == START + b"\x65\x88\x84"


def test_h264_fragments_start_once():
    first = depacketize("H264", b"\x7c\x85\x88abc")
    rest = depacketize("H264", b"\x7c\x05def")
    assert (first.starts, first.key, first.data) == (True, True, START + b"\x65\x88abc")
    assert (rest.starts, rest.key, rest.data) == (False, True, b"def")


def test_a_later_slice_does_not_start_a_picture():
    assert depacketize("H264", b"\x41\x9a\x00").starts
    assert not depacketize("H264", b"\x41\x20\x00").starts


def test_padding_is_nothing():
    assert depacketize("VP8", b"") == EMPTY


@pytest.mark.parametrize(("codec", "payload"), [("VP8", b"\x90"), ("H264", b"\x78\x00\xff\x67"), ("H264", b"\x1f")])
def test_payloads_without_sense_are_refused(codec, payload):
    with pytest.raises(ValueError, match=r"\w"):
        depacketize(codec, payload)
