"""The private names that private.py stands on; a unit test looks whether each still exists."""

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport

CLASS_NAMES: tuple[tuple[type, str], ...] = (
    (RTCPeerConnection, "_RTCPeerConnection__connect"),
    (RTCPeerConnection, "_RTCPeerConnection__createDtlsTransport"),
    (RTCPeerConnection, "_RTCPeerConnection__createSctpTransport"),
    (RTCPeerConnection, "_RTCPeerConnection__createTransceiver"),
    (RTCDtlsTransport, "_handle_rtcp_data"),
    (RTCDtlsTransport, "_recv_next"),
    (RTCDtlsTransport, "_register_rtp_receiver"),
    (RTCDtlsTransport, "_unregister_rtp_receiver"),
    (RTCDtlsTransport, "_send_rtp"),
    (RTCRtpReceiver, "_handle_disconnect"),
    (RTCRtpReceiver, "_handle_rtcp_packet"),
    (RTCRtpReceiver, "_handle_rtp_packet"),
    (RTCRtpReceiver, "_set_rtcp_ssrc"),
    (RTCRtpSender, "_handle_rtcp_packet"),
    (RTCRtpSender, "_next_encoded_frame"),
    (RTCRtpSender, "_retransmit"),
    (RTCRtpSender, "_send_keyframe"),
)
INSTANCE_NAMES: tuple[tuple[type, str], ...] = (
    (RTCDtlsTransport, "_rtp_router"),
    (RTCIceTransport, "_connection"),
    (RTCIceTransport, "_recv"),
    (RTCRtpReceiver, "_enabled"),
    (RTCRtpReceiver, "_track"),
    (RTCRtpSender, "_enabled"),
    (RTCRtpSender, "_RTCRtpSender__rtp_header_extensions_map"),
    (RTCRtpSender, "_RTCRtpSender__rtt"),
    (RTCRtpSender, "_RTCRtpSender__rtx_payload_type"),
    (RTCRtpSender, "_rtx_ssrc"),
    (RTCRtpSender, "_ssrc"),
    (RTCRtpSender, "_stream_id"),
    (RTCRtpSender, "_track_id"),
    (RTCRtpTransceiver, "_RTCRtpTransceiver__receiver"),
    (RTCRtpTransceiver, "_RTCRtpTransceiver__sender"),
    (RTCRtpTransceiver, "_bundled"),
)
