"""What a negotiation settled, in the words of the native engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiortc import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters
from aiortc.rtcrtpparameters import RTCRtpSendParameters

from appliance.media.rtc.native.library import (
    AUDIO,
    H264,
    MOST_CODECS,
    MOST_SSRCS,
    RTX,
    VP8,
    Extensions,
    LineSetup,
    SenderSetup,
)
from appliance.media.rtc.simulcast import REPAIRED_RID, REPAIRED_RID_ID, RID, RID_ID

_CODECS = {"vp8": VP8, "h264": H264, "rtx": RTX}
_EXTENSIONS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": "mid",
    RID: "rid",
    REPAIRED_RID: "repaired_rid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": "audio_level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": "abs_send_time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": "transport_sequence",
}


@dataclass(frozen=True, slots=True)
class LineWish:
    """What is known of a receiving m-line after a negotiation."""

    mid: str
    video: bool
    codecs: Sequence[RTCRtpCodecParameters]
    headers: Sequence[RTCRtpHeaderExtensionParameters] = ()
    ssrcs: Sequence[int] = ()
    repairs: Mapping[int, int] = field(default_factory=dict)
    """Repairing SSRC to the one it repairs."""


def header_ids(headers: Sequence[RTCRtpHeaderExtensionParameters]) -> Extensions:
    """Return the header extension ids that mean something to the engine."""
    ids = Extensions()
    for header in headers:
        name = _EXTENSIONS.get(header.uri)
        if name is not None:
            setattr(ids, name, header.id)
    return ids


def line_setup(number: int, wish: LineWish) -> LineSetup:
    """Return an m-line as the library takes it."""
    setup = LineSetup(number=number, video=wish.video, mid=wish.mid.encode())
    codecs = [codec for codec in wish.codecs if codec.payloadType is not None][:MOST_CODECS]
    setup.codec_count = len(codecs)
    for entry, codec in zip(setup.codecs, codecs, strict=False):
        entry.payload_type, entry.clock_rate = codec.payloadType, codec.clockRate
        entry.codec, entry.repairs = _CODECS.get(codec.name.lower(), AUDIO), _repaired_type(codec)
    named = {**dict.fromkeys(wish.ssrcs, 0), **wish.repairs}
    setup.ssrc_count = min(len(named), MOST_SSRCS)
    for source, (ssrc, repairs) in zip(setup.ssrcs, named.items(), strict=False):
        source.ssrc, source.repairs = ssrc, repairs
    return setup


def sender_setup(kind: str, parameters: RTCRtpSendParameters, *, ssrcs: tuple[int, int], rid: str = "") -> SenderSetup:
    """Return a stream to send as the library takes it; `ssrcs` are its own and that of its repairs."""
    codec = parameters.codecs[0]
    repair = next((c for c in parameters.codecs if c.name == "rtx" and _repaired_type(c) == codec.payloadType), None)
    ids = header_ids(parameters.headerExtensions)
    ids.rid, ids.repaired_rid = RID_ID, REPAIRED_RID_ID
    return SenderSetup(
        ssrc=ssrcs[0],
        repair_ssrc=ssrcs[1],
        video=kind == "video",
        codec=_CODECS.get(codec.name.lower(), AUDIO),
        payload_type=codec.payloadType,
        repair_payload_type=0 if repair is None else repair.payloadType,
        extensions=ids,
        mid=parameters.muxId.encode(),
        rid=rid.encode(),
    )


def _repaired_type(codec: RTCRtpCodecParameters) -> int:
    repaired = codec.parameters.get("apt")
    return repaired & 0x7F if isinstance(repaired, int) else 0
