"""Messages between the connection's thread and the writer: bounded, and quiet about each single one.

When the writer does not keep up, the connection is given up rather than the memory: nothing more is taken, nothing of
it is acknowledged, and the rooms send again what they have kept.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

MOST = 500
"""Messages written at once."""
_GATHER_S = 0.03
"""What the connection reads together is written together."""
_MOST_WAITING = 20_000
_MOST_BYTES = 64 * 1024 * 1024


class Letter(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes
    retained: bool
    at: int
    """When, milliseconds since 1970."""


class Inbox:
    """Filled from the connection's thread, emptied in the event loop."""

    def __init__(
        self,
        *,
        now: Callable[[], int],
        most: int = _MOST_WAITING,
        most_bytes: int = _MOST_BYTES,
        gather_s: float = _GATHER_S,
    ) -> None:
        self._queue: SimpleQueue[Letter] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._many = asyncio.Event()
        self._asleep = True
        self._now = now
        self._most = most
        self._most_bytes = most_bytes
        self._gather_s = gather_s
        self._taken_bytes = 0
        self._put_bytes = 0
        self.full = asyncio.Event()
        """Set once nothing more is taken; cleared by `empty`."""
        self._closed = False

    def put(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message, on the connection's thread; while full, it is dropped."""
        if self._closed:
            return
        self._queue.put(Letter(topic, payload, retained, self._now()))
        self._put_bytes += len(payload)
        if self._queue.qsize() == MOST:
            self._loop.call_soon_threadsafe(self._many.set)
        if self._queue.qsize() >= self._most or self._put_bytes - self._taken_bytes > self._most_bytes:
            self._closed = True
            self._loop.call_soon_threadsafe(self.full.set)
        if self._asleep:
            # one wake-up for many messages
            self._asleep = False
            self._loop.call_soon_threadsafe(self._news.set)

    @property
    def waiting(self) -> int:
        """Messages nobody has taken out yet."""
        return self._queue.qsize()

    def reopen(self) -> None:
        """Take messages again."""
        self.full.clear()
        self._closed = False

    async def take(self) -> list[Letter]:
        """Return the next messages together: up to `MOST`, or what came within a moment."""
        if not self._queue.qsize():
            self._news.clear()
            self._asleep = True
            # one may have come in between
            if not self._queue.qsize():
                await self._news.wait()
        self._many.clear()
        if self._queue.qsize() < MOST:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_s):
                    await self._many.wait()
        return self._some()

    def _some(self) -> list[Letter]:
        letters: list[Letter] = []
        while len(letters) < MOST:
            try:
                letters.append(self._queue.get_nowait())
            except Empty:
                break
        self._taken_bytes += sum(len(letter.payload) for letter in letters)
        return letters
