"""Whose packets are whose, where Python handles them."""

from aiortc.rtp import RtpPacket

from appliance.media.rtc.router import MidRouter


def test_ssrcs_without_end_fill_no_memory():
    router, line = MidRouter(on_number=lambda *_: None), object()
    router.register_receiver(line, ssrcs=[], payload_types=[96], mid="0")
    for ssrc in range(1000):
        assert router.route_rtp(RtpPacket(payload_type=96, ssrc=ssrc)) is line
    assert len(router.ssrc_table) == 256
    assert router.ssrc_table[999] is line
