"""Simulcast as offers and answers say it (RFC 8853): one m-line, a name (RID) for each layer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
RID_ID, REPAIRED_RID_ID = 10, 11
"""Header extension ids; aiortc's own are below."""
_SSRC = ("a=ssrc:", "a=ssrc-group:")
_MAX_LAYERS = 4


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of an m-line that we take."""

    rids: tuple[str, ...]
    """As they were offered."""
    maps: tuple[str, ...]
    """The offer's lines that give their header extensions a number."""

    def answer(self) -> tuple[str, ...]:
        """Return what our answer says of them."""
        return (*self.maps, *(f"a=rid:{rid} recv" for rid in self.rids), f"a=simulcast:recv {';'.join(self.rids)}")


def sent(section: Sequence[str]) -> Layers | None:
    """Return the layers that the m-section of an offer sends, None if it is one plain stream."""
    maps = tuple(
        line for line in section if line.startswith("a=extmap:") and line.endswith((f" {RID}", f" {REPAIRED_RID}"))
    )
    if not any(line.endswith(f" {RID}") for line in maps):
        return None
    named = (rid.removeprefix("~") for rid in _listed(section, "send"))
    rids = tuple(rid for rid in dict.fromkeys(named) if re.fullmatch(r"[A-Za-z0-9_-]{1,16}", rid))[:_MAX_LAYERS]
    return Layers(rids, maps) if rids else None


def offered(section: Sequence[str], rids: Sequence[str]) -> list[str]:
    """Return the m-section of an offer with its layers; their SSRCs are told by the packets alone."""
    lines = [line for line in section if not line.startswith(_SSRC)]
    lines += [f"a=extmap:{RID_ID} {RID}", f"a=extmap:{REPAIRED_RID_ID} {REPAIRED_RID}"]
    return [*lines, *(f"a=rid:{rid} send" for rid in rids), f"a=simulcast:send {';'.join(rids)}"]


def accepted(section: Sequence[str]) -> tuple[str, ...]:
    """Return the layers that an answer takes, without those it pauses."""
    return tuple(rid for rid in _listed(section, "recv") if rid and not rid.startswith("~"))


def _listed(section: Sequence[str], direction: str) -> list[str]:
    words = next((line.split(":", 1)[1] for line in section if line.startswith("a=simulcast:")), "").split()
    return re.split("[;,]", words[words.index(direction) + 1]) if direction in words[:-1] else []
