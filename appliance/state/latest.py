"""A value of which only the newest matters: a slow reader skips the middle, so nothing ever piles up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One writer, any number of readers, each of which sees the newest value it has not seen yet."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._version = 0
        self._changed = asyncio.Event()

    @property
    def value(self) -> T | None:
        """The newest value, None before the first."""
        return self._value

    def put(self, value: T) -> None:
        """Replace the value and wake the readers."""
        self._value = value
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def values(self) -> AsyncIterator[T]:
        """Yield the newest value now (if there is one) and then after each change."""
        seen = 0
        while True:
            changed = self._changed
            if self._version == seen or self._value is None:
                await changed.wait()
                continue
            seen = self._version
            yield self._value
