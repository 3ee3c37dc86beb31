"""Session descriptions as text: what aiortc cannot take is cut out before, what it cannot say is put in after.

Cut out: candidates (they go to the one bundled transport by themselves), rejected m-lines and those without a codec of
ours (a harmless stand-in keeps their place). Put in: simulcast, what Opus may do (RFC 7587), the rejections.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiortc.sdp import MediaDescription

from appliance.errors import SalonError
from appliance.media.rtc import simulcast
from appliance.media.rtc.simulcast import Layers

_MAX_CHARS = 2_000_000
_MAX_SECTIONS = 512
"""Of others' descriptions; our own are as long as the meeting is large: a line for each picture and each voice."""
_MID = re.compile(r"[!-~]{1,32}")
"""A token (RFC 8866 section 9), of a length that all who carry it in packets have room for."""
_OURS = {"audio": re.compile(r"a=rtpmap:\d+ (?:opus/48000|PCM[UA]/8000|G722/8000)", re.IGNORECASE)}
_OURS["video"] = re.compile(r"a=rtpmap:\d+ (?:VP8|H264)/90000", re.IGNORECASE)
_STAND_IN = {
    "audio": ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2"),
    "video": (
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 H264/90000",
        "a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    ),
}
_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
_OPUS = re.compile(r"a=rtpmap:(\d+) opus/48000/2", re.IGNORECASE)


class BadDescription(SalonError, ValueError):
    """An SDP that makes no sense, or that we cannot follow."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A remote description made fit for aiortc."""

    text: str
    candidates: tuple[str, ...] = ()
    rejected: frozenset[str] = frozenset()
    """Mids that stand-ins hold the place of."""
    layers: dict[str, Layers] = field(default_factory=dict)
    """Mid to the simulcast layers that an offer sends."""
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Mid to the simulcast layers of ours that an answer takes."""


def shape_remote(text: str) -> Shaped:
    """Check a remote description and make it fit for aiortc."""
    if len(text) > _MAX_CHARS:
        raise BadDescription("the session description is too long")
    head, sections = _split(text)
    if len(sections) > _MAX_SECTIONS:
        raise BadDescription("the session description has too many media sections")
    transport = _transport_lines(head, sections)
    if transport and not any(line.startswith("a=fingerprint:") for line in (*transport, *head)):
        # RFC 8827, 5.5; aiortc would find that out in a task of its own, while it connects
        raise BadDescription("the session description names no certificate, so that nobody could be trusted")
    candidates: dict[str, None] = {}
    rejected: set[str] = set()
    layers: dict[str, Layers] = {}
    accepted: dict[str, tuple[str, ...]] = {}
    lines = list(head)
    for section in sections:
        mid = _value(section, "a=mid:")
        if mid is None or not _MID.fullmatch(mid) or mid in accepted:
            raise BadDescription("a media section of the session description has no mid of its own")
        candidates.update((line[2:], None) for line in section if line.startswith("a=candidate:"))
        if (sent := simulcast.sent(section)) is not None:
            layers[mid] = sent
        accepted[mid] = simulcast.accepted(section)
        if _is_usable(section):
            lines += [line for line in section if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
        else:
            rejected.add(mid)
            lines += _stand_in(section, mid, transport)
    return Shaped("\r\n".join(lines) + "\r\n", tuple(candidates), frozenset(rejected), layers, accepted)


def finish_local(text: str, shaped: Shaped | None = None, *, offered: Mapping[str, Sequence[str]] | None = None) -> str:
    """Add to our own description what aiortc left out.

    `shaped` is the offer it answers; `offered` are the simulcast layers, by mid, of an offer of ours.
    """
    head, sections = _split(text)
    rejected = shaped.rejected if shaped is not None else frozenset()
    layers = shaped.layers if shaped is not None else {}
    lines = [_without(line, rejected) for line in head]
    for section in sections:
        mid = _value(section, "a=mid:") or ""
        finished = _with_opus_wishes(section)
        if mid in layers:
            finished += layers[mid].answer()
        if offered and mid in offered:
            finished = simulcast.offered(finished, offered[mid])
        if mid in rejected:
            finished[0] = re.sub(r"^(m=\S+) \d+", r"\1 0", finished[0])
        lines += finished
    return "\r\n".join(lines) + "\r\n"


def _split(text: str) -> tuple[list[str], list[list[str]]]:
    head: list[str] = []
    sections: list[list[str]] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("m="):
            sections.append([line])
        else:
            (sections[-1] if sections else head).append(line)
    if not head or not head[0].startswith("v=0") or not sections:
        raise BadDescription("this is not a session description of a meeting")
    return head, sections


def _is_usable(section: Sequence[str]) -> bool:
    kind, _, port = section[0].removeprefix("m=").partition(" ")
    if kind == "application":
        return True
    if kind not in _OURS:
        raise BadDescription("the session description offers something that is neither picture, sound nor data")
    refused = port.split(" ", 1)[0] == "0" and "a=bundle-only" not in section
    return not refused and any(_OURS[kind].match(line) for line in section)


def _stand_in(section: Sequence[str], mid: str, transport: Sequence[str]) -> list[str]:
    kind = section[0].removeprefix("m=").partition(" ")[0]
    first, *codecs = _STAND_IN[kind]
    return [first, "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=inactive", "a=rtcp-mux", *codecs, *transport]


def _transport_lines(head: Sequence[str], sections: Sequence[Sequence[str]]) -> list[str]:
    for section in (*sections, head):
        lines = [line for line in section if line.startswith(_TRANSPORT)]
        if any(line.startswith("a=ice-ufrag:") for line in lines):
            return lines
    return []


def _with_opus_wishes(section: list[str]) -> list[str]:
    lines: list[str] = []
    for line in section:
        lines.append(line)
        opus = _OPUS.match(line)
        if opus is not None and not any(other.startswith(f"a=fmtp:{opus[1]} ") for other in section):
            lines.append(f"a=fmtp:{opus[1]} minptime=10;useinbandfec=1;usedtx=1")
    return lines


def msid(media: MediaDescription) -> tuple[str, str]:
    """Return the stream and track a remote m-line carries (RFC 8830), from wherever its sender wrote them."""
    text = media.msid or next((source.msid for source in media.ssrc if source.msid), None) or ""
    stream_id, _, track_id = text.strip().partition(" ")
    return stream_id, track_id.strip()


def _without(line: str, mids: frozenset[str]) -> str:
    if not line.startswith("a=group:BUNDLE"):
        return line
    return " ".join(word for word in line.split() if word not in mids)


def _value(section: Sequence[str], prefix: str) -> str | None:
    return next((line[len(prefix) :] for line in section if line.startswith(prefix)), None)
