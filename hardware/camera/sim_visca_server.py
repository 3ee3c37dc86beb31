"""A simulated VISCA camera on the network and on a serial port, for whoever has none: `python -m` this module.

It obeys the protocol down to sequence numbers, lost datagrams and errors. UDP with Sony's header, and bare VISCA by
UDP, TCP and a pseudo terminal that stands for the serial port.
"""

import argparse
import contextlib
import logging
import os
import selectors
import socket
import threading
import time
import tty
from collections.abc import Callable
from functools import partial
from typing import Self

from hardware.camera import visca_ip
from hardware.camera.sim_visca import SimulatedVisca
from hardware.camera.visca import Splitter
from hardware.camera.visca_ip import Datagram, Payload

logger = logging.getLogger(__name__)
_CHUNK = 512
_IDLE_S = 0.5
_Answer = Callable[[bytes], object]


class ViscaServer:
    """Serves one camera on its own thread. Ports are 0 for any that is free; None leaves that way out."""

    def __init__(
        self,
        camera: SimulatedVisca,
        *,
        host: str = "127.0.0.1",
        udp: int | None = 0,
        raw_udp: int | None = 0,
        tcp: int | None = 0,
        serial: bool = True,
        loses: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """`loses` says which of Sony's datagrams, counted from 1 and in both directions, the network drops."""
        self.camera, self._loses = camera, loses
        self._ports = (udp, raw_udp, tcp)
        self._host, self._with_serial = host, serial
        self._datagrams = 0
        self._last: dict[str, int] = {}
        """The sequence number of each controller."""
        self._owners: dict[int, _Answer] = {}
        """Who waits for the completion in a socket of the camera."""
        self.udp = self.raw_udp = self.tcp = 0
        self.serial = ""

    def __enter__(self) -> Self:
        self._open = contextlib.ExitStack()
        self._selector = self._open.enter_context(selectors.DefaultSelector())
        self._leaving, self._leave = os.pipe()
        for fd in (self._leaving, self._leave):
            self._open.callback(os.close, fd)
        self._selector.register(self._leaving, selectors.EVENT_READ, lambda: None)
        try:
            self._listen()
        except BaseException:
            self._open.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="simulated camera", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._leave, b"x")
        self._thread.join()
        self._open.close()

    def _listen(self) -> None:
        udp, raw_udp, tcp = self._ports
        if udp is not None:
            self.udp = self._bind(socket.SOCK_DGRAM, udp, self._sony)
        if raw_udp is not None:
            self.raw_udp = self._bind(socket.SOCK_DGRAM, raw_udp, self._bare_datagram)
        if tcp is not None:
            self.tcp = self._bind(socket.SOCK_STREAM, tcp, self._accept)
        if self._with_serial:
            ours, theirs = os.openpty()
            tty.setraw(theirs)
            # theirs stays open: without it, reading ours fails whenever nobody has the port
            self._open.callback(os.close, ours)
            self._open.callback(os.close, theirs)
            self.serial = os.ttyname(theirs)
            self._stream(ours, partial(os.read, ours, _CHUNK), partial(os.write, ours))

    def _bind(self, kind: socket.SocketKind, port: int, serve: Callable[[socket.socket], None]) -> int:
        listener = self._open.enter_context(socket.socket(socket.AF_INET, kind))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, port))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        self._selector.register(listener, selectors.EVENT_READ, partial(serve, listener))
        return int(listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            due = self.camera.next_completion()
            wait_s = _IDLE_S if due is None else max(due - time.monotonic(), 0.0)
            for key, _ in self._selector.select(min(wait_s, _IDLE_S)):
                if key.fileobj == self._leaving:
                    return
                key.data()
            self._complete()

    def _complete(self) -> None:
        """Send what is done to those who wanted it."""
        for packet in self.camera.completed(time.monotonic()):
            owner = self._owners.pop(packet[1] & 0x0F, None)
            if owner is not None:
                _try(owner, packet)

    def _sony(self, listener: socket.socket) -> None:
        data, sender = listener.recvfrom(_CHUNK)
        if self._lost():
            return
        datagram = visca_ip.decode(data)
        if datagram is None:
            return

        def answer(packet: bytes, payload: Payload = Payload.REPLY) -> None:
            if not self._lost():
                listener.sendto(Datagram(payload, datagram.sequence, packet).encode(), sender)

        self._numbered(datagram, sender[0], answer)

    def _numbered(self, datagram: Datagram, controller: str, answer: Callable[..., None]) -> None:
        if datagram.payload is Payload.CONTROL:
            if datagram.data == visca_ip.RESET:
                self._last[controller] = 0
                answer(b"\x01", Payload.CONTROL_REPLY)
        elif datagram.payload in {Payload.CONTROL_REPLY, Payload.REPLY}:
            answer(visca_ip.WRONG_TYPE, Payload.CONTROL)
        elif not 0 < (datagram.sequence - self._last.get(controller, 0)) & 0xFFFFFFFF < 0x80000000:
            answer(visca_ip.WRONG_SEQUENCE, Payload.CONTROL)
        else:
            self._last[controller] = datagram.sequence
            self._tell(datagram.data, answer)

    def _lost(self) -> bool:
        self._datagrams += 1
        return self._loses(self._datagrams)

    def _bare_datagram(self, listener: socket.socket) -> None:
        data, sender = listener.recvfrom(_CHUNK)
        for packet in Splitter().feed(data):
            self._tell(packet, lambda reply: listener.sendto(reply, sender))

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        self._open.callback(connection.close)
        self._stream(connection.fileno(), partial(connection.recv, _CHUNK), connection.sendall)

    def _stream(self, fd: int, read: Callable[[], bytes], write: _Answer) -> None:
        splitter = Splitter()

        def serve() -> None:
            try:
                data = read()
            except OSError:
                data = b""
            if not data:
                self._selector.unregister(fd)
            for packet in splitter.feed(data):
                self._tell(packet, write)

        self._selector.register(fd, selectors.EVENT_READ, serve)

    def _tell(self, packet: bytes, answer: _Answer) -> None:
        """Give a packet to the camera, and its answers, now and later, to who sent it."""
        self._complete()
        for reply in self.camera.receive(packet, time.monotonic()):
            if reply[1] >> 4 == 4:
                self._owners[reply[1] & 0x0F] = answer
            _try(answer, reply)


def _try(answer: _Answer, packet: bytes) -> None:
    """Answer a controller, which may have gone."""
    with contextlib.suppress(OSError):
        answer(packet)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--udp", type=int, default=visca_ip.PORT)
    parser.add_argument("--raw-udp", type=int, default=visca_ip.RAW_UDP_PORT)
    parser.add_argument("--tcp", type=int, default=visca_ip.RAW_TCP_PORT)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server = ViscaServer(SimulatedVisca(), host=options.host, udp=options.udp, raw_udp=options.raw_udp, tcp=options.tcp)
    with server, contextlib.suppress(KeyboardInterrupt):
        logger.info("A simulated camera is at visca:%s:%d", options.host, server.udp)
        logger.info(
            "visca:%s:%d?raw=1, visca:%s:%d?raw=1&tcp=1", options.host, server.raw_udp, options.host, server.tcp
        )
        logger.info("and visca-serial:%s", server.serial)
        threading.Event().wait()


if __name__ == "__main__":
    main()
