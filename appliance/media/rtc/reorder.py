"""Audio packets back into order: nothing is asked for again, so nothing waits longer than a moment."""

from typing import Generic, TypeVar

from appliance.media.rtc.sequence import SequenceUnwrapper

T = TypeVar("T")

HOLD_S = 0.04
"""How long a packet waits for an earlier one; sound that comes later is of no use to a conversation."""
_CAPACITY = 10


class AudioOrder(Generic[T]):
    """The reorder buffer of one audio stream."""

    def __init__(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._held: dict[int, T] = {}
        self._next = 0
        self._begun = False
        self._blocked_since: float | None = None
        self.lost = 0

    @property
    def waiting(self) -> bool:
        """Whether `tick` has anything to do."""
        return bool(self._held)

    def push(self, sequence: int, item: T, now: float) -> list[T]:
        """Take an item; return those whose turn it is."""
        number = self._numbers.unwrap(sequence)
        if number is None:
            if not self._numbers.restarted(sequence):
                return []
            self._numbers, self._held, self._begun = SequenceUnwrapper(), {}, False
            return self.push(sequence, item, now)
        if not self._begun:
            self._begun, self._next = True, number
        if number < self._next or number in self._held:
            return []
        self._held[number] = item
        ready = self._ready(now)
        if len(self._held) >= _CAPACITY:
            ready += self._skip(now)
        return ready

    def tick(self, now: float) -> list[T]:
        """Let time pass; return what has waited long enough."""
        if self._blocked_since is None or now - self._blocked_since < HOLD_S:
            return []
        return self._skip(now)

    def _ready(self, now: float) -> list[T]:
        ready = []
        while self._next in self._held:
            ready.append(self._held.pop(self._next))
            self._next += 1
        if not self._held:
            self._blocked_since = None
        elif ready or self._blocked_since is None:
            self._blocked_since = now
        return ready

    def _skip(self, now: float) -> list[T]:
        first = min(self._held)
        self.lost += first - self._next
        self._next = first
        return self._ready(now)
