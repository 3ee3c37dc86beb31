# ruff: noqa: SLF001 - this folder is the one place that touches private names of others; names.py lists them
"""What aiortc takes for its senders and receivers."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from aiortc import MediaStreamTrack, RTCRtpCodecParameters, RTCRtpReceiver, RTCRtpSender
from aiortc.clock import current_ntp_time
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

from appliance.media.rtc.extensions import NumberedExtensions
from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.native.engine import Event
from appliance.media.rtc.native.receiver import NativeReceiver
from appliance.media.rtc.native.setup import LineWish, sender_setup
from appliance.media.rtc.native.transport import NativeSender, NativeTransport
from appliance.media.rtc.outgoing import OutgoingStream, OutTrack
from appliance.media.rtc.router import MidRouter
from appliance.media.rtc.sending import Sending
from appliance.media.rtc.transport_wide import number_id

GetNative = Callable[[], NativeTransport | None]
"""The native engine's end of the connection, once there is one."""


class SenderPort(RTCRtpSender, OutgoingStream):
    """aiortc's sender (packets, RTX, reports) fed with encoded frames; the packets may be the native engine's."""

    def __init__(self, track: OutTrack, transport: RTCDtlsTransport, sending: Sending) -> None:
        RTCRtpSender.__init__(self, track, transport)
        OutgoingStream.__init__(self, track, sending)
        self.extensions = NumberedExtensions()
        vars(self)["_RTCRtpSender__rtp_header_extensions_map"] = self.extensions
        self.layers: list[SenderPort] = []
        """Senders of the other simulcast layers of this m-line."""
        sending.add(self)
        self._outlet: NativeSender | None = None

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
        """Begin, with what was negotiated; natively where the connection is."""
        self.sending.number_id = number_id(parameters.headerExtensions) or self.sending.number_id
        await super().send(parameters)
        native = self.sending.native
        if native is not None and self._outlet is None:
            setup = sender_setup(self.kind, parameters, ssrcs=self.ssrcs, rid=self.extensions.rid)
            self._outlet = native.add_sender(setup)
        for layer in self.layers:
            await layer.send(parameters)

    async def stop(self) -> None:
        """End, for good."""
        await super().stop()
        if self._outlet is not None:
            self._outlet.end()
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
        frame = await self.next_frame(is_enabled=lambda: self._enabled)
        if frame is None:
            return None
        if self._outlet is None:
            return self.pack(frame, codec)
        timestamp = self.send_natively(frame, self._outlet)
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
        if self._outlet is None and self.is_new_request(sequence_number):
            await super()._retransmit(sequence_number)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await super()._handle_rtcp_packet(packet)
        self.take_feedback(packet, self._ssrc, self.rtt_s)

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        if self._outlet is not None:
            self._outlet.fill_in(packets)
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
