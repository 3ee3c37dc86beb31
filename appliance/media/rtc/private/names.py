"""Every private name of other people's code that this folder stands on: read this before lifting a version.

A test holds each against what is installed, and finds those that are used here and not listed.
"""

METHODS: dict[str, tuple[str, ...]] = {
    "aiortc.RTCPeerConnection": (
        "_RTCPeerConnection__connect",
        "_RTCPeerConnection__createDtlsTransport",
        "_RTCPeerConnection__createSctpTransport",
        "_RTCPeerConnection__createTransceiver",
    ),
    "aiortc.RTCDtlsTransport": (
        "_handle_rtcp_data",
        "_recv_next",
        "_register_rtp_receiver",
        "_send_rtp",
        "_set_state",
        "_unregister_rtp_receiver",
    ),
    "aiortc.RTCRtpReceiver": (
        "_handle_disconnect",
        "_handle_rtcp_packet",
        "_handle_rtp_packet",
        "_set_rtcp_ssrc",
    ),
    "aiortc.RTCRtpSender": (
        "_handle_rtcp_packet",
        "_next_encoded_frame",
        "_retransmit",
        "_send_keyframe",
        "_send_rtcp",
    ),
    "asyncio.SelectorEventLoop": ("_remove_reader",),
}
"""Called or replaced."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "aiortc.RTCDtlsTransport": ("_rtp_router", "_rx_srtp", "_tx_srtp"),
    "aiortc.RTCIceTransport": ("_connection",),
    "aiortc.RTCRtpReceiver": ("_enabled", "_track"),
    "aiortc.RTCRtpSender": (
        "_RTCRtpSender__ntp_timestamp",
        "_RTCRtpSender__rtp_header_extensions_map",
        "_RTCRtpSender__rtp_timestamp",
        "_RTCRtpSender__rtt",
        "_RTCRtpSender__rtx_payload_type",
        "_enabled",
        "_rtx_ssrc",
        "_ssrc",
        "_stream_id",
        "_track_id",
    ),
    "aiortc.RTCRtpTransceiver": ("_RTCRtpTransceiver__receiver", "_RTCRtpTransceiver__sender", "_bundled"),
    "aiortc.RTCSctpTransport": ("_bundled",),
    "aioice.Connection": ("_nominated", "_protocols", "_queue"),
    "pylibsrtp.Session": ("_srtp",),
}
"""Read or set on instances."""
