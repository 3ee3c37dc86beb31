"""Which m-line an RTP packet belongs to, better than aiortc knows."""

from collections.abc import Callable
from typing import Any

from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtp import RtpPacket

_MAX_SSRCS = 256


class MidRouter(RtpRouter):
    """Routes SSRCs that no description named by their MID (RFC 8843): simulcast, and m-lines of equal codecs."""

    def __init__(self, *, on_number: Callable[[int, int], None]) -> None:
        """`on_number` hears the transport-wide number and the SSRC of each packet that has one."""
        super().__init__()
        self._on_number = on_number

    def route_rtp(self, packet: RtpPacket) -> Any:
        mid = packet.extensions.mid
        named = self.mid_table.get(mid) if mid is not None else None
        if named is not None:
            self.learn(packet.ssrc, named)
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self._on_number(number, packet.ssrc)
        receiver = super().route_rtp(packet)
        # aiortc learns of SSRCs without end
        self._forget_oldest()
        return receiver

    def learn(self, ssrc: int, receiver: Any) -> None:
        """Remember whose an SSRC is, for its RTCP as well."""
        if self.ssrc_table.get(ssrc) is receiver:
            return
        self.ssrc_table[ssrc] = receiver
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        if len(self.ssrc_table) > _MAX_SSRCS:
            self.ssrc_table.pop(next(iter(self.ssrc_table)))
