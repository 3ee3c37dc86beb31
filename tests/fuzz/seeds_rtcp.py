"""Writes the corpus of RTCP compounds: `python tests/fuzz/seeds_rtcp.py`.

The SSRCs are words of four letters; who feeds a connection puts that connection's own in their place.
"""

from struct import pack

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
)
from targets import HERE

from appliance.media.rtc.congestion import wire
from appliance.media.rtc.transport_wide import TransportFeedback

CORPUS = HERE / "corpus" / "rtcp"
VIDEO, AUDIO, THEIRS = b"VIDE", b"AUDI", b"THEM"
_VIDEO, _AUDIO, _THEIRS = (int.from_bytes(name, "big") for name in (VIDEO, AUDIO, THEIRS))
_NACK, _PLI, _FIR, _APP = 1, 1, 4, 15


def report(ssrc: int, *, lost: int = 0, fraction: int = 0, dlsr: int = 0, lsr: int = 0) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(ssrc, fraction, lost, highest_sequence=70_000, jitter=12, lsr=lsr, dlsr=dlsr)


def sender_report(*reports: RtcpReceiverInfo, ntp: int = 0xE8A1_0000_8000_0000) -> bytes:
    info = RtcpSenderInfo(ntp_timestamp=ntp, rtp_timestamp=90_000, packet_count=10, octet_count=9000)
    return bytes(RtcpSrPacket(_THEIRS, info, list(reports)))


def receiver_report(*reports: RtcpReceiverInfo) -> bytes:
    return bytes(RtcpRrPacket(_THEIRS, list(reports)))


def nack(*lost: int) -> bytes:
    return bytes(RtcpRtpfbPacket(_NACK, _THEIRS, _VIDEO, list(lost)))


def psfb(fmt: int, fci: bytes = b"") -> bytes:
    return bytes(RtcpPsfbPacket(fmt, _THEIRS, 0 if fmt == _APP else _VIDEO, fci))


def numbers(fci: bytes) -> bytes:
    return bytes(TransportFeedback(_THEIRS, _VIDEO, fci))


def arrived(*arrivals: int | None, first: int = 0) -> bytes:
    return wire.build(first, arrivals)[0]


def _feedback() -> dict[str, bytes]:
    some = arrived(*range(1_000_000, 1_400_000, 20_000))
    return {
        "numbers": numbers(some),
        "numbers-with-holes": numbers(arrived(*(None if n % 3 else 64_000 * n for n in range(1, 200)))),
        "numbers-that-jump": numbers(arrived(0, 8_000_000, 1, 8_000_000, first=65_530)),
        "numbers-cut-off": numbers(some[:-4]),
        "numbers-of-no-packets": numbers(bytes(8)),
        "numbers-of-too-many": numbers(b"\0\0\xff\xff" + bytes(4) + b"\x3f\xff" * 8),
        "numbers-that-lead-nowhere": numbers(b"\0\0\0\x09" + bytes(4) + bytes(200)),
        "numbers-without-end": numbers(b"\0\0\x10\0" + bytes(4) + b"\x5f\xff" * 2),
        "numbers-of-a-strange-kind": numbers(b"\0\0\0\x07" + bytes(4) + b"\xff\xff\x60\x01"),
    }


def _bitrates() -> dict[str, bytes]:
    return {
        "bitrate": psfb(_APP, pack_remb_fci(700_000, [_VIDEO])),
        "bitrate-beyond-all": psfb(_APP, b"REMB\x01\xff\xff\xff" + VIDEO),
        "bitrate-of-nothing": psfb(_APP, b"REMB\x01\x00\x00\x00" + VIDEO),
        "bitrate-of-more-than-it-names": psfb(_APP, b"REMB\xff\x03\xff\xff" + VIDEO),
        "bitrate-cut-off": psfb(_APP, b"REMB"),
        "bitrate-of-another-kind": psfb(_APP, b"ABCD" + bytes(8)),
    }


def seeds() -> dict[str, bytes]:
    sdes = bytes(RtcpSdesPacket([RtcpSourceInfo(_THEIRS, [(1, b"somebody@somewhere")])]))
    both = report(_VIDEO, lost=5, fraction=20), report(_AUDIO)
    odd = report(_VIDEO, lost=-8_000_000, fraction=255, dlsr=0xFFFF_FFFF, lsr=0xFFFF_FFFF)
    return {
        **_feedback(),
        **_bitrates(),
        "sender-report": sender_report(*both) + sdes,
        "sender-report-without-time": sender_report(ntp=0),
        "sender-report-of-the-end-of-time": sender_report(ntp=(1 << 64) - 1),
        "receiver-report": receiver_report(*both) + sdes,
        "receiver-report-of-much": receiver_report(*(odd for _ in range(31))),
        "receiver-report-that-miscounts": b"\x9f" + receiver_report(odd)[1:],
        "description-without-end": b"\x9f\xca\x00\x02" + THEIRS + b"\x01\xffab",
        "description-of-nothing": b"\x81\xca\x00\x00",
        "farewell": bytes(RtcpByePacket([_THEIRS, _VIDEO])),
        "farewell-of-more-than-it-names": b"\x9f\xcb\x00\x01" + THEIRS,
        "request": nack(1, 2, 3, 30),
        "request-for-all": nack(*range(0, 65_536, 300)),
        "request-of-nothing": nack(),
        "request-cut-off": nack(1)[:-2],
        "picture-wanted": psfb(_PLI) + psfb(_FIR, VIDEO + bytes(4)),
        "application": pack("!BBH4s4s", 0x80, 204, 2, THEIRS, b"name"),
        "unknown": pack("!BBH", 0x80, 207, 0) + pack("!BBH", 0x9F, 223, 1) + bytes(4),
        "everything": sender_report(*both)
        + sdes
        + nack(5)
        + psfb(_PLI)
        + _feedback()["numbers"]
        + _bitrates()["bitrate"],
        "too-long-for-what-is-there": b"\x80\xc9\xff\xff" + THEIRS,
        "padding-alone": b"\xa0\xc9\x00\x01\x00\x00\x00\x04",
        "padding-beyond": b"\xa0\xc9\x00\x01\x00\x00\x00\xff",
        "one-byte": b"\x80",
        "nothing": b"",
        "version-one": b"\x40" + receiver_report()[1:],
    }


if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, compound in seeds().items():
        (CORPUS / name).write_bytes(compound)
