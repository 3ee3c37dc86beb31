"""A sender that speaks RTP by hand, for what senders of ours never do."""

from aiortc import RTCRtpHeaderExtensionParameters
from aiortc.rtcrtpparameters import RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from appliance.media.rtc.peer import Peer
from appliance.media.rtc.simulcast import RID, RID_ID


class Stranger:
    """Sends over a peer that handles its packets in Python."""

    _EXTENSIONS = ((1, "urn:ietf:params:rtp-hdrext:sdes:mid"), (RID_ID, RID))

    def __init__(self, peer: Peer) -> None:
        self._transport = peer._connection._dtls
        self._ids = HeaderExtensionsMap()
        said = [RTCRtpHeaderExtensionParameters(number, uri) for number, uri in self._EXTENSIONS]
        self._ids.configure(RTCRtpParameters(headerExtensions=said))

    async def say(
        self,
        payload: bytes,
        number: int,
        *,
        ssrc: int,
        payload_type: int,
        marker: bool = True,
        timestamp: int | None = None,
        mid: str | None = None,
        rid: str | None = None,
    ) -> None:
        """Send a packet; each is a frame of its own unless it says otherwise."""
        at = number * 3000 if timestamp is None else timestamp
        packet = RtpPacket(payload_type, marker=int(marker), sequence_number=number, timestamp=at, ssrc=ssrc)
        packet.payload, packet.extensions.mid, packet.extensions.rtp_stream_id = payload, mid, rid
        await self._transport._send_rtp(packet.serialize(self._ids))
