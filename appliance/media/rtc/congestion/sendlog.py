"""What was sent when, until the receiver told what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.media.rtc.congestion.wire import CLOCK_US, Feedback

Row = tuple[int, int, int]
"""16-bit transport-wide number, when it was sent in microseconds of our clock, bytes on the wire."""
_REMEMBERED_US = 5_000_000
_MOST = 1 << 14
_HALF = 1 << 15
_MASK = 0xFFFF


@dataclass(frozen=True, slots=True)
class Delivered:
    """One packet that arrived."""

    sent_us: int
    arrived_us: int
    """On the receiver's clock, without its wraps."""
    size: int
    probe: bool = False
    """It belongs to the latest probe."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one feedback packet said of packets that we sent and had not heard of."""

    delivered: tuple[Delivered, ...]
    """In the order of arrival."""
    lost: int
    """Packets missing; one that arrives after all is counted back by a later outcome."""


@dataclass(slots=True)
class _Sent:
    at: int
    size: int
    probe: bool
    missed: bool = False


class SendLog:
    """The packets of one transport that carry the number."""

    def __init__(self) -> None:
        self._sent: dict[int, _Sent] = {}
        self._highest: int | None = None
        self._clock: int | None = None
        """The receiver's clock at its last feedback, without wraps."""
        self._probe_left = 0

    def mark(self, size: int) -> None:
        """Take the next `size` bytes for a probe's; packets of an earlier one are ordinary again."""
        for sent in self._sent.values():
            sent.probe = False
        self._probe_left = size

    def add(self, rows: Iterable[Row]) -> None:
        """Note packets, in the order they were sent."""
        for sequence, at, size in rows:
            self._highest = self._unwrapped(sequence) if self._highest is not None else sequence & _MASK
            self._sent[self._highest] = _Sent(at, size, probe=self._probe_left > 0)
            self._probe_left -= size
            self._forget(at)

    def settle(self, feedback: Feedback) -> Outcome:
        """Match feedback with what was sent. What it says of packets we do not know means nothing."""
        if self._highest is None:
            return Outcome((), 0)
        # it can only speak of the past
        number = self._highest - ((self._highest - feedback.first) & _MASK)
        offset = self._clock_offset(feedback)
        delivered, lost = [], 0
        for arrival in feedback.arrivals:
            sent = self._sent.get(number)
            if sent is not None and arrival is None:
                lost += not sent.missed
                sent.missed = True
            elif sent is not None and arrival is not None:
                lost -= sent.missed
                delivered.append(Delivered(sent.at, arrival + offset, sent.size, sent.probe))
                del self._sent[number]
            number += 1
        return Outcome(tuple(sorted(delivered, key=lambda packet: packet.arrived_us)), lost)

    def _unwrapped(self, sequence: int) -> int:
        highest = self._highest or 0
        return highest + ((sequence - highest + _HALF) & _MASK) - _HALF

    def _clock_offset(self, feedback: Feedback) -> int:
        """Return what to add to this feedback's times so that the receiver's clock never wraps."""
        first = next((at for at in feedback.arrivals if at is not None), None)
        if first is None:
            return 0
        if self._clock is None:
            self._clock = first
        step = (first - self._clock + CLOCK_US // 2) % CLOCK_US - CLOCK_US // 2
        self._clock += step
        return self._clock - first

    def _forget(self, now: int) -> None:
        while self._sent:
            number = next(iter(self._sent))
            if now - self._sent[number].at <= _REMEMBERED_US and len(self._sent) <= _MOST:
                return
            del self._sent[number]
