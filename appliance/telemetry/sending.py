"""Which records are sent when: pure, told what happens and what time it is.

Two lanes: what is noted while the room is connected goes out at once, what waited before follows after a random delay,
oldest first, so that a building that comes back does not come back all at once. Whatever the console does not
acknowledge is sent again; while it says nothing at all, only the oldest batch asks whether it is there.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.telemetry.protocol.records import BatchAck, BatchHead
from appliance.telemetry.spool_file import START, Place

_WHOLE = 1 - 1e-6
"""A token, as near as sums of fractions come to it: a wait too short for the clock to show would never end."""


@dataclass(frozen=True, slots=True)
class SendPace:
    """How fast records go out."""

    most_in_flight: int = 5
    a_second: float = 2
    """Batches."""
    resend_s: float = 60
    longest_resend_s: float = 300
    stranger_resend_s: float = 600
    """The longest for a room to which no console has ever answered: it may be that there is none."""
    backlog_within_s: float = 60
    """After a connection, what waited before is sent from a random moment within this time on."""
    samples_at_once: int = 10
    samples_within_s: float = 600
    silent_s: float = 300
    """After so long without an answer, a console that should be there counts as silent."""
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch on its way."""

    head: BatchHead
    sent_at: float
    tries: int = 1

    @property
    def span(self) -> "Span":
        """Where its records are."""
        return Span((self.head.of_no, self.head.first - 1), (self.head.of_no, self.head.last))


@dataclass(frozen=True, slots=True)
class Span:
    """Records after a place, up to another one."""

    after: Place
    until: Place | None = None
    again: Flight | None = None
    """It is sent once more."""
    live: bool = False


class Sending:
    """Knows what is on its way, what comes next and when. Times are seconds of a clock that never steps."""

    def __init__(self, pace: SendPace = SendPace(), *, known: bool = False) -> None:
        self._pace = pace
        self.known = known
        """A console is there, or has been: it has answered once, or its key is pinned."""
        self.flights: dict[tuple[str, int, int], Flight] = {}
        self._late: dict[tuple[str, int, int], Flight] = {}
        """Sent over an earlier connection."""
        self._tokens, self._refilled_at = pace.a_second, 0.0
        self._backlog: Span | None = None
        self._backlog_at = math.inf
        self._live: Place = START
        self._live_at = 0.0
        self._unanswered = 0
        """How often a batch was sent again since the newest answer."""
        self._silent_since: float | None = None

    def connected(self, now: float, newest: Place) -> None:
        """Begin anew with a broker: everything up to `newest` waited before."""
        self._backlog = Span(START, newest)
        self._backlog_at = now + self._pace.backlog_within_s * self._pace.jitter()
        self._live, self._live_at = newest, now
        self._tokens, self._refilled_at = self._pace.a_second, now
        self._unanswered = 0
        self._silent_since = None
        # the backlog holds them, too; an answer that is late may still come
        self._late, self.flights = self.flights, {}

    def again(self) -> None:
        """Send at once what is on its way: somebody has just come who may not have heard it."""
        self._unanswered = 0
        self.flights = {key: replace(flight, sent_at=-math.inf) for key, flight in self.flights.items()}

    def next(self, now: float, newest: Place, newest_urgent: int) -> Span | float:
        """Return what to send now, or for how many seconds there is nothing to do."""
        span, wait_s = self._wanted(now, newest, newest_urgent)
        if span is None:
            return wait_s
        self._refill(now)
        if self._tokens < _WHOLE:
            return (1 - self._tokens) / self._pace.a_second
        return span

    def sent(self, now: float, span: Span, head: BatchHead) -> None:
        """Take in that a batch went out."""
        self._tokens -= 1
        tries = 1
        if span.again is not None:
            tries = span.again.tries + 1
            self._unanswered += 1
            # some of it may have been given up meanwhile
            self.flights.pop(_key(span.again.head), None)
        self.flights[_key(head)] = Flight(head, now, tries)
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._move(now, span, (head.of_no, head.last))

    def nothing(self, now: float, span: Span, newest: Place) -> None:
        """Take in that there are no records there (any more)."""
        if span.again is not None:
            self.flights.pop(_key(span.again.head), None)
        elif span.live:
            self._move(now, span, newest)
        else:
            self._backlog = None

    def acked(self, now: float, ack: BatchAck) -> tuple[BatchHead, ...]:
        """Return which batches may be forgotten: those that were sent and that the console has whole."""
        known = {**self._late, **self.flights}
        done = [
            flight.head
            for flight in known.values()
            if flight.head.of == ack.boot and ack.first <= flight.head.first and flight.head.last <= ack.last
        ]
        for head in done:
            self.flights.pop(_key(head), None)
            self._late.pop(_key(head), None)
        if done:
            self.known = True
            self._unanswered = 0
            self._silent_since = now if self.flights else None
        return tuple(done)

    def silent(self, now: float) -> bool:
        """Whether a console that should be there has said nothing for too long."""
        return self.known and self._silent_since is not None and now - self._silent_since >= self._pace.silent_s

    def _wanted(self, now: float, newest: Place, newest_urgent: int) -> tuple[Span | None, float]:
        """Return what to send as soon as the pace allows, or when to look again."""
        again, again_in = self._to_repeat(now)
        if again is not None:
            return again, 0.0
        if len(self.flights) >= (self._pace.most_in_flight if self.known else 1):
            return None, again_in
        live_in = self._live_in(now, newest, newest_urgent)
        if live_in <= 0:
            return Span(self._live, live=True), 0.0
        backlog_in = max(0.0, self._backlog_at - now) if self._backlog else math.inf
        if backlog_in <= 0:
            return self._backlog, 0.0
        return None, min(again_in, live_in, backlog_in)

    def _to_repeat(self, now: float) -> tuple[Span | None, float]:
        waiting = sorted(self.flights.values(), key=lambda flight: flight.span.after)
        candidates = waiting[:1] if self._unanswered else waiting
        due = [(flight.sent_at + self._patience_s() - now, flight) for flight in candidates]
        if not due:
            return None, math.inf
        in_s, flight = min(due, key=lambda item: item[0])
        return (replace(flight.span, again=flight), 0.0) if in_s <= 0 else (None, in_s)

    def _patience_s(self) -> float:
        longest = self._pace.longest_resend_s if self.known else self._pace.stranger_resend_s
        return min(longest, self._pace.resend_s * 2.0 ** min(self._unanswered, 16))

    def _live_in(self, now: float, newest: Place, newest_urgent: int) -> float:
        if newest <= self._live:
            return math.inf
        if (newest[0], newest_urgent) > self._live or newest[1] - self._live[1] >= self._pace.samples_at_once:
            return 0.0
        return max(0.0, self._live_at + self._pace.samples_within_s - now)

    def _move(self, now: float, span: Span, to: Place) -> None:
        if span.again is not None:
            return
        if span.live:
            self._live, self._live_at = to, now
        elif self._backlog is not None and to >= (self._backlog.until or to):
            self._backlog = None
        elif self._backlog is not None:
            self._backlog = replace(self._backlog, after=to)

    def _refill(self, now: float) -> None:
        grown = self._tokens + (now - self._refilled_at) * self._pace.a_second
        self._tokens, self._refilled_at = min(self._pace.a_second, grown), now


def _key(head: BatchHead) -> tuple[str, int, int]:
    return head.of, head.first, head.last
