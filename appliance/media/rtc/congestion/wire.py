"""Transport-wide feedback on the wire (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

Only what stands behind the two SSRCs of the RTCP packet (the FCI); the header around it is RTCP's business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat, takewhile

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
FORMAT = 15
"""The FMT of an RTPFB packet that carries this feedback."""
REFERENCE_US = 64_000
"""Unit of the reference time."""
CLOCK_US = REFERENCE_US << 24
"""The receiver's clock begins anew after this (12.4 days)."""
MOST = 4096
"""Packets one feedback may speak of. The format allows 65535, which would make 20 bytes expensive."""
_HEAD = 8
_DELTA_US = 250
_LOST, _SMALL, _LARGE = 0, 1, 2
_SMALL_MOST = 0xFF
_LARGE_MOST = 0x7FFF
_MAX_RUN = 0x1FFF
_VECTOR = 7


class BadFeedback(ValueError):
    """Feedback that makes no sense."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one feedback packet says."""

    first: int
    """The 16-bit number of the first packet it speaks of."""
    arrivals: tuple[int | None, ...]
    """When each packet from the first on arrived, in microseconds of the receiver's clock; None for never."""
    count: int = 0
    """Feedback packets so far, 8 bit."""


def parse(fci: bytes) -> Feedback:
    """Read the FCI; raise `BadFeedback`."""
    if len(fci) < _HEAD:
        raise BadFeedback("feedback is too short")
    first, packets = int.from_bytes(fci[0:2], "big"), int.from_bytes(fci[2:4], "big")
    if not 0 < packets <= MOST:
        raise BadFeedback("feedback speaks of no packets, or of too many")
    statuses, position = _statuses(fci, packets)
    now = int.from_bytes(fci[4:7], "big") * REFERENCE_US
    arrivals: list[int | None] = []
    for status in statuses:
        if status == _LOST:
            arrivals.append(None)
            continue
        end = position + status
        if end > len(fci):
            raise BadFeedback("feedback ends too early")
        now += int.from_bytes(fci[position:end], "big", signed=status == _LARGE) * _DELTA_US
        arrivals.append(now)
        position = end
    return Feedback(first, tuple(arrivals), fci[7])


def build(first: int, arrivals: Sequence[int | None], *, count: int = 0) -> tuple[bytes, int]:
    """Return the FCI for packets from `first` on, and how many of them it holds: a jump in time ends it early.

    `arrivals` has at least one arrival. Times are rounded to 250 microseconds.
    """
    reference = next(at for at in arrivals if at is not None) // REFERENCE_US
    now, deltas, statuses = reference * REFERENCE_US, bytearray(), list[int]()
    for at in arrivals[:MOST]:
        if at is None:
            statuses.append(_LOST)
            continue
        delta = round((at - now) / _DELTA_US)
        if abs(delta) > _LARGE_MOST:
            break
        now += delta * _DELTA_US
        small = 0 <= delta <= _SMALL_MOST
        statuses.append(_SMALL if small else _LARGE)
        deltas += delta.to_bytes(1, "big") if small else delta.to_bytes(2, "big", signed=True)
    head = (first & 0xFFFF).to_bytes(2, "big") + len(statuses).to_bytes(2, "big")
    head += (reference & 0xFFFFFF).to_bytes(3, "big") + bytes([count & 0xFF])
    fci = head + b"".join(_chunks(statuses)) + deltas
    return fci + bytes(-len(fci) % 4), len(statuses)


def _statuses(fci: bytes, packets: int) -> tuple[list[int], int]:
    """Return the status of each packet (which is also the size of its delta), and where the chunks end."""
    statuses: list[int] = []
    position = _HEAD
    while len(statuses) < packets:
        if position + 2 > len(fci):
            raise BadFeedback("feedback ends too early")
        statuses += _chunk(int.from_bytes(fci[position : position + 2], "big"))
        position += 2
    del statuses[packets:]
    if any(status > _LARGE for status in statuses):
        raise BadFeedback("feedback has a status that does not exist")
    return statuses, position


def _chunk(chunk: int) -> list[int]:
    if not chunk & 0x8000:
        return [chunk >> 13] * (chunk & _MAX_RUN)
    if not chunk & 0x4000:
        return [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return [chunk >> shift & 3 for shift in range(12, -1, -2)]


def _chunks(statuses: Sequence[int]) -> Iterator[bytes]:
    """Pack statuses: long runs as such, the rest seven by seven."""
    position = 0
    while position < len(statuses):
        status = statuses[position]
        run = sum(1 for _ in takewhile(status.__eq__, islice(statuses, position, position + _MAX_RUN)))
        if run >= _VECTOR or position + run == len(statuses):
            yield (status << 13 | run).to_bytes(2, "big")
            position += run
        else:
            vector = 0x3
            for symbol in islice(chain(statuses[position : position + _VECTOR], repeat(_LOST)), _VECTOR):
                vector = vector << 2 | symbol
            yield vector.to_bytes(2, "big")
            position += _VECTOR
