"""A broker that promises everything and keeps nothing: it acknowledges each message, and hands none on."""

import asyncio
import itertools
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CONNECT, _PUBLISH, _SUBSCRIBE, _PING = 1, 3, 8, 12
_FIVE = 5


class DroppingBroker:
    """MQTT 3.1.1 and 5, as little of it as a client needs to be content."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        """So many requests to listen are refused first."""
        self.granted: set[str] = set()
        """Topics that clients were let listen to."""
        self.acknowledged: Counter[str] = Counter()
        """Messages by topic."""
        self.clients: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        five = False
        self.clients.add(writer)
        try:
            while True:
                kind, flags, body = await _packet(reader)
                if kind == _CONNECT:
                    five = body[6] == _FIVE
                    writer.write(b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00")
                elif kind == _SUBSCRIBE:
                    answer = body[:2] + (b"\x00" if five else b"") + self._grants(_filters(body, five=five))
                    writer.write(b"\x90" + bytes([len(answer)]) + answer)
                elif kind == _PUBLISH:
                    self._promise(flags, body, writer)
                elif kind == _PING:
                    writer.write(b"\xd0\x00")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.clients.discard(writer)
            writer.close()

    def _grants(self, topics: list[bytes]) -> bytes:
        if self.refusals:
            self.refusals -= 1
            return b"\x80" * len(topics)
        self.granted.update(topic.decode() for topic in topics)
        return b"\x01" * len(topics)

    def _promise(self, flags: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        end = 2 + struct.unpack_from(">H", body)[0]
        self.acknowledged[body[2:end].decode()] += 1
        if flags & 0x06:
            writer.write(b"\x40\x02" + body[end : end + 2])


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    first, length = (await reader.readexactly(1))[0], 0
    for place in itertools.count():
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            break
    return first >> 4, first & 0x0F, await reader.readexactly(length)


def _filters(body: bytes, *, five: bool) -> list[bytes]:
    at, found = 2, []
    if five:
        # the properties; ours are shorter than 128 bytes
        at += 1 + body[at]
    while at < len(body):
        end = at + 2 + struct.unpack_from(">H", body, at)[0]
        found.append(body[at + 2 : end])
        at = end + 1
    return found


@asynccontextmanager
async def dropping(port: int, refusals: int = 0) -> AsyncIterator[DroppingBroker]:
    broker = DroppingBroker(refusals)
    async with await asyncio.start_server(broker.serve, "127.0.0.1", port) as server:
        yield broker
        server.close()
        for writer in broker.clients:
            writer.transport.abort()
