"""A network between two peers of one test: it passes STUN and DTLS on, and does to media what its weather says."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

HOST = "127.0.0.1"
STALL_S = 0.05
QUEUE_S = 1.0
"""What waits longer in front of a narrow way is dropped."""


@dataclass(frozen=True)
class Weather:
    """How many of a hundred packets meet with what."""

    lost: float = 0
    late: float = 0
    twice: float = 0
    spoiled: float = 0


FINE = Weather()
FOUL = Weather(lost=5, late=5, twice=5, spoiled=2)


class _Port(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self._received(data)

    def send(self, data: bytes, port: int) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(data, (HOST, port))

    @property
    def number(self) -> int:
        return self.transport.get_extra_info("sockname")[1]


class _Way:
    """One direction."""

    def __init__(self, seed: int) -> None:
        self.to_port = 0
        self.out: _Port | None = None
        self.weather = FINE
        self.rate: int | None = None
        """Bits per second that it carries; None for all."""
        self.times: list[float] = []
        """When media came."""
        self._free_at = 0.0
        self._chance = random.Random(seed)
        self._late: list[bytes] = []

    def carry(self, data: bytes) -> None:
        if not 127 < data[0] < 192:
            self._deliver(data)
            return
        self.times.append(asyncio.get_running_loop().time())
        for packet in self._fate(data):
            self._deliver(packet)

    def _fate(self, data: bytes) -> list[bytes]:
        weather, fate = self.weather, self._chance.random() * 100
        overdue, self._late = self._late, []
        for share, what in (
            (weather.lost, []),
            (weather.twice, [data, data]),
            (weather.spoiled, [self._spoil(data)]),
        ):
            if fate < share:
                return [*what, *overdue]
            fate -= share
        if fate < weather.late:
            self._late = [data]
            return overdue
        return [data, *overdue]

    def _spoil(self, data: bytes) -> bytes:
        at = self._chance.randrange(1, len(data))
        return data[:at] + bytes([data[at] ^ self._chance.randrange(1, 256)]) + data[at + 1 :]

    def _deliver(self, data: bytes) -> None:
        if self.rate is None:
            self._put(data)
            return
        loop = asyncio.get_running_loop()
        begins = max(self._free_at, loop.time())
        if begins - loop.time() < QUEUE_S:
            self._free_at = begins + len(data) * 8 / self.rate
            loop.call_at(self._free_at, self._put, data)

    def _put(self, data: bytes) -> None:
        if self.out is not None and self.to_port:
            self.out.send(data, self.to_port)


class Wire:
    """The two ways, and descriptions that lead through them."""

    def __init__(self, seed: int) -> None:
        self.to_b, self.to_a = _Way(seed), _Way(seed + 1)
        self.stalls = 0
        """How often the wire itself, which is a task in a busy process, let everything wait."""

    async def watch_itself(self) -> None:
        """Count the stalls until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(STALL_S / 5)
            self.stalls += loop.time() - began > STALL_S

    def offer_for_b(self, sdp: str) -> str:
        """Return what b should hear of a."""
        return self._redirected(sdp, self.to_a, self.to_b)

    def answer_for_a(self, sdp: str) -> str:
        return self._redirected(sdp, self.to_b, self.to_a)

    def _redirected(self, sdp: str, towards: _Way, back: _Way) -> str:
        lines = []
        for line in sdp.splitlines():
            words = line.split()
            if line.startswith("a=candidate:"):
                towards.to_port = int(words[5])
                assert towards.out is not None
                words[5] = str(back.out.number)
            lines.append(" ".join(words) if line.startswith("a=candidate:") else line)
        return "\r\n".join(lines) + "\r\n"


@asynccontextmanager
async def wire(seed: int) -> AsyncIterator[Wire]:
    """Lay a wire; each end is one socket: what it receives goes the way that begins there."""
    made = Wire(seed)
    loop = asyncio.get_running_loop()
    at_a, a = await loop.create_datagram_endpoint(lambda: _Port(made.to_b.carry), local_addr=(HOST, 0))
    at_b, b = await loop.create_datagram_endpoint(lambda: _Port(made.to_a.carry), local_addr=(HOST, 0))
    made.to_b.out, made.to_a.out = b, a
    watch = asyncio.create_task(made.watch_itself())
    try:
        yield made
    finally:
        watch.cancel()
        at_a.close()
        at_b.close()
