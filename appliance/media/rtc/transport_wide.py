"""Transport-wide numbers in RTP packets, and the RTCP packets that speak of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters
from aiortc.rtp import RTCP_RTPFB, pack_rtcp_packet

from appliance.media.rtc.congestion.wire import FORMAT, URI

_OFFERED_ID = 4
_FEEDBACK = RTCRtcpFeedback(type="transport-cc")
_ONE_BYTE = 0xBEDE
_HEAD = 12
_RTCP_HEAD = 12


def teach_aiortc() -> None:
    """Let aiortc's descriptions offer and answer the numbers and the feedback; again does nothing."""
    for kind, extensions in HEADER_EXTENSIONS.items():
        if all(extension.uri != URI for extension in extensions):
            extensions.append(RTCRtpHeaderExtensionParameters(id=_OFFERED_ID, uri=URI))
        for codec in CODECS[kind]:
            if codec.name.lower() in {"opus", "vp8", "h264"} and _FEEDBACK not in codec.rtcpFeedback:
                codec.rtcpFeedback.append(_FEEDBACK)


def number_id(extensions: Iterable[RTCRtpHeaderExtensionParameters]) -> int | None:
    """Return the id under which packets carry the number, None if it was not negotiated."""
    return next((extension.id for extension in extensions if extension.uri == URI), None)


def stamp(packet: bytes, extension: int, number: int) -> bytes:
    """Return a serialised RTP packet with its number written into the room that was left for it."""
    position = _HEAD + 4 * (packet[0] & 0x0F)
    if not packet[0] & 0x10 or int.from_bytes(packet[position : position + 2], "big") != _ONE_BYTE:
        return packet
    end = position + 4 + 4 * int.from_bytes(packet[position + 2 : position + 4], "big")
    position += 4
    while position < end:
        element = packet[position]
        if element >> 4 == extension:
            return b"".join((packet[: position + 1], number.to_bytes(2, "big"), packet[position + 3 :]))
        # a zero byte is padding, anything else a header with the length less one
        position += 2 + (element & 0x0F) if element else 1
    return packet


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """One RTCP packet of transport-wide feedback."""

    ssrc: int
    media_ssrc: int
    fci: bytes

    def __bytes__(self) -> bytes:
        ssrcs = self.ssrc.to_bytes(4, "big") + self.media_ssrc.to_bytes(4, "big")
        return pack_rtcp_packet(RTCP_RTPFB, FORMAT, ssrcs + self.fci)


def split_feedback(compound: bytes) -> tuple[bytes, list[bytes]]:
    """Return an RTCP compound without transport-wide feedback, which aiortc would read as NACKs, and its FCIs."""
    others, found = [], []
    for packet in _packets(compound):
        if len(packet) >= _RTCP_HEAD and packet[1] == RTCP_RTPFB and packet[0] & 0x1F == FORMAT:
            found.append(packet[_RTCP_HEAD:])
        else:
            others.append(packet)
    return (b"".join(others), found) if found else (compound, found)


def _packets(compound: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(compound):
        end = position + 4 + 4 * int.from_bytes(compound[position + 2 : position + 4], "big")
        # what is cut off is left for aiortc to refuse
        yield compound[position:end] if position + 4 <= end else compound[position:]
        position = max(end, position + 4)
