"""Which numbered packets arrived and when, until their sender was told."""

from appliance.media.rtc.congestion import wire
from appliance.media.rtc.sequence import SequenceUnwrapper

_WAITS_US = ((10, 50_000), (5, 100_000), (1, 200_000))
"""With this many packets to tell of, feedback waits no longer than this."""
_REMEMBERED_US = 500_000
"""What came later than a packet that comes late is told again together with it."""
_MOST = 400
"""Numbers one feedback speaks of: it must fit a datagram."""


class ArrivalLog:
    """One for all packets of a transport that carry the number."""

    def __init__(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._arrived: dict[int, int] = {}
        self._first: int | None = None
        """The lowest number to speak of next time."""
        self._waiting = 0
        self._since = 0
        self._count = 0

    def add(self, sequence: int, now: int) -> None:
        """Note that a packet with this number arrived."""
        number = self._numbers.unwrap(sequence)
        if number is None:
            if not self._numbers.restarted(sequence):
                return
            self._begin_anew()
            number = self._numbers.unwrap(sequence)
        if number is None or number in self._arrived:
            return
        self._arrived[number] = now
        if not self._waiting:
            self._since = now
        self._waiting += 1
        if self._first is None or number < self._first:
            self._first = number

    def due_at(self) -> int | None:
        """Return when `take` has something to say, None if nothing came."""
        return next((self._since + wait for packets, wait in _WAITS_US if self._waiting >= packets), None)

    def take(self, now: int) -> list[bytes]:
        """Return the feedback that is due, without RTCP's header."""
        due = self.due_at()
        if due is None or now < due:
            return []
        told: list[bytes] = []
        highest = max(self._arrived)
        # nobody waits for news of a hole this wide
        number = max(self._first if self._first is not None else highest, highest - _MOST)
        while number <= highest:
            while number not in self._arrived and told:
                number += 1
            arrivals = [self._arrived.get(n) for n in range(number, highest + 1)]
            fci, packets = wire.build(number, arrivals, count=self._count)
            told.append(fci)
            self._count = (self._count + 1) & 0xFF
            number += packets
        self._first, self._waiting = highest + 1, 0
        self._arrived = {n: at for n, at in self._arrived.items() if now - at < _REMEMBERED_US}
        return told

    def _begin_anew(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._arrived.clear()
        self._first, self._waiting = None, 0
