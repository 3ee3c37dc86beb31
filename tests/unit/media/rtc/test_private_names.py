"""aiortc's private names that we stand on: when one of these fails, read `private` before lifting the version."""

import asyncio
import importlib.metadata

import pytest
from aioice import Connection as IceConnection
from aiortc import RTCIceTransport, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from pylibsrtp import Policy, Session

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
    (RTCRtpSender, "_send_rtcp"),
    (RTCRtpSender, "_send_keyframe"),
    (asyncio.SelectorEventLoop, "_remove_reader"),
)
INSTANCE_NAMES: tuple[tuple[type, str], ...] = (
    (RTCDtlsTransport, "_rtp_router"),
    (RTCDtlsTransport, "_rx_srtp"),
    (RTCDtlsTransport, "_tx_srtp"),
    (RTCIceTransport, "_connection"),
    (IceConnection, "_nominated"),
    (IceConnection, "_protocols"),
    (IceConnection, "_queue"),
    (RTCRtpReceiver, "_enabled"),
    (RTCRtpReceiver, "_track"),
    (RTCRtpSender, "_enabled"),
    (RTCRtpSender, "_RTCRtpSender__ntp_timestamp"),
    (RTCRtpSender, "_RTCRtpSender__rtp_header_extensions_map"),
    (RTCRtpSender, "_RTCRtpSender__rtp_timestamp"),
    (RTCRtpSender, "_RTCRtpSender__rtx_payload_type"),
    (RTCRtpSender, "_RTCRtpSender__rtt"),
    (RTCRtpSender, "_rtx_ssrc"),
    (RTCRtpSender, "_ssrc"),
    (RTCRtpSender, "_stream_id"),
    (RTCRtpSender, "_track_id"),
    (RTCRtpTransceiver, "_RTCRtpTransceiver__receiver"),
    (RTCRtpTransceiver, "_RTCRtpTransceiver__sender"),
    (RTCRtpTransceiver, "_bundled"),
)


def test_the_version_is_the_one_the_names_were_read_in():
    assert importlib.metadata.version("aiortc").startswith("1.16.")


@pytest.mark.parametrize(("owner", "name"), CLASS_NAMES)
def test_a_method_we_call_or_replace_exists(owner, name):
    assert callable(getattr(owner, name))


async def test_the_attributes_we_read_or_set_exist():
    pc = RTCPeerConnection()
    transceiver = pc.addTransceiver("video")
    pc.createDataChannel("x")
    dtls = transceiver.receiver.transport
    objects = [pc, transceiver, transceiver.sender, transceiver.receiver, dtls, dtls.transport]
    objects.append(dtls.transport._connection)
    for owner, name in INSTANCE_NAMES:
        instance = next(thing for thing in objects if isinstance(thing, owner))
        assert hasattr(instance, name), f"{owner.__name__}.{name}"
    assert hasattr(pc.sctp, "_bundled")
    await pc.close()


def test_the_ice_connection_gathers_by_a_method_that_takes_addresses():
    from aioice.ice import Connection

    assert Connection.get_component_candidates.__code__.co_varnames[1:3] == ("component", "addresses")
    assert issubclass(RTCIceTransport, object)


def test_an_srtp_session_has_a_pointer_that_the_native_engine_can_use():
    session = Session(Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_INBOUND))
    assert session._srtp[0]
