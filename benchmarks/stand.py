"""The stand: a hub of its own on loopback, who may join its one meeting, and the webcams that send into it."""

import asyncio
import itertools
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from appliance.hub.keys import Grant, HubKeys, Tokens
from appliance.meetings.livekit_link import Ticket
from benchmarks import relay, sender
from benchmarks.impair import Network
from benchmarks.settings import Stream

_READY_S = 40.0
_STOP_S = 8.0
_LASTS = timedelta(hours=1)


@asynccontextmanager
async def program(log: Path, *words: str, until: str = "") -> AsyncIterator[psutil.Process]:
    """Run a Python module; begins when its output holds the words of `until`, and ends it."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "SALON_PARENT": str(os.getpid())},
        )
    try:
        async with asyncio.timeout(_READY_S):
            while until not in await asyncio.to_thread(log.read_text):
                if process.returncode is not None:
                    said = await asyncio.to_thread(log.read_text)
                    raise RuntimeError(f"{words[0]} ended: {said[-2000:]}")
                await asyncio.sleep(0.05)
        yield psutil.Process(process.pid)
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Stand:
    """A running hub. Everybody meets in one room."""

    folder: Path
    url: str
    """The WebSocket's."""
    _tokens: Tokens
    _numbers: "itertools.count[int]"

    @asynccontextmanager
    async def behind(self, network: Network, seed: int) -> AsyncIterator["Stand"]:
        """Put a bad network between the hub and whoever joins by this stand."""
        order, log = relay.Order(self.url, network, seed), self.file("relay.log")
        async with program(log, "benchmarks.relay", order.to_json(), until="."):
            port = (await asyncio.to_thread(log.read_text)).partition("relay at ")[2].partition(".")[0]
            yield replace(self, url=f"ws://127.0.0.1:{port}")

    def file(self, name: str) -> Path:
        """Return a new path for a program's log or report."""
        return self.folder / f"{next(self._numbers)}-{name}"

    def ticket(self, identity: str, *, listens: bool = True, room: str = "bench") -> Ticket:
        """Let somebody in; who only sends is sent nothing."""
        grant = Grant(room=room, identity=identity, name=identity, can_subscribe=listens)
        return Ticket(self.url, self._tokens.mint(grant, expires=datetime.now(UTC) + _LASTS))

    @asynccontextmanager
    async def webcams(
        self,
        count: int,
        stream: Stream,
        *,
        room: str = "bench",
        sound: bool = False,
        log: Path | None = None,
        watched: Path | None = None,
    ) -> AsyncIterator[None]:
        """Let so many people send; one of them has others `watched`."""
        tokens = tuple(
            self.ticket(f"webcam-{n:02}", listens=n == 0 and watched is not None, room=room).token for n in range(count)
        )
        order = sender.Order(self.url, tokens, stream, sound=sound, log=str(log or ""), watched=str(watched or ""))
        async with program(self.file("sender.log"), "benchmarks.sender", order.to_json(), until="sending"):
            yield


@asynccontextmanager
async def stand(*, places: int = 60) -> AsyncIterator[Stand]:
    """Run a hub until the block ends."""
    with tempfile.TemporaryDirectory(prefix="salon-bench-") as name:
        folder, port = Path(name), free_port()
        config = folder / "hub.toml"
        config.write_text(
            f'[paths]\nstate = "{folder}"\nruntime = "{folder}"\n[hub]\nport = {port}\nmax_participants = {places}\n'
        )
        words = ("appliance.cli", "--config", str(config), "hub")
        async with program(folder / "hub.log", *words, until="the hub serves"):
            keys = HubKeys.of(folder)
            tokens = Tokens(keys, now=lambda: datetime.now(UTC))
            yield Stand(folder, f"ws://127.0.0.1:{port}", tokens, itertools.count(1))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def tree(roots: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return processes with all that they started."""
    return [process for root in roots for process in (root, *root.children(recursive=True))]
