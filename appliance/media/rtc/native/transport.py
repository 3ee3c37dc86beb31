"""One connection of the native engine: what `private` hands over to it, and what streams and senders ask of it."""

import ctypes
import secrets
import socket
import struct
from collections.abc import Callable, Iterable

from aiortc.rtp import AnyRtcpPacket, RtcpReceiverInfo, RtcpSrPacket

from appliance.media.rtc.native import engine
from appliance.media.rtc.native.engine import Engine, EngineFailed, Event
from appliance.media.rtc.native.library import (
    NAME_ROOM,
    NO_LEVEL,
    ConnectionCounters,
    LineCounters,
    SenderCounters,
    SenderSetup,
)
from appliance.media.rtc.native.setup import LineWish, header_ids, line_setup

_REPORT = struct.Struct("=IIIiI")
_LOG = struct.Struct("=qIHH")
_MOST_REPORTS = 256
_MOST_LOGGED = engine.ROOM_BYTES // _LOG.size

Logged = tuple[int, int, int]
"""Monotonic microseconds, bytes of the datagram, transport-wide sequence number."""
Address = tuple[str, int]


class NativeSender:
    """A stream that goes out through the engine."""

    def __init__(self, of: "NativeTransport", number: int) -> None:
        self._of = of
        self._number = number
        self._counters = SenderCounters()

    def send(self, data: bytes, timestamp: int, level: int | None) -> bool:
        """Send a whole frame; False when too much waits already."""
        loudness = NO_LEVEL if level is None else level
        packets = self._of.call(
            "connection_send_frame", self._number, data, len(data), timestamp & 0xFFFFFFFF, loudness
        )
        return bool(packets)

    def fill_in(self, reports: Iterable[AnyRtcpPacket]) -> None:
        """Write into sender reports how much was sent."""
        counters = self.counters()
        for report in reports:
            if isinstance(report, RtcpSrPacket):
                report.sender_info.packet_count = counters.packets & 0xFFFFFFFF
                report.sender_info.octet_count = counters.octets & 0xFFFFFFFF

    def counters(self) -> SenderCounters:
        """Return what was sent until now; it changes with the next call."""
        self._of.call("connection_count_sender", self._number, ctypes.byref(self._counters))
        return self._counters

    def end(self) -> None:
        """Send no more: what was kept for those who ask again is given back."""
        self._of.call("connection_drop_sender", self._number)


class NativeTransport:
    """A connection of the engine, from its DTLS handshake to its end."""

    def __init__(self, of: Engine, *, ssrc: int, receive: int, send: int, patient: bool, keep: object) -> None:
        self.on_datagram: Callable[[], None] = _nothing
        """Called after something that is not media was passed on."""
        self.on_rtcp: Callable[[bytes], None] = _nothing
        """Called with every compound, decrypted."""
        self.on_heard: Callable[[], None] = _nothing
        """Called with the first packet since the last reports were taken."""
        self.on_room: Callable[[], None] = _nothing
        """Called when no pictures wait any more, after `holds` said that some do."""
        self._engine = of
        self._keep = keep
        """The SRTP sessions' owners: the engine has but their addresses."""
        self._connection = of.open(self, ssrc, receive, send, patient=patient)
        self._sockets: list[Callable[[bytes, Address], None]] = []
        self._lines: dict[int, Callable[[Event], None]] = {}
        self._senders = 0
        self.closed = False

    def close(self) -> None:
        """Give everything back; safe to call again."""
        if not self.closed:
            self.closed = True
            self._engine.close(self._connection)

    def call(self, function: str, *arguments: object) -> int:
        """Call the library about this connection; 0 once it is closed, when its memory is somebody else's.

        aiortc's tasks may outlive the connection: those of a sender that it could not stop in time go on with reports.
        """
        return 0 if self.closed else getattr(self._engine.library, function)(self._connection, *arguments) or 0

    def on_event(self, event: Event) -> None:
        """Pass on what the engine says."""
        match event.kind:
            case engine.DATAGRAM:
                self._pass_on(event)
            case engine.RTCP:
                self.on_rtcp(event.data)
            case engine.HEARD:
                self.on_heard()
            case engine.ROOM:
                self.on_room()
            case _ if event.line in self._lines:
                self._lines[event.line](event)

    def add_socket(self, sock: socket.socket, on_datagram: Callable[[bytes, Address], None]) -> int:
        """Read a socket from now on; what is not media goes to the callback. Returns its number."""
        number = self.call("connection_add_socket", sock.fileno())
        if number < 0:
            raise EngineFailed("the native media engine could not take over a socket")
        self._sockets.append(on_datagram)
        return number

    def route(self, number: int, remote: Address) -> None:
        """Send there from now on."""
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        packed = socket.inet_pton(family, remote[0])
        self.call("connection_route", number, family, packed, remote[1])

    def inject(self, datagram: bytes) -> None:
        """Take media that was read before the engine came."""
        self.call("connection_inject", datagram, len(datagram))

    def send(self, data: bytes) -> None:
        """Protect and send one RTCP compound (or RTP packet)."""
        self.call("connection_send", data, len(data))

    def set_line(self, number: int, wish: LineWish, on_event: Callable[[Event], None]) -> None:
        """Make or change an m-line."""
        self._lines[number] = on_event
        setup, ids = line_setup(number, wish), header_ids(wish.headers)
        self.call("connection_set_line", ctypes.byref(setup), ctypes.byref(ids))

    def layer_name(self, number: int, layer: int) -> str:
        """Return the RID of a layer, empty without simulcast."""
        room = ctypes.create_string_buffer(NAME_ROOM)
        self.call("connection_layer_name", number, layer, room)
        return room.value.decode(errors="replace")

    def layer_packets(self, number: int, layer: int) -> int:
        """Return how many packets of a layer came."""
        return self.call("connection_layer_packets", number, layer)

    def drop_line(self, number: int) -> None:
        """Forget an m-line."""
        if self._lines.pop(number, None) is not None:
            self.call("connection_drop_line", number)

    def add_sender(self, setup: SenderSetup) -> NativeSender:
        """Begin to send a stream."""
        self._senders += 1
        setup.number = self._senders
        self.call("connection_set_sender", ctypes.byref(setup), secrets.randbits(32))
        return NativeSender(self, setup.number)

    def pace(self, bits_per_second: int, repairs: int = 0) -> None:
        """Let pictures and repairs leave no faster than this, and `repairs` on average no faster (0: free)."""
        self.call("connection_pace", bits_per_second, repairs)

    def holds(self) -> bool:
        """Tell whether pictures wait to leave: the next had better wait where they can still be dropped whole."""
        return bool(self.call("connection_holds"))

    def can_pad(self) -> bool:
        """Tell whether a picture has left, which padding repeats."""
        return bool(self.call("connection_can_pad"))

    def probe(self, bits_per_second: int, size: int) -> None:
        """Try whether the network carries a rate, with so many bytes, padded with repairs."""
        self.call("connection_probe", bits_per_second, size)

    def set_rtt(self, rtt_s: float) -> None:
        """Learn the round trip: who asks twice within half of it means one request."""
        self.call("connection_set_rtt", int(rtt_s * 1_000_000))

    def reports(self) -> list[RtcpReceiverInfo]:
        """Return what receiver reports should say of every SSRC heard since the last time."""
        room = self._engine.room
        count = self.call("connection_take_reports", room, _MOST_REPORTS)
        found = _REPORT.iter_unpack(memoryview(room)[: count * _REPORT.size])
        return [
            RtcpReceiverInfo(
                ssrc=ssrc,
                fraction_lost=fraction,
                packets_lost=lost,
                highest_sequence=highest,
                jitter=jitter,
                lsr=0,
                dlsr=0,
            )
            for ssrc, highest, jitter, lost, fraction in found
        ]

    def sent(self) -> list[Logged]:
        """Return what left with transport-wide numbers since the last time."""
        room = self._engine.room
        count = self.call("connection_take_sent", room, _MOST_LOGGED)
        rows = _LOG.iter_unpack(memoryview(room)[: count * _LOG.size])
        return [(at_us, size, sequence) for at_us, size, sequence, _ in rows]

    def count(self) -> ConnectionCounters:
        """Return the counters of all that was received."""
        counters = ConnectionCounters()
        self.call("connection_count", ctypes.byref(counters))
        return counters

    def count_line(self, number: int) -> LineCounters:
        """Return the counters of an m-line."""
        counters = LineCounters()
        self.call("connection_count_line", number, ctypes.byref(counters))
        return counters

    def _pass_on(self, event: Event) -> None:
        if event.source is not None:
            self._sockets[event.line](event.data, event.source)
            self.on_datagram()


def _nothing(*_: object) -> None:
    pass
