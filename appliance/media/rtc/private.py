# ruff: noqa: SLF001 - this is the one file that touches private names of aiortc, aioice and asyncio; private_names.py lists them
"""aiortc's peer connection with our receiver, our sender and our addresses in place of its own."""

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from fractions import Fraction
from typing import Any, cast

import av
from aiortc import (
    InvalidStateError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.codecs import get_encoder
from aiortc.codecs.base import Encoder
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp

from appliance.media.rtc.arrival import TimedSocket, arrival_us
from appliance.media.rtc.bandwidth import told_bitrate
from appliance.media.rtc.congestion.allocation import SOUND
from appliance.media.rtc.extensions import NumberedExtensions
from appliance.media.rtc.outgoing import OutTrack
from appliance.media.rtc.receiver import StreamReceiver
from appliance.media.rtc.router import MidRouter
from appliance.media.rtc.sender import OutgoingClock
from appliance.media.rtc.sending import Sending
from appliance.media.rtc.transport_wide import number_id, split_feedback, teach_aiortc

logger = logging.getLogger(__name__)

_MAX_SSRCS = 256
_MOST = {"audio": SOUND, "video": 2_500_000}
_RESEND_S = 0.015
"""A packet asked for twice within this time is one request that several people, or one impatient one, made."""


class SenderPort(RTCRtpSender):
    """aiortc's sender (packets, RTX, reports) fed with encoded frames."""

    def __init__(self, track: OutTrack, transport: RTCDtlsTransport, sending: Sending) -> None:
        super().__init__(track, transport)
        self.extensions = NumberedExtensions()
        vars(self)["_RTCRtpSender__rtp_header_extensions_map"] = self.extensions
        self.layers: list[SenderPort] = []
        """Senders of the other simulcast layers of this m-line."""
        self.sending = sending
        sending.add(self)
        self.on_keyframe_request: Callable[[], None] | None = None
        self.on_bitrate: Callable[[int], None] | None = None
        """Hears how much it may send; without, it sends what comes."""
        self.most = _MOST[track.kind]
        self.speaks = False
        self.frames = self.octets = 0
        self.fraction_lost = 0.0
        self.clock = OutgoingClock()
        self._queue = track.queue
        self._packer: Encoder | None = None
        self._was_silent = False
        self._resent: dict[int, float] = {}

    @property
    def rtt_s(self) -> float | None:
        """The round trip, from the receiver's reports."""
        return cast("float | None", vars(self)["_RTCRtpSender__rtt"])

    @property
    def ssrcs(self) -> tuple[int, int]:
        """The stream's SSRC and that of its repairs."""
        return self._ssrc, self._rtx_ssrc

    def name(self, stream_id: str, track_id: str) -> None:
        """Set the msid that the next description carries."""
        self._stream_id, self._track_id = stream_id, track_id

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin, with what was negotiated."""
        self.sending.number_id = number_id(parameters.headerExtensions) or self.sending.number_id
        await super().send(parameters)
        for layer in self.layers:
            await layer.send(parameters)

    async def stop(self) -> None:
        """End, for good."""
        await super().stop()
        for layer in self.layers:
            await layer.stop()

    def add_layer(self, rid: str, track: OutTrack) -> "SenderPort":
        """Add a simulcast layer before the m-line is offered."""
        layer = SenderPort(track, self.transport, self.sending)
        layer.extensions.name_layer(rid)
        self.layers.append(layer)
        return layer

    async def repeat(self, sequence: int) -> bool:
        """Send a packet again as padding; only repairs may come twice."""
        if vars(self)["_RTCRtpSender__rtx_payload_type"] is None:
            return False
        before = self.sending.pushed
        await super()._retransmit(sequence)
        return self.sending.pushed != before

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        self._queue.go_live()
        if self.kind == "video":
            await self.sending.room()
        frame = await self._queue.get()
        was_silent, self._was_silent = self._was_silent, not self._enabled
        if not self._enabled:
            return None
        if was_silent and not frame.keyframe:
            # the m-line speaks again, and what came meanwhile is missing at the other end
            self._queue.need_key()
            return None
        if self._packer is None:
            self._packer = get_encoder(codec)
        packet = av.Packet(frame.data)
        packet.pts = self.clock.map(frame.timestamp, frame.clock_rate, time.monotonic())
        packet.time_base = Fraction(1, frame.clock_rate)
        payloads, timestamp = self._packer.pack(packet)
        if not payloads:
            return None
        self.frames += 1
        self.octets += len(frame.data)
        level = None if frame.level is None else -frame.level
        return RTCEncodedFrame(payloads, timestamp, cast("int", level))

    def _send_keyframe(self) -> None:
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    async def _retransmit(self, sequence_number: int) -> None:
        now = time.monotonic()
        if now - self._resent.get(sequence_number, 0.0) < _RESEND_S:
            return
        if len(self._resent) > _MAX_SSRCS:
            self._resent.clear()
        self._resent[sequence_number] = now
        await super()._retransmit(sequence_number)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self.fraction_lost = report.fraction_lost / 256
                    self.sending.report(self.fraction_lost, self.rtt_s)
        bitrate = told_bitrate(packet, self._ssrc)
        if bitrate is not None:
            self.sending.bounded(bitrate)


class ReceiverPort:
    """What aiortc takes for a receiver: no jitter buffer, no decoder thread, no task."""

    def __init__(self, stream: StreamReceiver, transport: RTCDtlsTransport) -> None:
        self.stream = stream
        self.transport = transport
        self.repairs: dict[int, int] = {}
        self.ssrcs: list[int] = []
        self._enabled = True
        self._track: MediaStreamTrack | None = None

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track that aiortc hangs here and nobody reads."""
        return self._track

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Learn what comes: called again after each negotiation, unlike aiortc's own."""
        self.stream.configure(parameters.codecs, self.repairs)
        self.transport._register_rtp_receiver(cast("RTCRtpReceiver", self), parameters)
        for ssrc in self.ssrcs:
            self.transport._rtp_router.ssrc_table[ssrc] = cast("RTCRtpReceiver", self)

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802 - aiortc's name
        """Move to another transport (never, as everything is bundled from the start)."""
        self.transport = transport

    async def stop(self) -> None:
        """Receive no more."""
        self.transport._unregister_rtp_receiver(cast("RTCRtpReceiver", self))

    def _handle_disconnect(self) -> None:
        """Nothing runs that would have to end."""

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        """Feedback goes out in the connection's name."""

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            self.stream.on_sender_report(packet)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._enabled:
            self.stream.on_packet(packet, arrival_time_ms)


class Connection(RTCPeerConnection):
    """A peer connection that bundles everything, asks no STUN server and uses the addresses it is given."""

    def __init__(
        self,
        *,
        addresses: Callable[[], Sequence[str]],
        receivers: Callable[[str], StreamReceiver],
        on_connected: Callable[[], None],
        on_number: Callable[[int, int, int], None],
    ) -> None:
        teach_aiortc()
        # iceServers=None would mean a public STUN server to aiortc
        super().__init__(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._addresses = addresses
        self._new_stream = receivers
        self._on_connected = on_connected
        self._on_number = on_number
        self._arrived_us = 0
        self._sockets: list[TimedSocket] = []
        self.sending = Sending(self._put)
        self.malformed = 0
        """Packets that made aiortc stumble."""
        self._dtls: RTCDtlsTransport | None = None

    async def connect_step(self) -> None:
        """Start what was negotiated during the DTLS handshake; aiortc forgets it silently."""
        await self._RTCPeerConnection__connect()

    async def add_remote(self, candidate: str) -> None:
        """Give a candidate to the one transport; aiortc drops those of bundled m-lines."""
        if self._dtls is not None:
            parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
            await self._dtls.transport.addRemoteCandidate(parsed)

    async def close(self) -> None:
        """End everything."""
        try:
            await super().close()
        finally:
            for timed in self._sockets:
                timed.close()
            self._sockets.clear()

    async def send_rtcp(self, data: bytes) -> None:
        """Send feedback, if there is a connection."""
        if self._dtls is not None and self._dtls.state == "connected":
            await self._dtls._send_rtp(data)

    def add_sender(self, track: OutTrack) -> tuple[RTCRtpTransceiver, SenderPort]:
        """Add an m-line that sends."""
        transceiver = self.addTransceiver(track, direction="sendonly")
        return transceiver, cast("SenderPort", transceiver.sender)

    def port(self, mid: str) -> ReceiverPort | None:
        """Return the receiver of an m-line."""
        found = next((t for t in self.getTransceivers() if t.mid == mid), None)
        return None if found is None else cast("ReceiverPort", found.receiver)

    def announce(self, description: SessionDescription) -> None:
        """Learn SSRCs and their repair streams from a remote description, after it was set."""
        for media in description.media:
            port = self.port(media.rtp.muxId) if media.kind in {"audio", "video"} else None
            if port is not None:
                pairs = [group.items for group in media.ssrc_group if group.semantic == "FID" and len(group.items) == 2]
                port.repairs = {int(repair): int(primary) for primary, repair in pairs}
                port.ssrcs = [source.ssrc for source in media.ssrc][:8]

    async def _RTCPeerConnection__connect(self) -> None:  # noqa: N802 - aiortc's name
        try:
            await cast("Any", super())._RTCPeerConnection__connect()
        except (InvalidStateError, ConnectionError) as err:
            logger.debug("connecting ended: %s", err)

    def _RTCPeerConnection__createDtlsTransport(self) -> RTCDtlsTransport:  # noqa: N802 - aiortc's name
        transport: RTCDtlsTransport = cast("Any", super())._RTCPeerConnection__createDtlsTransport()
        transport._rtp_router = MidRouter(on_number=self._numbered)
        self._use_our_addresses(transport.transport)
        self._forgive_malformed(transport)
        self._send_by_turns(transport)

        @transport.on("statechange")
        def changed() -> None:
            if transport.state == "connected":
                self._time_arrivals(transport)
                self._on_connected()

        self._dtls = transport
        return transport

    def _RTCPeerConnection__createSctpTransport(self) -> None:  # noqa: N802 - aiortc's name
        cast("Any", super())._RTCPeerConnection__createSctpTransport()
        # otherwise the transport is stopped when a first offer has data and media: it is its own rival
        if self.sctp is not None:
            self.sctp._bundled = True

    def _RTCPeerConnection__createTransceiver(  # noqa: N802 - aiortc's name
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        create = cast("Any", super())._RTCPeerConnection__createTransceiver
        transceiver: RTCRtpTransceiver = create(direction=direction, kind=kind, sender_track=sender_track)
        transport = transceiver.receiver.transport
        inside = vars(transceiver)
        inside["_RTCRtpTransceiver__receiver"] = ReceiverPort(self._new_stream(kind), transport)
        if isinstance(sender_track, OutTrack):
            inside["_RTCRtpTransceiver__sender"] = SenderPort(sender_track, transport, self.sending)
        transceiver._bundled = True
        return transceiver

    def _use_our_addresses(self, transport: RTCIceTransport) -> None:
        ice = transport._connection
        gather = ice.get_component_candidates

        async def ours(component: int, **_: object) -> Any:
            # one at a time: what it has opened for several it forgets when it is cancelled in between
            return [found for address in self._addresses() for found in await gather(component, [address])]

        # aioice leaves loopback out and cannot be told otherwise
        vars(ice)["get_component_candidates"] = ours

    def _numbered(self, number: int, ssrc: int) -> None:
        self._on_number(number, ssrc, self._arrived_us)

    def _time_arrivals(self, transport: RTCDtlsTransport) -> None:
        """Read the sockets ourselves, with the kernel's times, and keep the time of the packet in hand."""
        receive: Callable[[], Awaitable[bytes]] = transport.transport._recv
        loop = cast("Any", asyncio.get_running_loop())
        for protocol in transport.transport._connection._protocols:
            sock = protocol.transport.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                loop._remove_reader(sock.fileno())
                self._sockets.append(TimedSocket(sock, protocol.datagram_received))

        async def timed() -> bytes:
            data = await receive()
            self._arrived_us = arrival_us(data)
            return data

        vars(transport.transport)["_recv"] = timed

    async def _put(self, packet: bytes) -> None:
        if self._dtls is None:
            raise ConnectionError("there is no transport yet")
        await RTCDtlsTransport._send_rtp(self._dtls, packet)

    def _send_by_turns(self, transport: RTCDtlsTransport) -> None:
        """Let RTP go through the pacer, and take the feedback that it needs out of RTCP."""
        handle: Callable[[bytes], Awaitable[None]] = transport._handle_rtcp_data

        async def send(data: bytes) -> None:
            await (self._put(data) if is_rtcp(data) else self.sending.send(data))

        async def sorted_out(data: bytes) -> None:
            rest, feedback = split_feedback(data)
            for fci in feedback:
                self.sending.feedback(fci)
            await handle(rest)

        vars(transport)["_send_rtp"] = send
        vars(transport)["_handle_rtcp_data"] = sorted_out

    def _forgive_malformed(self, transport: RTCDtlsTransport) -> None:
        """Let a packet that aiortc's parsers stumble over be lost; by itself it would end the transport."""
        receive: Callable[[], Awaitable[None]] = transport._recv_next

        async def forgiving() -> None:
            try:
                await receive()
            except (ValueError, IndexError, KeyError, AssertionError, struct.error) as err:
                self.malformed += 1
                logger.debug("a malformed packet was dropped: %s", err)
                # never a tight loop, whatever comes
                await asyncio.sleep(0)

        vars(transport)["_recv_next"] = forgiving
