"""The native engine's Python end: one thread of C for one event loop, and one wake-up for all that it has ready."""

import asyncio
import ctypes
import logging
import socket
import struct
import weakref
from collections import deque
from typing import Any, ClassVar, NamedTuple, Protocol

from appliance.errors import SalonError
from appliance.media.rtc.native import srtp

logger = logging.getLogger(__name__)
_EVENT = struct.Struct("=QqIIIIHHBBBBBB2x16s4x")
ROOM_BYTES = 1 << 16
FRAME, RTCP, DATAGRAM, NEEDS_KEY, STREAM, HEARD, ROOM = range(1, 8)


class EngineFailed(SalonError):
    """The system refused the native engine a thread, a socket or memory."""


class Event(NamedTuple):
    """What the engine says; which fields mean something depends on the kind. A tuple: hundreds come each second."""

    kind: int
    line: int
    """The m-line's number; of a datagram the socket's."""
    layer: int
    ssrc: int
    timestamp: int
    payload_type: int
    key: bool
    level: int
    at_us: int
    data: bytes
    source: tuple[str, int] | None


class Listener(Protocol):
    """A connection of the engine."""

    def on_event(self, event: Event) -> None: ...


class Engine:
    """The engine of one event loop. It lives as long as a connection uses it."""

    _of_loop: ClassVar["weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Engine]"] = weakref.WeakKeyDictionary()

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[int, Listener] = {}
        self.room = ctypes.create_string_buffer(ROOM_BYTES)
        """Where the library writes what a connection asks for; whoever asks reads it at once."""
        self._overflowed = False
        """Said once: what drops frames again and again would fill the log as well."""
        self._pending: deque[tuple[int, Event]] = deque()
        handle = library.engine_new(ctypes.byref(srtp.functions()))
        if not handle:
            raise EngineFailed("the native media engine could not start")
        self._handle: int = handle
        self._ready: int = library.engine_ready_fd(handle)
        self._loop.add_reader(self._ready, self._take)

    @classmethod
    def of_running_loop(cls, library: ctypes.CDLL) -> "Engine":
        """Return the engine of the running event loop; starts it."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loop:
            cls._of_loop[loop] = cls(library)
        return cls._of_loop[loop]

    def open(self, listener: Listener, ssrc: int, receive: int, send: int, *, patient: bool) -> int:
        """Return a new connection of the library's, with the addresses of its SRTP sessions."""
        connection: int | None = self.library.connection_open(self._handle, ssrc, receive, send, patient)
        if not connection:
            raise EngineFailed("there is no memory for a connection")
        self._listeners[self.library.connection_id(connection)] = listener
        return connection

    def close(self, connection: int) -> None:
        """Close a connection; the last one ends the engine."""
        del self._listeners[self.library.connection_id(connection)]
        self.library.connection_close(connection)
        if not self._listeners:
            self._end()

    def _end(self) -> None:
        self._loop.remove_reader(self._ready)
        self.library.engine_free(self._handle)
        del self._of_loop[self._loop]

    def _take(self) -> None:
        events, dropped = ctypes.c_void_p(), ctypes.c_uint64()
        count = self.library.engine_take(self._handle, ctypes.byref(events), ctypes.byref(dropped))
        if dropped.value and not self._overflowed:
            self._overflowed = True
            logger.warning("frames were dropped: this program was too busy to take what the network brought")
        if count and events.value:
            # copied before anything is called: the library reuses its memory
            records = ctypes.string_at(events.value, count * _EVENT.size)
            self._pending.extend(map(_unpacked, _EVENT.iter_unpack(records)))
        self._deliver()

    def _deliver(self) -> None:
        try:
            while self._pending:
                connection, event = self._pending.popleft()
                listener = self._listeners.get(connection)
                if listener is not None:
                    listener.on_event(event)
        finally:
            if self._pending:
                # one listener's mistake must not cost the others their frames
                self._loop.call_soon(self._deliver)


def _unpacked(record: tuple[Any, ...]) -> tuple[int, Event]:
    data, at_us, size, connection, ssrc, timestamp, line, port, kind, key, payload_type, level, layer, family, raw = (
        record
    )
    source = None
    if kind == DATAGRAM and family:
        source = (socket.inet_ntop(family, raw[:4] if family == socket.AF_INET else raw), port)
    body = ctypes.string_at(data, size) if size else b""
    return connection, Event(kind, line, layer, ssrc, timestamp, payload_type, bool(key), level, at_us, body, source)


def is_media(datagram: bytes) -> bool:
    """Tell RTP and RTCP from STUN and DTLS (RFC 7983)."""
    return 127 < int.from_bytes(datagram[:1], "big") < 192
