"""Signals that wait to be sent to one participant: bounded, for who does not read them would fill the memory."""

import asyncio
from collections.abc import AsyncIterator

_MOST_BYTES = 1_000_000


class Outbox:
    """Signals in their order, until it ends."""

    def __init__(self) -> None:
        self._signals: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._bytes = 0

    def put(self, signal: bytes) -> bool:
        """Take a signal; False when too much waits already. A single one is never too much."""
        if self._bytes and self._bytes + len(signal) > _MOST_BYTES:
            return False
        self._bytes += len(signal)
        self._signals.put_nowait(signal)
        return True

    def end(self) -> None:
        """Nothing comes after what waits now."""
        self._signals.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (signal := await self._signals.get()) is not None:
            self._bytes -= len(signal)
            yield signal
