"""How display gets media's frame ring: a Unix socket of media's own, so it works with the daemon dead.

Each message is one JSON line that describes the ring's layout, with two descriptors beside it (SCM_RIGHTS, unix(7)):
the ring's memfd, and an eventfd that rises with each new picture.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from appliance.link.frames import BadRing, RingReader, RingWriter
from appliance.state.layout import Layout
from appliance.state.wire import BadValue, from_json, to_json

logger = logging.getLogger(__name__)
_MAX_MESSAGE = 256 * 1024
_RETRY_S = 0.2


class FrameServer:
    """Media's side: hands the current ring to whoever connects, and every new ring to whoever is connected."""

    def __init__(self, path: Path, *, group: int | None = None) -> None:
        self._path = path
        self._group = group
        self._ring: RingWriter | None = None
        self._clients: dict[socket.socket, int] = {}
        self._signals = threading.Lock()
        """Held while signals are written or closed: a closed descriptor's number soon belongs to something else."""

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        with self._listening() as listener:
            try:
                while True:
                    client, _ = await loop.sock_accept(listener)
                    self._welcome(client)
            finally:
                for client in tuple(self._clients):
                    self._drop(client)

    def publish(self, ring: RingWriter) -> None:
        """Make this the ring (a new layout); call in the event loop."""
        self._ring = ring
        for client in tuple(self._clients):
            self._hand_over(client)

    def notify(self) -> None:
        """Tell the readers that a new picture is there; may be called from any thread."""
        with self._signals:
            for signal in self._clients.values():
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_write(signal, 1)

    def _listening(self) -> socket.socket:
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self._path))
        self._path.chmod(0o660)
        if self._group is not None:
            os.chown(self._path, -1, self._group)
        listener.listen(4)
        listener.setblocking(False)
        return listener

    def _welcome(self, client: socket.socket) -> None:
        client.setblocking(False)
        with self._signals:
            self._clients[client] = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        asyncio.get_running_loop().add_reader(client, self._hung_up, client)
        self._hand_over(client)

    def _hung_up(self, client: socket.socket) -> None:
        """A reader never says anything: what is readable is its end."""
        try:
            gone = not client.recv(1)
        except BlockingIOError:
            return
        except OSError:
            # it died with a ring unread
            gone = True
        if gone:
            self._drop(client)

    def _hand_over(self, client: socket.socket) -> None:
        if self._ring is None:
            return
        described = {"generation": self._ring.generation, "layout": to_json(self._ring.layout)}
        try:
            socket.send_fds(client, [json.dumps(described).encode()], [self._ring.fd, self._clients[client]])
        except OSError as err:
            logger.debug("display did not take the frame ring: %s", err)
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(client)
        with self._signals:
            os.close(self._clients.pop(client))
        client.close()


class FrameClient:
    """Display's side: holds the newest ring, calls back for each new picture, and comes back when media does."""

    def __init__(self, path: Path, *, on_frame: Callable[[], None]) -> None:
        self._path = path
        self._on_frame = on_frame
        self._signal = -1
        self.ring: RingReader | None = None
        """The current ring; None while media is away."""

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.setblocking(False)
                try:
                    await asyncio.get_running_loop().sock_connect(connection, str(self._path))
                    await self._receive(connection)
                except (OSError, BadRing, BadValue, ValueError) as err:
                    logger.debug("no frames from media: %s", err)
                finally:
                    self._forget()
            await asyncio.sleep(_RETRY_S)

    async def _receive(self, connection: socket.socket) -> None:
        while True:
            await _readable(connection)
            data, fds, _, _ = socket.recv_fds(connection, _MAX_MESSAGE, 2)
            if not data:
                return
            self._take(data, fds)

    def _take(self, data: bytes, fds: list[int]) -> None:
        self._forget()
        if len(fds) != 2:
            for fd in fds:
                os.close(fd)
            raise BadRing("the frame ring came without its descriptors")
        memory, self._signal = fds
        described = json.loads(data)
        layout = from_json(Layout, described["layout"])
        self.ring = RingReader(memory, layout, described["generation"])
        asyncio.get_running_loop().add_reader(self._signal, self._woken)
        self._on_frame()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._signal)
        self._on_frame()

    def _forget(self) -> None:
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        if self._signal >= 0:
            asyncio.get_running_loop().remove_reader(self._signal)
            os.close(self._signal)
            self._signal = -1


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
