"""What amqtt needs of us at the door: who may come in, and how much one may say. Only `broker.py` imports it."""

import asyncio
import hmac
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.plugins.base import BaseAuthPlugin


class PasswordDoor(BaseAuthPlugin):  # type: ignore[misc] # amqtt has no types
    """Lets in who knows the one password, under any name."""

    @dataclass
    class Config:
        """What `broker.py` passes on."""

        password: str = ""

    async def authenticate(self, *, session: Any) -> bool:
        """Return whether the client's password is right."""
        given = session.password or ""
        return bool(self.config.password) and hmac.compare_digest(given.encode(), self.config.password.encode())


class BoundedReader(StreamReaderAdapter):  # type: ignore[misc] # amqtt has no types
    """A stream that gives up on a client which says too much or nothing at all."""

    def __init__(self, reader: asyncio.StreamReader, first: bytes, *, most: int, silence_s: float) -> None:
        super().__init__(reader)
        self._first = first
        self._most = most
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()

    async def read(self, n: int = -1) -> bytes:
        """Read exactly n bytes; `ConnectionError` ends the session, and the last will is spoken."""
        if n > self._most:
            raise ConnectionAbortedError(f"a packet of more than {self._most} bytes")
        try:
            async with asyncio.timeout_at(self._heard + self._silence_s):
                data: bytes = await super().read(n - len(self._first))
        except TimeoutError as err:
            raise ConnectionAbortedError("silence") from err
        data, self._first = self._first + data, b""
        self._heard = self._loop.time()
        return data


class QuietWriter(StreamWriterAdapter):  # type: ignore[misc] # amqtt has no types
    """A stream whose other end may be gone already."""

    async def close(self) -> None:
        """Close, also what is broken."""
        with suppress(OSError):
            await super().close()
