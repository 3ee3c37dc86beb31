"""Simulcast as our offers and the answers to them say it (RFC 8853): one m-line, a name (RID) for each layer."""

import re
from collections.abc import Sequence

RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
RID_ID, REPAIRED_RID_ID = 10, 11
"""Header extension ids; aiortc's own are below."""
_SSRC = ("a=ssrc:", "a=ssrc-group:")


def offered(section: Sequence[str], rids: Sequence[str]) -> list[str]:
    """Return the m-section of an offer with its layers; their SSRCs are told by the packets alone."""
    lines = [line for line in section if not line.startswith(_SSRC)]
    lines += [f"a=extmap:{RID_ID} {RID}", f"a=extmap:{REPAIRED_RID_ID} {REPAIRED_RID}"]
    return [*lines, *(f"a=rid:{rid} send" for rid in rids), f"a=simulcast:send {';'.join(rids)}"]


def accepted(section: Sequence[str]) -> tuple[str, ...]:
    """Return the layers that an answer takes, without those it pauses."""
    value = next((line.removeprefix("a=simulcast:") for line in section if line.startswith("a=simulcast:")), "")
    words = value.split()
    if "recv" not in words[:-1]:
        return ()
    return tuple(rid for rid in re.split("[;,]", words[words.index("recv") + 1]) if rid and not rid.startswith("~"))
