"""Notices when the room has lost its touch panel: one that was there, and that has not come back for a while."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

PATIENCE_S = 120.0
"""A panel that is restarted, or runs into a fault, is back by then."""


class Panels:
    """Counts the panels in the room. One that never came is not missed: not every room has one."""

    def __init__(
        self, *, on_gone: Callable[[datetime | None], None], now: Callable[[], datetime], patience_s: float = PATIENCE_S
    ) -> None:
        self._on_gone = on_gone
        self._now = now
        self._patience_s = patience_s
        self._there = 0
        self._changed = asyncio.Event()

    @contextmanager
    def seated(self) -> Iterator[None]:
        """Count one panel for as long as it is connected."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    async def run(self) -> None:
        """Tell since when none has been there, once that is too long, and None when one is back."""
        while True:
            await self._until(there=True)
            self._on_gone(None)
            await self._until(there=False)
            since = self._now()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._until(there=True)
            if not self._there:
                self._on_gone(since)

    def _count(self, more: int) -> None:
        self._there += more
        self._changed.set()

    async def _until(self, *, there: bool) -> None:
        while (self._there > 0) is not there:
            self._changed.clear()
            await self._changed.wait()
