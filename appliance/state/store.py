"""The one place that holds the room; everything else reads it from here."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from appliance.state.events import Event
from appliance.state.latest import Latest
from appliance.state.reducer import reduce
from appliance.state.room import RoomState


class RoomStore:
    """Applies facts, one at a time, and tells watchers the newest state."""

    def __init__(self, state: RoomState, *, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now
        self._latest: Latest[RoomState] = Latest()
        self._latest.put(state)

    @property
    def state(self) -> RoomState:
        """The room right now."""
        return self._state

    def apply(self, event: Event) -> RoomState:
        """Let a fact change the room. Synchronous, and the only writer."""
        after = reduce(self._state, event, self._now())
        if after is not self._state:
            self._state = after
            self._latest.put(after)
        return after

    def watch(self) -> AsyncIterator[RoomState]:
        """Yield the newest state now and after each change; a slow watcher skips the middle."""
        return self._latest.values()
