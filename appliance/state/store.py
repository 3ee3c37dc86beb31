"""The one place that holds the room; everything else reads it from here."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from appliance.state.events import Event
from appliance.state.latest import Latest
from appliance.state.reducer import reduce
from appliance.state.room import RoomState

_MOST_BEHIND = 1000
"""States share what did not change between them, so this is little memory."""


class RoomStore:
    """Applies facts, one at a time, and tells watchers the newest state, or whoever keeps a record each of them."""

    def __init__(self, state: RoomState, *, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now
        self._latest: Latest[RoomState] = Latest()
        self._latest.put(state)
        self._missed: list[deque[RoomState]] = []
        """For each reader of `each`, what it has not read yet."""

    @property
    def state(self) -> RoomState:
        """The room right now."""
        return self._state

    def apply(self, event: Event) -> RoomState:
        """Let a fact change the room. Synchronous, and the only writer."""
        after = reduce(self._state, event, self._now())
        if after is not self._state:
            self._state = after
            for missed in self._missed:
                missed.append(after)
            self._latest.put(after)
        return after

    def watch(self) -> AsyncIterator[RoomState]:
        """Yield the newest state now and after each change; a slow watcher skips the middle."""
        return self._latest.values()

    async def each(self) -> AsyncIterator[RoomState]:
        """Yield the state now and every later one, in order; who falls very far behind misses the oldest."""
        missed = deque((self._state,), _MOST_BEHIND)
        self._missed.append(missed)
        try:
            async for _ in self._latest.values():
                while missed:
                    yield missed.popleft()
        finally:
            self._missed = [other for other in self._missed if other is not missed]
