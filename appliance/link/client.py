"""The other programs' end: connects, says hello, and comes back by itself whenever the daemon does."""

import asyncio
import itertools
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

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
from appliance.state.commands import Ack, Command
from appliance.state.latest import Latest
from appliance.state.room import Boot, RoomState
from appliance.state.wire import BadValue, from_json, tagged, to_json
from appliance.state.wishes import DisplayReport, DisplayWish, MediaReport, MediaWish

logger = logging.getLogger(__name__)
_RETRY_S = (0.1, 0.2, 0.5)
_ANSWER_S = 5.0
_OTHER_VERSION = "It is of another version. End this panel and start it again."


class Connection:
    """One live connection to the daemon."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Message) -> None:
        """Write one line."""
        self._writer.write(encode(message))
        await self._writer.drain()

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the daemon says until it goes."""
        while line := await read_line(self._reader):
            yield decode(line)

    async def states(self) -> AsyncIterator[object]:
        """Yield the room's states until the daemon goes, and pass over whatever else it says."""
        async for message in self.messages():
            if message.kind == "state":
                yield message.body


@asynccontextmanager
async def connected(path: Path, *, role: str, boot: Boot) -> AsyncIterator[Connection]:
    """Connect once and exchange hellos; OSError, TimeoutError or LinkError when that fails."""
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    try:
        connection = Connection(reader, writer)
        async with asyncio.timeout(_ANSWER_S):
            await connection.send(Message("hello", to_json(await own_hello(boot, role))))
            line = await read_line(reader)
        if not line:
            raise LinkError("the daemon refused this connection; is the user in the socket's group?")
        check_proto(from_json(Hello, decode(line).body))
        yield connection
    finally:
        writer.close()


class ReportingLink:
    """What media and display share: newest report up, newest wish down, across any number of daemon restarts."""

    def __init__(self, path: Path, role: str, boot: Boot, wish_type: type[MediaWish] | type[DisplayWish]) -> None:
        self._path = path
        self._role = role
        self._boot = boot
        self._wish_type = wish_type
        self._wishes: Latest[Any] = Latest()
        self._reports: Latest[Any] = Latest()
        self.connected = False

    def report(self, report: MediaReport | DisplayReport) -> None:
        """Say the whole truth; only the newest is kept while the daemon is away."""
        self._reports.put(report)

    async def run(self) -> None:
        """Stay connected until cancelled. The first line after hello is always a report: the daemon waits for it."""
        for wait in _waits():
            try:
                async with connected(self._path, role=self._role, boot=self._boot) as connection:
                    await self._converse(connection)
            except (OSError, TimeoutError, LinkError, BadValue) as err:
                logger.debug("no daemon on the %s link: %s", self._role, err)
            await asyncio.sleep(wait)

    async def _converse(self, connection: Connection) -> None:
        sender = asyncio.create_task(self._send_reports(connection), name=f"link:{self._role}:send")
        self.connected = True
        try:
            async for message in connection.messages():
                if message.kind == "wish":
                    self._wishes.put(from_json(self._wish_type, message.body))
        finally:
            self.connected = False
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_reports(self, connection: Connection) -> None:
        async for report in self._reports.values():
            await connection.send(Message("report", to_json(report)))


class MediaLink(ReportingLink):
    """`salon media`'s end."""

    def __init__(self, path: Path, boot: Boot) -> None:
        super().__init__(path, "media", boot, MediaWish)

    def wishes(self) -> AsyncIterator[MediaWish]:
        """Yield the newest wish after each change; silent while the daemon is away."""
        return self._wishes.values()


class DisplayLink(ReportingLink):
    """`salon display`'s end."""

    def __init__(self, path: Path, boot: Boot) -> None:
        super().__init__(path, "display", boot, DisplayWish)

    def wishes(self) -> AsyncIterator[DisplayWish]:
        """Yield the newest wish after each change; silent while the daemon is away."""
        return self._wishes.values()


class CommandLink:
    """The panel's end (and the CLI's): newest room state down, commands up, each answered by an `Ack`."""

    def __init__(self, path: Path, role: str, boot: Boot) -> None:
        self._path = path
        self._role = role
        self._boot = boot
        self._states: Latest[RoomState] = Latest()
        self._connection: Connection | None = None
        self._understood = False
        self.trouble = ""
        """Why the room that answers cannot be shown, and what would help."""
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Ack]] = {}
        self.connection_changes: Latest[bool] = Latest()

    @property
    def connected(self) -> bool:
        """Whether the daemon is there right now and its newest state was understood."""
        return self._understood

    def states(self) -> AsyncIterator[RoomState]:
        """Yield the newest state after each change, across daemon restarts."""
        return self._states.values()

    async def send(self, command: Command) -> Ack:
        """Ask the room for something. Without a daemon, or without an answer in 5 s, the ack is `failed`."""
        if self._connection is None:
            return Ack.failed("The room's control program is restarting. Try again in a moment.")
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._connection.send(Message("command", tagged(command), number))
                ack: Ack = await answer
                return ack
        except (OSError, TimeoutError):
            return Ack.failed("The room did not answer. Try again in a moment.")
        finally:
            del self._waiting[number]

    async def run(self) -> None:
        """Stay connected until cancelled."""
        for wait in _waits():
            try:
                async with connected(self._path, role=self._role, boot=self._boot) as connection:
                    await self._listen(connection)
            except (OSError, TimeoutError, LinkError, BadValue) as err:
                logger.debug("no daemon on the %s link: %s", self._role, err)
            await asyncio.sleep(wait)

    async def _listen(self, connection: Connection) -> None:
        self._connection = connection
        try:
            async for message in connection.messages():
                if message.kind == "state":
                    self._take(message.body)
                elif message.kind == "ack" and (answer := self._waiting.get(message.id)) and not answer.done():
                    answer.set_result(from_json(Ack, message.body))
        finally:
            self._connection, self.trouble = None, ""
            self._tell(understood=False)

    def _take(self, body: object) -> None:
        try:
            state = from_json(RoomState, body)
        except BadValue as err:
            if not self.trouble:
                logger.warning("the room's state is of another version than the %s: %s", self._role, err)
            self.trouble = _OTHER_VERSION
            self._tell(understood=False)
            return
        self._states.put(state)
        if not self._understood:
            self.trouble = ""
            self._tell(understood=True)

    def _tell(self, *, understood: bool) -> None:
        self._understood = understood
        self.connection_changes.put(understood)


def _waits() -> itertools.chain[float]:
    """How long to wait before each new attempt, +-20 %; short, because it is a local socket."""
    steady = itertools.chain(_RETRY_S, itertools.repeat(_RETRY_S[-1]))
    return itertools.chain(wait * random.uniform(0.8, 1.2) for wait in steady)  # noqa: S311 - jitter, not a secret
