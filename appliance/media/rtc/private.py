# ruff: noqa: SLF001 - this is the one file that touches private names of aiortc and aioice; a test watches each of them
"""aiortc's peer connection with our receiver, our sender and our addresses in place of its own."""

import asyncio
import ctypes
import itertools
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from aioice import Connection as IceConnection
from aioice.ice import CandidatePair
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
from aiortc.clock import current_ntp_time
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from aiortc.sdp import SessionDescription, candidate_from_sdp

from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.native.engine import Engine, Event, address_of, is_media
from appliance.media.rtc.native.receiver import NativeReceiver
from appliance.media.rtc.native.setup import LineWish, sender_setup
from appliance.media.rtc.native.transport import NativeSender, NativeTransport
from appliance.media.rtc.outgoing import OutgoingStream, OutTrack
from appliance.media.rtc.router import MidRouter
from appliance.media.rtc.sdp import REPAIRED_RID, RID

logger = logging.getLogger(__name__)

_MAX_COMPOUNDS = 256
_STUMBLES = (ValueError, IndexError, KeyError, AssertionError, struct.error)
"""What aiortc's parsers raise at packets that make no sense."""

GetNative = Callable[[], NativeTransport | None]
"""The native engine's end of the connection, once there is one."""


class SenderPort(RTCRtpSender, OutgoingStream):
    """aiortc's sender (packets, RTX, reports) fed with encoded frames; the packets may be the native engine's."""

    def __init__(self, track: OutTrack, transport: RTCDtlsTransport, native: GetNative) -> None:
        RTCRtpSender.__init__(self, track, transport)
        OutgoingStream.__init__(self, track.queue)
        self._native = native
        self._sending: NativeSender | None = None

    @property
    def rtt_s(self) -> float | None:
        """The round trip, from the receiver's reports."""
        return cast("float | None", vars(self)["_RTCRtpSender__rtt"])

    def name(self, stream_id: str, track_id: str) -> None:
        """Set the msid that the next description carries."""
        self._stream_id, self._track_id = stream_id, track_id

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin: natively where the connection is."""
        await super().send(parameters)
        native = self._native()
        if native is not None and self._sending is None:
            setup = sender_setup(self.kind, parameters, ssrc=self._ssrc, repair_ssrc=self._rtx_ssrc)
            self._sending = native.add_sender(setup)

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        frame = await self.next_frame(is_enabled=lambda: self._enabled)
        if frame is None:
            return None
        if self._sending is None:
            return self.pack(frame, codec)
        timestamp = self.send_natively(frame, self._sending)
        if timestamp is not None:
            # what aiortc's sender reports will say
            inside = vars(self)
            inside["_RTCRtpSender__rtp_timestamp"], inside["_RTCRtpSender__ntp_timestamp"] = (
                timestamp,
                current_ntp_time(),
            )
        return None

    def _send_keyframe(self) -> None:
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    async def _retransmit(self, sequence_number: int) -> None:
        # the native engine has answered already
        if self._sending is None and self.is_new_request(sequence_number):
            await super()._retransmit(sequence_number)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await super()._handle_rtcp_packet(packet)
        self.take_feedback(packet, self._ssrc)
        native = self._native()
        if native is not None and self.rtt_s is not None:
            native.set_rtt(self.rtt_s)

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        if self._sending is not None:
            self._sending.fill_in(packets)
        await super()._send_rtcp(packets)


class ReceiverPort:
    """What aiortc takes for a receiver: no jitter buffer, no decoder thread, no task."""

    def __init__(
        self,
        stream: LineReceiver | NativeReceiver,
        transport: RTCDtlsTransport,
        number: int,
        native: GetNative,
    ) -> None:
        self.stream = stream
        self.transport = transport
        self.repairs: dict[int, int] = {}
        self.ssrcs: list[int] = []
        self._number = number
        self._native = native
        self.extensions: list[RTCRtpHeaderExtensionParameters] = []
        """Header extensions that tell simulcast layers apart, which aiortc's own tables do not name."""
        self._enabled = True
        self._track: MediaStreamTrack | None = None

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track that aiortc hangs here and nobody reads."""
        return self._track

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Learn what comes: called again after each negotiation, unlike aiortc's own."""
        self.stream.configure(parameters.codecs, self.repairs)
        parameters = replace(parameters, headerExtensions=[*parameters.headerExtensions, *self.extensions])
        self.transport._register_rtp_receiver(cast("RTCRtpReceiver", self), parameters)
        for ssrc in self.ssrcs:
            self.transport._rtp_router.ssrc_table[ssrc] = cast("RTCRtpReceiver", self)
        native = self._native()
        if native is not None and isinstance(self.stream, NativeReceiver):
            self.stream.bind(native, self._number)
            wish = LineWish(
                parameters.muxId,
                self.stream.kind == "video",
                parameters.codecs,
                parameters.headerExtensions,
                self.ssrcs,
                self.repairs,
            )
            native.set_line(self._number, wish, self.on_event)

    def on_event(self, event: Event) -> None:
        """Take what the native engine says of this m-line."""
        cast("MidRouter", self.transport._rtp_router).learn(event.ssrc, self)
        if self._enabled and isinstance(self.stream, NativeReceiver):
            self.stream.on_event(event)

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802 - aiortc's name
        """Move to another transport (never, as everything is bundled from the start)."""
        self.transport = transport

    async def stop(self) -> None:
        """Receive no more."""
        self.transport._unregister_rtp_receiver(cast("RTCRtpReceiver", self))
        native = self._native()
        if native is not None:
            native.drop_line(self._number)

    def _handle_disconnect(self) -> None:
        """Nothing runs that would have to end."""

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        """Feedback goes out in the connection's name."""

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            self.stream.on_sender_report(packet)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._enabled and isinstance(self.stream, LineReceiver):
            self.stream.on_packet(packet, arrival_time_ms)


class Connection(RTCPeerConnection):
    """A peer connection that bundles everything, asks no STUN server and uses the addresses it is given."""

    def __init__(
        self,
        *,
        addresses: Callable[[], Sequence[str]],
        receivers: Callable[[str], LineReceiver | NativeReceiver],
        on_connected: Callable[[], None],
        library: ctypes.CDLL | None = None,
        ssrc: int = 0,
    ) -> None:
        # iceServers=None would mean a public STUN server to aiortc
        super().__init__(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._addresses = addresses
        self._new_stream = receivers
        self._on_connected = on_connected
        self._library = library
        self._ssrc = ssrc
        self._numbers = itertools.count(1)
        self._compounds: asyncio.Queue[bytes] = asyncio.Queue(_MAX_COMPOUNDS)
        self.native: NativeTransport | None = None
        """The native engine's end, from the handshake on, if it handles the packets."""
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
        """End everything, the native engine's part last: it sends the farewells."""
        try:
            await super().close()
        finally:
            if self.native is not None:
                self.native.close()

    async def handle_rtcp(self) -> None:
        """Handle what the native engine hands up, until cancelled."""
        while True:
            data = await self._compounds.get()
            try:
                if self._dtls is not None:
                    await self._dtls._handle_rtcp_data(data)
            except _STUMBLES as err:
                self._count_malformed(err)
            except ConnectionError:
                # the answer could not leave any more
                return

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
                port.extensions = [ext for ext in media.rtp.headerExtensions if ext.uri in {RID, REPAIRED_RID}]

    async def _RTCPeerConnection__connect(self) -> None:  # noqa: N802 - aiortc's name
        try:
            await cast("Any", super())._RTCPeerConnection__connect()
        except (InvalidStateError, ConnectionError) as err:
            logger.debug("connecting ended: %s", err)

    def _RTCPeerConnection__createDtlsTransport(self) -> RTCDtlsTransport:  # noqa: N802 - aiortc's name
        transport: RTCDtlsTransport = cast("Any", super())._RTCPeerConnection__createDtlsTransport()
        transport._rtp_router = MidRouter()
        self._use_our_addresses(transport.transport)
        self._forgive_malformed(transport)

        @transport.on("statechange")
        def changed() -> None:
            if transport.state == "connected":
                if self._library is not None:
                    self._go_native(transport, self._library)
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
        stream, number = self._new_stream(kind), next(self._numbers)
        inside["_RTCRtpTransceiver__receiver"] = ReceiverPort(stream, transport, number, self._get_native)
        if isinstance(sender_track, OutTrack):
            inside["_RTCRtpTransceiver__sender"] = SenderPort(sender_track, transport, self._get_native)
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

    def _forgive_malformed(self, transport: RTCDtlsTransport) -> None:
        """Let a packet that aiortc's parsers stumble over be lost; by itself it would end the transport."""
        receive: Callable[[], Awaitable[None]] = transport._recv_next

        async def forgiving() -> None:
            try:
                await receive()
            except _STUMBLES as err:
                self._count_malformed(err)
                # never a tight loop, whatever comes
                await asyncio.sleep(0)

        vars(transport)["_recv_next"] = forgiving

    def _count_malformed(self, error: Exception) -> None:
        self.malformed += 1
        logger.debug("a malformed packet was dropped: %s", error)

    def _get_native(self) -> NativeTransport | None:
        return self.native

    def _go_native(self, dtls: RTCDtlsTransport, library: ctypes.CDLL) -> None:
        """Hand sockets and SRTP sessions to the native engine; STUN and DTLS come back from it."""
        sessions = dtls._rx_srtp, dtls._tx_srtp
        native = NativeTransport(
            Engine.of_running_loop(library),
            ssrc=self._ssrc,
            receive=address_of(sessions[0]._srtp[0]),
            send=address_of(sessions[1]._srtp[0]),
            keep=sessions,
        )
        # from here on Python decrypts nothing
        vars(dtls)["_rx_srtp"] = None

        async def send(data: bytes) -> None:
            if dtls.state != "connected" or native.closed:
                raise ConnectionError("not connected")
            native.send(data)

        vars(dtls)["_send_rtp"] = send
        native.on_rtcp = self._take_compound
        _hand_over_sockets(dtls.transport._connection, native)
        self.native = native

    def _take_compound(self, data: bytes) -> None:
        if not self._compounds.full():
            self._compounds.put_nowait(data)


def _hand_over_sockets(ice: IceConnection, native: NativeTransport) -> None:
    """Let the engine read what aioice reads, and send where aioice would."""
    loop: Any = asyncio.get_running_loop()
    numbers: dict[object, int] = {}
    for protocol in ice._protocols:
        sock = protocol.transport.get_extra_info("socket")
        loop._remove_reader(sock.fileno())
        numbers[protocol] = native.add_socket(sock, protocol.datagram_received)
    chosen: CandidatePair | None = None

    def follow() -> None:
        nonlocal chosen
        pair = ice._nominated.get(1)
        if pair is not None and pair is not chosen:
            chosen = pair
            native.route(numbers[pair.protocol], pair.remote_addr)

    # a check may nominate another pair, in a task that runs after this one
    native.on_datagram = lambda: loop.call_soon(follow)
    follow()
    waiting = [ice._queue.get_nowait() for _ in range(ice._queue.qsize())]
    for item in waiting:
        if item is not None and is_media(item[0]):
            native.inject(item[0])
        else:
            ice._queue.put_nowait(item)
