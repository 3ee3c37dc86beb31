"""RTP payloads of VP8 (RFC 7741) and H.264 (RFC 6184) to pieces of frames, and what the assembler must know of each."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiortc.codecs.vpx import VpxPayloadDescriptor

_IDR = 5
_STAP_A = 24
_FU_A = 28
_PARAMETERS = frozenset((6, 7, 8, 9))
"""SEI, SPS, PPS and the access unit delimiter: they stand before the first slice."""
_SURE = frozenset((7, 9))
"""Nothing stands before an access unit delimiter, and an encoder without it begins with the SPS."""
_START_CODE = b"\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one packet holds of a frame."""

    data: bytes = b""
    starts: bool = False
    """The frame can begin with this packet."""
    sure: bool = False
    """It begins with this packet and no other: nothing of it can be missing before."""
    key: bool = False
    """This packet proves that the frame is a key frame."""


EMPTY = Piece()
"""Padding: it has a sequence number and nothing else."""


def depacketize(codec: str, payload: bytes) -> Piece:
    """Return the payload's part of its frame; raise ValueError if it makes no sense."""
    if not payload:
        return EMPTY
    if codec == "VP8":
        return _vp8(payload)
    if codec == "H264":
        return _h264(payload)
    return Piece(payload, starts=True, sure=True, key=True)


def _vp8(payload: bytes) -> Piece:
    descriptor, data = VpxPayloadDescriptor.parse(payload)
    starts = descriptor.partition_start == 1 and descriptor.partition_id == 0
    # the inverse key frame flag is the first bit of the frame (RFC 7741 section 4.3)
    return Piece(data, starts=starts, sure=starts, key=starts and bool(data) and not data[0] & 1)


def _h264(payload: bytes) -> Piece:
    kind = payload[0] & 0x1F
    if kind == _FU_A:
        return _h264_fragment(payload)
    if kind == 0 or kind > _STAP_A:
        raise ValueError(f"H.264 payload of kind {kind}")
    units = [unit for unit in _aggregated(payload) if unit] if kind == _STAP_A else [payload]
    if not units:
        return EMPTY
    kinds = [unit[0] & 0x1F for unit in units]
    return Piece(
        b"".join(_START_CODE + unit for unit in units),
        starts=_begins(kinds[0], units[0][1:2]),
        sure=kinds[0] in _SURE,
        key=_IDR in kinds,
    )


def _h264_fragment(payload: bytes) -> Piece:
    """RFC 6184 section 5.8."""
    if len(payload) < 2:
        raise ValueError("H.264 fragment is too short")
    kind = payload[1] & 0x1F
    if not payload[1] & 0x80:
        return Piece(payload[2:], key=kind == _IDR)
    header = bytes([payload[0] & 0xE0 | kind])
    return Piece(_START_CODE + header + payload[2:], starts=_begins(kind, payload[2:3]), key=kind == _IDR)


def _aggregated(payload: bytes) -> Iterator[bytes]:
    """RFC 6184 section 5.7.1."""
    at = 1
    while at < len(payload):
        end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
        if at + 2 > len(payload) or end > len(payload):
            raise ValueError("H.264 aggregation is cut off")
        yield payload[at + 2 : end]
        at = end


def _begins(kind: int, after: bytes) -> bool:
    """Whether a NAL unit can be the first of its access unit: parameters, or a slice whose first macroblock is 0."""
    return kind in _PARAMETERS or (bool(after) and bool(after[0] & 0x80))
