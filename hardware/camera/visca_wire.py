"""What VISCA travels on: datagrams with Sony's header, bare datagrams, TCP, or a serial port; all behind one shape."""

import os
import select
import socket
import termios
import tty
from dataclasses import dataclass
from typing import Protocol

from hardware.camera import visca_ip
from hardware.camera.visca import ADDRESS_SET, BROADCAST, CLEAR, Reply, Request, Splitter, decode
from hardware.camera.visca_ip import Datagram, Payload

_CHUNK = 256
_WRITE_S = 0.5
BAUDS = {9600: termios.B9600, 19200: termios.B19200, 38400: termios.B38400, 115200: termios.B115200}


@dataclass(frozen=True, slots=True)
class OutOfSequence:
    """The camera has seen this number before, or did not expect it."""


@dataclass(frozen=True, slots=True)
class NoSuchPayload:
    """The camera does not take this kind of message."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that came, and whether it answers the last request; late completions do not."""

    reply: Reply | OutOfSequence | NoSuchPayload
    current: bool = True


class Wire(Protocol):
    """An opened way to one camera. Raises `OSError` when it breaks."""

    def greet(self) -> None:
        """Begin anew: forget what was sent before. Waits for nothing."""

    def send(self, request: Request, *, again: bool = False) -> None:
        """Send a request; `again` when it is the same one and nothing came back."""

    def receive(self, timeout_s: float) -> list[Heard]:
        """Return what came; empty after `timeout_s`."""

    def close(self) -> None: ...


class SonyUdp:
    """Sony's VISCA over IP: a header with a sequence number, which tells whose answer it is."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._socket = _connected(host, port, socket.SOCK_DGRAM, timeout_s)
        self._sequence = 0

    def greet(self) -> None:
        self._sequence = 0
        self._socket.send(Datagram(Payload.CONTROL, 0, visca_ip.RESET).encode())

    def send(self, request: Request, *, again: bool = False) -> None:
        if not again:
            self._sequence = visca_ip.after(self._sequence)
        payload = Payload.INQUIRY if request.inquiry else Payload.COMMAND
        self._socket.send(Datagram(payload, self._sequence, request.packet()).encode())

    def receive(self, timeout_s: float) -> list[Heard]:
        data = _read(self._socket, timeout_s)
        datagram = visca_ip.decode(data) if data else None
        if datagram is None:
            return []
        if datagram.payload in {Payload.CONTROL, Payload.CONTROL_REPLY}:
            trouble = _TROUBLES.get(datagram.data)
            # not every camera repeats the number of what it complains about
            return [] if trouble is None else [Heard(trouble)]
        reply = decode(datagram.data)
        return [] if reply is None else [Heard(reply, datagram.sequence == self._sequence)]

    def close(self) -> None:
        self._socket.close()


_TROUBLES: dict[bytes, OutOfSequence | NoSuchPayload] = {
    visca_ip.WRONG_SEQUENCE: OutOfSequence(),
    visca_ip.WRONG_TYPE: NoSuchPayload(),
}


class Raw:
    """Bare packets, by UDP or TCP."""

    def __init__(self, host: str, port: int, timeout_s: float, *, tcp: bool) -> None:
        self._tcp = tcp
        self._socket = _connected(host, port, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM, timeout_s)
        self._splitter = Splitter()

    def greet(self) -> None:
        """Nothing to forget: there are no numbers."""

    def send(self, request: Request, *, again: bool = False) -> None:
        del again
        self._socket.sendall(request.packet())

    def receive(self, timeout_s: float) -> list[Heard]:
        data = _read(self._socket, timeout_s)
        if data == b"" and self._tcp:
            raise ConnectionResetError("the camera closed the connection")
        return _heard(self._splitter, data or b"")

    def close(self) -> None:
        self._socket.close()


class Serial:
    """RS-232 or RS-422: 8 bits, no parity, one stop bit. `address` is the camera's place in the chain, from 1."""

    def __init__(self, path: str, baud: int, address: int) -> None:
        self._address = address
        self._splitter = Splitter()
        # O_NONBLOCK: a port without a carrier would block being opened
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _set_up(self._fd, BAUDS[baud])
        except termios.error as err:
            os.close(self._fd)
            raise OSError(err.args[0], "it is no serial port, or it is gone") from err

    def greet(self) -> None:
        """Give all cameras of the chain their addresses, and let them forget what runs."""
        for request in (ADDRESS_SET, CLEAR):
            self._write(request.packet(BROADCAST))

    def send(self, request: Request, *, again: bool = False) -> None:
        del again
        self._write(request.packet(self._address))

    def receive(self, timeout_s: float) -> list[Heard]:
        if not _ready(self._fd, select.POLLIN, timeout_s):
            return []
        data = os.read(self._fd, _CHUNK)
        if not data:
            raise ConnectionResetError("the serial port is gone")
        return _heard(self._splitter, data, from_address=self._address)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, packet: bytes) -> None:
        while packet:
            if not _ready(self._fd, select.POLLOUT, _WRITE_S):
                raise TimeoutError("the serial port takes no more bytes")
            packet = packet[os.write(self._fd, packet) :]


def _connected(host: str, port: int, kind: socket.SocketKind, timeout_s: float) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except UnicodeError as err:
        # what Python says of a name with an empty or too long part
        raise socket.gaierror(socket.EAI_NONAME, "no name of a device") from err
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(timeout_s)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket, timeout_s: float) -> bytes | None:
    return connection.recv(_CHUNK) if _ready(connection.fileno(), select.POLLIN, timeout_s) else None


def _ready(fd: int, event: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(max(timeout_s, 0.0) * 1000))


def _set_up(fd: int, speed: int) -> None:
    tty.setraw(fd, termios.TCSANOW)
    mode = termios.tcgetattr(fd)
    mode[2] = (
        mode[2] & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB) | termios.CS8 | termios.CREAD | termios.CLOCAL
    )
    mode[4] = mode[5] = speed
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    termios.tcflush(fd, termios.TCIOFLUSH)


def _heard(splitter: Splitter, data: bytes, from_address: int | None = None) -> list[Heard]:
    packets = splitter.feed(data)
    ours = (packet for packet in packets if from_address is None or _concerns(packet, from_address))
    return [Heard(reply) for packet in ours if (reply := decode(packet)) is not None]


def _concerns(packet: bytes, address: int) -> bool:
    """Whether a packet is from the camera at an address, or about the whole chain."""
    return packet[0] in {0x80 | address << 4, 0x80 | BROADCAST} or packet[1:2] == b"\x38"
