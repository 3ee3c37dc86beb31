"""When datagrams really arrived: the kernel knows, a busy machine only reads them late and would call that a queue."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

_SO_TIMESTAMPNS = 35
"""Linux's number for the option and for its answer; Python does not name it."""
_TIMES = {16: struct.Struct("@qq"), 8: struct.Struct("@ii")}
_ROOM = socket.CMSG_SPACE(16)
_MTU = 2048
_AT_ONCE = 32
"""Datagrams read before others in the program get their turn."""
_LATEST_US = 2_000_000


class Datagram(bytes):
    """What a socket received, and when the kernel had it."""

    arrived_us: int
    """Monotonic microseconds."""


class TimedSocket:
    """Reads a socket in asyncio's place."""

    def __init__(self, sock: socket.socket, received: Callable[[bytes, Any], None]) -> None:
        """Read a copy of `sock`; whoever read it until now must have stopped."""
        self._socket, self._received = sock.dup(), received
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        behind_us = time.time_ns() // 1000 - now_us()
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, address = self._socket.recvmsg(_MTU, _ROOM)
            except OSError:
                # nothing more to read, or an ICMP error that nobody can use
                return
            datagram = Datagram(data)
            datagram.arrived_us = _arrived(ancillary, behind_us)
            self._received(datagram, address)


def now_us() -> int:
    """Return monotonic microseconds."""
    return time.monotonic_ns() // 1000


def arrival_us(datagram: bytes) -> int:
    """Return when a datagram arrived; now, if nobody knows."""
    return datagram.arrived_us if isinstance(datagram, Datagram) else now_us()


def _arrived(ancillary: list[tuple[int, int, bytes]], behind_us: int) -> int:
    now = now_us()
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) in _TIMES:
            seconds, nanoseconds = _TIMES[len(data)].unpack(data)
            stamp = int(seconds) * 1_000_000 + int(nanoseconds) // 1000
            # the wall clock may have been set since
            return min(max(stamp - behind_us, now - _LATEST_US), now)
    return now
