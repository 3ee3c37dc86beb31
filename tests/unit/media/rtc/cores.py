"""The two packet cores behind one face, so that the same test runs over both: Python, and C through ctypes."""

import ctypes
from dataclasses import dataclass
from typing import Protocol

from appliance.media.rtc.assembler import Assembled, Packet, VideoAssembler
from appliance.media.rtc.depacketize import Piece, depacketize
from appliance.media.rtc.reorder import AudioOrder

CODECS = {"VP8": 0, "H264": 1, "opus": 2}
_NEVER = (1 << 63) - 1


@dataclass(frozen=True)
class Wire:
    """An RTP packet, as far as it matters here."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    recovered: bool = False


class Buffer(Protocol):
    """The jitter buffer of one video stream."""

    lost: int
    skips: int
    needs_key: bool
    waiting: bool

    def push(self, packet: Wire, now: float) -> list[Assembled]: ...
    def tick(self, now: float) -> list[Assembled]: ...
    def requests(self, now: float) -> list[int]: ...


class PythonVideo(VideoAssembler):
    def __init__(self, codec: str) -> None:
        super().__init__()
        self._codec = codec

    def push(self, packet: Wire | Packet, now: float) -> list[Assembled]:
        if isinstance(packet, Packet):  # it calls itself after a restart
            return super().push(packet, now)
        try:
            piece = depacketize(self._codec, packet.payload)
        except ValueError:
            return []
        return super().push(Packet(packet.sequence, packet.timestamp, packet.marker, piece, packet.recovered), now)


class PythonAudio:
    def __init__(self) -> None:
        self._order: AudioOrder[Wire] = AudioOrder()

    @property
    def lost(self) -> int:
        return self._order.lost

    @property
    def waiting(self) -> bool:
        return self._order.waiting

    def push(self, packet: Wire, now: float) -> list[Assembled]:
        return self._frames(self._order.push(packet.sequence, packet, now))

    def tick(self, now: float) -> list[Assembled]:
        return self._frames(self._order.tick(now))

    def _frames(self, packets: list[Wire]) -> list[Assembled]:
        return [Assembled(p.timestamp, p.payload, True) for p in packets if p.payload]


class RtpPacket(ctypes.Structure):
    _fields_ = [
        ("payload_type", ctypes.c_uint8),
        ("marker", ctypes.c_bool),
        ("recovered", ctypes.c_bool),
        ("sequence", ctypes.c_uint16),
        ("timestamp", ctypes.c_uint32),
        ("ssrc", ctypes.c_uint32),
        ("profile", ctypes.c_uint16),
        ("extension", ctypes.POINTER(ctypes.c_uint8)),
        ("extension_size", ctypes.c_size_t),
        ("payload", ctypes.POINTER(ctypes.c_uint8)),
        ("payload_size", ctypes.c_size_t),
    ]


class RtpExtension(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint8), ("size", ctypes.c_uint8), ("data", ctypes.c_char_p)]


class _Piece(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.POINTER(ctypes.c_uint8)),
        ("data_size", ctypes.c_size_t),
        ("size", ctypes.c_size_t),
        ("nal_header", ctypes.c_uint8),
        ("form", ctypes.c_int),
        ("starts", ctypes.c_bool),
        ("sure", ctypes.c_bool),
        ("key", ctypes.c_bool),
    ]


class Frame(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.POINTER(ctypes.c_uint8)),
        ("size", ctypes.c_size_t),
        ("timestamp", ctypes.c_uint32),
        ("payload_type", ctypes.c_uint8),
        ("keyframe", ctypes.c_bool),
        ("received_us", ctypes.c_int64),
        ("audio_level", ctypes.c_int),
    ]


class Counters(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64) for name in ("packets", "refused", "frames", "keyframes", "lost", "skips", "requested")
    ] + [("rtt_us", ctypes.c_int64), ("hold_us", ctypes.c_int64)]


class _Packetizer(ctypes.Structure):
    _fields_ = [("codec", ctypes.c_int), ("picture_id", ctypes.c_uint16)]


_FRAME_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Frame))
_PAYLOAD_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t, ctypes.c_bool)
_RESULTS = {
    "assembler_new": ctypes.c_void_p,
    "assembler_needs_key": ctypes.c_bool,
    "assembler_next_us": ctypes.c_int64,
    "assembler_requests": ctypes.c_size_t,
    "rtp_write": ctypes.c_size_t,
    "packetize": ctypes.c_size_t,
    "arrivals_new": ctypes.c_void_p,
    "arrivals_due_us": ctypes.c_int64,
    "arrivals_take": ctypes.c_size_t,
    "history_new": ctypes.c_void_p,
    "history_get": ctypes.c_void_p,
    "history_bytes": ctypes.c_size_t,
}


def load(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    for name, result in _RESULTS.items():
        getattr(library, name).restype = result
    return library


def _view(data: bytes) -> "ctypes.Array[ctypes.c_uint8]":
    # exactly as long as the data: one byte further is not ours
    return (ctypes.c_uint8 * len(data)).from_buffer_copy(data)


def _us(now: float) -> ctypes.c_int64:
    return ctypes.c_int64(round(now * 1_000_000))


class NativeAssembler:
    """The C assembler of one stream."""

    def __init__(self, core: ctypes.CDLL, codec: str, *, level_id: int = 0) -> None:
        self._core = core
        self._it = ctypes.c_void_p(core.assembler_new(CODECS[codec]))
        core.assembler_set_level_id(self._it, ctypes.c_uint8(level_id))
        self._got: list[Assembled] = []
        self.levels: list[int] = []
        self.received: list[int] = []
        self._on_frame = _FRAME_FN(self._take)

    def __del__(self) -> None:
        self._core.assembler_free(self._it)

    def _take(self, _user: object, whole: "ctypes._Pointer[Frame]") -> None:
        it = whole.contents
        self._got.append(Assembled(it.timestamp, ctypes.string_at(it.data, it.size), it.keyframe))
        self.levels.append(it.audio_level)
        self.received.append(it.received_us)

    def _taken(self) -> list[Assembled]:
        got, self._got = self._got, []
        return got

    def push(self, packet: Wire, now: float) -> list[Assembled]:
        data = _view(packet.payload)
        it = RtpPacket(
            marker=packet.marker,
            recovered=packet.recovered,
            sequence=packet.sequence,
            timestamp=packet.timestamp,
            payload=ctypes.cast(data, ctypes.POINTER(ctypes.c_uint8)),
            payload_size=len(packet.payload),
        )
        return self.push_parsed(it, now)

    def push_parsed(self, packet: RtpPacket, now: float) -> list[Assembled]:
        self._core.assembler_push(self._it, ctypes.byref(packet), _us(now), self._on_frame, None)
        return self._taken()

    def tick(self, now: float) -> list[Assembled]:
        self._core.assembler_tick(self._it, _us(now), self._on_frame, None)
        return self._taken()

    def requests(self, now: float) -> list[int]:
        room = (ctypes.c_uint16 * 512)()
        count = self._core.assembler_requests(self._it, _us(now), room, ctypes.c_size_t(512))
        return sorted(room[:count])

    @property
    def next_us(self) -> int | None:
        due = self._core.assembler_next_us(self._it)
        return None if due == _NEVER else due

    @property
    def waiting(self) -> bool:
        return self.next_us is not None

    @property
    def needs_key(self) -> bool:
        return bool(self._core.assembler_needs_key(self._it))

    @property
    def counters(self) -> Counters:
        counters = Counters()
        self._core.assembler_count(self._it, ctypes.byref(counters))
        return counters

    @property
    def lost(self) -> int:
        return self.counters.lost

    @property
    def skips(self) -> int:
        return self.counters.skips


def native_depacketize(core: ctypes.CDLL, codec: str, payload: bytes) -> Piece:
    it = _Piece()
    data = _view(payload)
    if core.depacketize(ctypes.byref(it), CODECS[codec], data, ctypes.c_size_t(len(payload))) != 0:
        raise ValueError("nonsense")
    out = (ctypes.c_uint8 * it.size)()
    core.piece_write(ctypes.byref(it), out)
    return Piece(bytes(out), it.starts, it.sure, it.key)


class NativePacketizer:
    def __init__(self, core: ctypes.CDLL, codec: str, picture_id: int = 0) -> None:
        self._core = core
        self._it = _Packetizer(CODECS[codec], picture_id)

    def split(self, data: bytes) -> list[tuple[bytes, bool]]:
        got: list[tuple[bytes, bool]] = []
        on_payload = _PAYLOAD_FN(lambda _user, at, size, last: got.append((ctypes.string_at(at, size), last)))
        count = self._core.packetize(ctypes.byref(self._it), _view(data), ctypes.c_size_t(len(data)), on_payload, None)
        assert count == len(got)
        return got


def parse(core: ctypes.CDLL, datagram: bytes) -> tuple[RtpPacket, object] | None:
    """Return the packet, and what keeps its bytes alive."""
    it, data = RtpPacket(), _view(datagram)
    if core.rtp_parse(ctypes.byref(it), data, ctypes.c_size_t(len(datagram))) != 0:
        return None
    return it, data


def payload_of(packet: RtpPacket) -> bytes:
    return ctypes.string_at(packet.payload, packet.payload_size)


def extension_of(core: ctypes.CDLL, packet: RtpPacket, id_: int) -> bytes | None:
    data, size = ctypes.POINTER(ctypes.c_uint8)(), ctypes.c_size_t()
    found = core.rtp_extension_get(ctypes.byref(packet), ctypes.c_uint8(id_), ctypes.byref(data), ctypes.byref(size))
    return ctypes.string_at(data, size.value) if found == 0 else None


def write(core: ctypes.CDLL, packet: Wire, extensions: dict[int, bytes], *, payload_type: int = 96, room: int = 2048):
    data = _view(packet.payload)
    it = RtpPacket(
        payload_type=payload_type,
        marker=packet.marker,
        sequence=packet.sequence,
        timestamp=packet.timestamp,
        ssrc=0x01020304,
        payload=ctypes.cast(data, ctypes.POINTER(ctypes.c_uint8)),
        payload_size=len(packet.payload),
    )
    listed = (RtpExtension * len(extensions))(*[RtpExtension(i, len(d), d) for i, d in extensions.items()])
    out = (ctypes.c_uint8 * room)()
    count = ctypes.c_size_t(len(extensions))
    size = core.rtp_write(out, ctypes.c_size_t(room), ctypes.byref(it), listed, count)
    return bytes(out[:size])


class Arrivals:
    def __init__(self, core: ctypes.CDLL) -> None:
        self._core = core
        self._it = ctypes.c_void_p(core.arrivals_new())

    def __del__(self) -> None:
        self._core.arrivals_free(self._it)

    def add(self, sequence: int, now: int) -> None:
        self._core.arrivals_add(self._it, ctypes.c_uint16(sequence), ctypes.c_int64(now))

    def due_at(self) -> int | None:
        due = self._core.arrivals_due_us(self._it)
        return None if due == _NEVER else due

    def take(self, now: int, *, ssrc: int = 0, media_ssrc: int = 0) -> list[bytes]:
        """Return whole RTCP packets."""
        room = ctypes.create_string_buffer(1024)
        names = ctypes.c_uint32(ssrc), ctypes.c_uint32(media_ssrc)
        told = []
        while size := self._core.arrivals_take(self._it, *names, ctypes.c_int64(now), room):
            told.append(room.raw[:size])
        return told


class History:
    def __init__(self, core: ctypes.CDLL) -> None:
        self._core = core
        self._it = ctypes.c_void_p(core.history_new())

    def __del__(self) -> None:
        self._core.history_free(self._it)

    def put(self, sequence: int, data: bytes, now: float) -> None:
        size = ctypes.c_size_t(len(data))
        self._core.history_put(self._it, ctypes.c_uint16(sequence), _view(data), size, _us(now))

    def get(self, sequence: int, now: float, rtt: float = 0.0) -> bytes | None:
        size = ctypes.c_size_t()
        at = self._core.history_get(self._it, ctypes.c_uint16(sequence), _us(now), _us(rtt), ctypes.byref(size))
        return ctypes.string_at(at, size.value) if at else None

    @property
    def bytes(self) -> int:
        return self._core.history_bytes(self._it)
