"""The packets of one video stream that have not come: when to ask for which again, and for how long to hope.

Pure, in microseconds. Round trips are measured on the requests themselves, because nothing else measures them while
somebody only receives.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_ASK_AGAIN_US = (15_000, 100_000)
"""Least and greatest time between two requests for one packet; between them it is 3/8 of a round trip: with timers that
come late this makes two requests per round trip, and more only where a round trip is too long to wait for."""
_HOLD_US = (150_000, 600_000)
"""Least and greatest time that a hole may stop the picture; nothing is asked for or hoped for longer than that."""
_FIRST_RTT_US = 100_000
_LONGEST_RTT_US = 1_000_000
_MAX_TRIES = 10
_MAX_ASKED = 200
"""At one time."""


@dataclass(slots=True)
class _Hole:
    since: int
    tries_left: int
    first_asked: int | None = None
    asked: int = 0


class Missing:
    """The holes of one stream, oldest first."""

    def __init__(self) -> None:
        self._holes: dict[int, _Hole] = {}
        self._rtt = self._deviation = _FIRST_RTT_US
        self._repaired = False

    def __len__(self) -> int:
        return len(self._holes)

    def __contains__(self, number: int) -> bool:
        return number in self._holes

    @property
    def hold(self) -> int:
        """How long a hole may stop the picture: two round trips, and as much as they vary (RFC 6298 section 2)."""
        least, most = _HOLD_US
        return min(max(2 * self._rtt + 4 * self._deviation, least), most)

    def note(self, numbers: Iterable[int], now: int, *, tries: int = _MAX_TRIES) -> None:
        """Take down numbers that were jumped over."""
        self._holes.update((number, _Hole(now, tries)) for number in numbers)

    def fill(self, number: int, now: int, *, recovered: bool) -> None:
        """Strike out what came; `recovered` when it is known to be the answer to a request."""
        self._repaired |= recovered
        hole = self._holes.pop(number, None)
        # where answers are marked, an unmarked one was not lost, only late
        if hole is not None and hole.first_asked is not None and recovered == self._repaired:
            self._note_round_trip(now - hole.first_asked)

    def age(self, number: int, now: int) -> int:
        """Return how long a number is missing; one that was forgotten is as old as can be."""
        hole = self._holes.get(number)
        return _HOLD_US[1] if hole is None else now - hole.since

    def requests(self, now: int) -> list[int]:
        """Return what to ask for now: each at once, then twice per round trip, and not forever."""
        least, greatest = _ASK_AGAIN_US
        again = min(max(self._rtt * 3 // 8, least), greatest)
        due = [n for n, h in self._holes.items() if h.tries_left and (h.first_asked is None or now - h.asked >= again)]
        for number in due[:_MAX_ASKED]:
            hole = self._holes[number]
            hole.asked, hole.tries_left = now, hole.tries_left - 1
            if hole.first_asked is None:
                hole.first_asked = now
        return due[:_MAX_ASKED]

    def forget_old(self, now: int) -> list[int]:
        """Strike out and return what nobody hopes for any more."""
        old = [number for number, hole in self._holes.items() if now - hole.since >= _HOLD_US[1]]
        for number in old:
            del self._holes[number]
        return old

    def forget_below(self, limit: int) -> list[int]:
        """Strike out and return what is no longer of interest."""
        old = [number for number in self._holes if number < limit]
        for number in old:
            del self._holes[number]
        return old

    def _note_round_trip(self, taken: int) -> None:
        # From the first request. If that one was lost the answer looks late, never early: quick answers count for more.
        sample = min(taken, _LONGEST_RTT_US)
        self._deviation = (3 * self._deviation + abs(sample - self._rtt)) // 4
        weight = 4 if sample < self._rtt else 16
        self._rtt = ((weight - 1) * self._rtt + sample) // weight
