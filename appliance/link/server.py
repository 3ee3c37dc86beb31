"""The daemon's end of its links: one Unix socket a role, each peer checked by SO_PEERCRED."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import SalonError
from appliance.link.messages import (
    MAX_LINE,
    Hello,
    LinkError,
    Message,
    check_proto,
    decode,
    encode,
    own_hello,
    read_line,
)
from appliance.state.room import Boot
from appliance.state.wire import BadValue, from_json, to_json

logger = logging.getLogger(__name__)
_HELLO_S = 2.0


class SocketTaken(SalonError, OSError):
    """Another program already serves this socket."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end, from the kernel (unix(7), SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


class Peer:
    """One connected program. `offer` keeps only the newest message of a kind while the peer is slow."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, hello: Hello, who: Credentials
    ) -> None:
        self.hello = hello
        self.who = who
        self._reader = reader
        self._writer = writer
        self._pending: dict[tuple[str, int], Message] = {}
        self._wake = asyncio.Event()

    def offer(self, kind: str, body: Any, message_id: int = 0) -> None:
        """Send soon; a newer message of the same kind (and id) takes its place if this one still waits."""
        self._pending[kind, message_id] = Message(kind, body, message_id)
        self._wake.set()

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the peer says until it goes; raise `LinkError` if it talks nonsense."""
        while line := await read_line(self._reader):
            yield decode(line)

    def hang_up(self) -> None:
        """Close at once, also when the peer reads nothing any more."""
        self._writer.transport.abort()

    async def send_forever(self) -> None:
        """Write what was offered; ends by an OSError when the peer is gone."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                message = self._pending.pop(next(iter(self._pending)))
                self._writer.write(encode(message))
                await self._writer.drain()


Handler = Callable[[Peer], Awaitable[None]]


class LinkServer:
    """Serves one role's socket; `handler` lives as long as its peer is connected."""

    def __init__(self, path: Path, role: str, *, boot: Boot, handler: Handler, group: int | None = None) -> None:
        self._path = path
        self._role = role
        self._boot = boot
        self._handler = handler
        self._group = group

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks, self._listening(tasks) as server:
            await server.serve_forever()

    @asynccontextmanager
    async def _listening(self, tasks: asyncio.TaskGroup) -> AsyncIterator[asyncio.Server]:
        ending = False

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if ending:  # accepted while the server was already closing
                writer.close()
            else:
                tasks.create_task(self._serve(reader, writer), name=f"link:{self._role}")

        await _clear_stale(self._path)
        server = await asyncio.start_unix_server(connected, self._path, limit=MAX_LINE)
        self._path.chmod(0o660)
        if self._group is not None:
            os.chown(self._path, -1, self._group)
        try:
            yield server
        finally:
            ending = True
            server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = _credentials(writer)
        try:
            if not self._allowed(who):
                logger.warning("refused uid %s on the %s link: not in its group", who.uid, self._role)
                return
            hello = await self._greet(reader, writer)
            logger.info("%s connected (pid %s, release %s)", self._role, who.pid, hello.release)
            await self._talk(Peer(reader, writer, hello=hello, who=who))
        except (LinkError, BadValue) as err:
            logger.warning("%s link closed: %s", self._role, err)
        except (TimeoutError, OSError) as err:
            logger.debug("%s link lost: %s", self._role, err)
        finally:
            writer.close()

    async def _talk(self, peer: Peer) -> None:
        sender = asyncio.create_task(peer.send_forever(), name=f"link:{self._role}:send")
        handler = asyncio.ensure_future(self._handler(peer))
        try:
            await asyncio.wait((sender, handler), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, handler):
                task.cancel()
            results = await asyncio.gather(sender, handler, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Hello:
        writer.write(encode(Message("hello", to_json(await own_hello(self._boot, "daemon")))))
        async with asyncio.timeout(_HELLO_S):
            await writer.drain()
            message = decode(await read_line(reader))
        if message.kind != "hello":
            raise LinkError("the first line must be a hello")
        hello = from_json(Hello, message.body)
        check_proto(hello)
        return hello

    def _allowed(self, who: Credentials) -> bool:
        """Root, ourselves, or the role's group (the socket's mode says the same; this is the second lock)."""
        if who.uid in {0, os.geteuid()} or self._group is None:
            return who.uid in {0, os.geteuid()}
        return who.gid == self._group or self._group in _groups_of(who.pid)


def _credentials(writer: asyncio.StreamWriter) -> Credentials:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Credentials(*struct.unpack("3i", raw))


def _groups_of(pid: int) -> set[int]:
    """Read a process's supplementary groups; empty when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return set()
    line = next(line for line in status.splitlines() if line.startswith("Groups:"))
    return {int(group) for group in line.split()[1:]}


async def _clear_stale(path: Path) -> None:
    """Remove a socket that a killed program left behind, but never one that is served."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except FileNotFoundError:
        return
    except OSError:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one unlink on tmpfs
        return
    writer.close()
    raise SocketTaken(f"{path} is served by another salon daemon; stop that one first")
