# ruff: noqa: SLF001 - this folder is the one place that touches private names of others; names.py lists them
"""aiortc's peer connection with our receiver, our sender and our addresses in place of its own."""

import asyncio
import ctypes
import itertools
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from aiortc import (
    InvalidStateError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtp import is_rtcp
from aiortc.sdp import SessionDescription, candidate_from_sdp

from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.native.engine import EngineFailed
from appliance.media.rtc.native.receiver import NativeReceiver
from appliance.media.rtc.native.transport import NativeTransport
from appliance.media.rtc.outgoing import OutTrack
from appliance.media.rtc.private.handover import hand_over
from appliance.media.rtc.private.ports import ReceiverPort, SenderPort
from appliance.media.rtc.router import MidRouter
from appliance.media.rtc.sending import NativeSending, Sending
from appliance.media.rtc.simulcast import REPAIRED_RID, RID
from appliance.media.rtc.transport_wide import split_feedback, teach_aiortc

logger = logging.getLogger(__name__)

_MAX_COMPOUNDS = 256
_STUMBLES = (ValueError, IndexError, KeyError, AssertionError, struct.error)
"""What aiortc's parsers raise at packets that make no sense."""


class Connection(RTCPeerConnection):
    """A peer connection that bundles everything, asks no STUN server and uses the addresses it is given."""

    def __init__(
        self,
        *,
        addresses: Callable[[], Sequence[str]],
        receivers: Callable[[str], LineReceiver | NativeReceiver],
        on_connected: Callable[[], None],
        on_number: Callable[[int, int], None],
        library: ctypes.CDLL | None = None,
        ssrc: int = 0,
        patient: bool = False,
    ) -> None:
        teach_aiortc()
        # iceServers=None would mean a public STUN server to aiortc
        super().__init__(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._addresses = addresses
        self._new_stream = receivers
        self._on_connected = on_connected
        self._on_number = on_number
        self._library = library
        self._ssrc, self._patient = ssrc, patient
        self._numbers = itertools.count(1)
        self._compounds: asyncio.Queue[bytes] = asyncio.Queue(_MAX_COMPOUNDS)
        self.native: NativeTransport | None = None
        """The native engine's end, from the handshake on, if it handles the packets."""
        self.sending = Sending(self._put) if library is None else NativeSending(self._put)
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
            if not 0 < parsed.port < 1 << 16:
                # asyncio closes the socket that is to send there
                raise ValueError("there is no such port")
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
        transport._rtp_router = MidRouter(on_number=self._on_number)
        self._use_our_addresses(transport.transport)
        self._forgive_malformed(transport)
        self._send_by_turns(transport)

        @transport.on("statechange")
        def changed() -> None:
            if transport.state == "connected" and (self._library is None or self._go_native(transport, self._library)):
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

    def _go_native(self, transport: RTCDtlsTransport, library: ctypes.CDLL) -> bool:
        try:
            self.native = hand_over(transport, library, ssrc=self._ssrc, patient=self._patient)
        except EngineFailed as err:
            # the receivers are the engine's: without it the connection would be up and deaf
            logger.error("a connection is given up: %s", err)  # noqa: TRY400 - the sentence says it all
            transport._set_state(State.FAILED)
            return False
        self.native.on_rtcp = self._take_compound
        if isinstance(self.sending, NativeSending):
            self.sending.begin(self.native)
        return True

    def _take_compound(self, data: bytes) -> None:
        if not self._compounds.full():
            self._compounds.put_nowait(data)
