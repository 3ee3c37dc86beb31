"""Video packets of one SSRC to whole frames in order: asks again for what is missing, and knows when to give up.

Pure: time comes in as an argument, requests go out as return values. A frame leaves with its last packet (marker bit),
not with the first packet of the next one. Two ways of being: following (every frame from here decodes), or searching
for the next key frame after the beginning or a hole that did not fill.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.media.rtc.depacketize import Piece
from appliance.media.rtc.sequence import SequenceUnwrapper

HOLD_S = 0.5
"""How long a hole may stop the picture before it skips to the next key frame."""
_EARLY_S = 0.15
"""A hole older than this is not waited for if a whole key frame stands behind it already."""
_ASK_AGAIN_S = (0.02, 0.05, 0.15)
"""Least, first and greatest time between two requests for one packet: half a round trip."""
_PATIENCE_S = 0.2
"""How long the first key frame may take before we ask for one."""
_STALL_S = 0.1
_CAPACITY = 2048
_MAX_ASKED = 200


@dataclass(frozen=True, slots=True)
class Packet:
    """One video packet, payload descriptor removed."""

    sequence: int
    timestamp: int
    marker: bool
    piece: Piece


@dataclass(frozen=True, slots=True)
class Assembled:
    """A whole frame."""

    timestamp: int
    data: bytes
    key: bool


@dataclass(slots=True)
class _Hole:
    since: float
    asked: float | None = None
    tries: int = 0


class VideoAssembler:
    """The jitter buffer of one video stream."""

    def __init__(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._packets: dict[int, Packet] = {}
        self._holes: dict[int, _Hole] = {}
        self._following = False
        self._head = 0
        """Where the next frame to release begins, while following."""
        self._cursor = 0
        """The first number from the head on that has not arrived."""
        self._searching_since: float | None = None
        self._rtt = 2 * _ASK_AGAIN_S[1]
        self._ticked = float("-inf")
        self.needs_key = False
        """A key frame should be asked for; the caller asks as often as is polite."""
        self.lost = 0
        self.skips = 0

    @property
    def waiting(self) -> bool:
        """Whether `tick` has anything to do."""
        impatient = self._searching_since is not None and not self.needs_key
        return bool(self._holes) or self._stuck or impatient

    @property
    def _stuck(self) -> bool:
        """Whether packets wait behind the cursor, for one that is missing."""
        return self._following and len(self._packets) > self._cursor - self._head

    def push(self, packet: Packet, now: float) -> list[Assembled]:
        """Take a packet; return the frames it completes."""
        before = self._numbers.highest
        number = self._numbers.unwrap(packet.sequence)
        if number is None:
            if not self._numbers.restarted(packet.sequence):
                return []
            self._restart()
            return self.push(packet, now)
        if number in self._packets or (self._following and number < self._head):
            return []
        if self._searching_since is None:
            self._searching_since = now
        self._note_holes(before, number, now)
        self._packets[number] = packet
        if len(self._packets) > _CAPACITY:
            self._give_up(now)
        return list(self._follow()) if self._following else self._search(number)

    def tick(self, now: float) -> list[Assembled]:
        """Let time pass: give up on holes that are too old; return frames that became free by it."""
        stalled, self._ticked = now - self._ticked > _STALL_S, now
        if stalled:
            # it was us who did not listen: what is missing may lie in the socket, unread
            return []
        if not self._following:
            return self._tick_searching(now)
        if not self._stuck:
            return []
        hole = self._holes.get(self._cursor)
        # a hole forgotten while searching will not fill any more
        age = HOLD_S if hole is None else now - hole.since
        if age < _EARLY_S:
            return []
        key = self._next_key(self._cursor)
        if key is not None:
            return self._jump(key)
        if age >= HOLD_S:
            self._give_up(now)
        return []

    def requests(self, now: float) -> list[int]:
        """Return the 16-bit numbers to ask for now, each at once and then twice per round trip."""
        least, _, greatest = _ASK_AGAIN_S
        again = min(max(self._rtt / 2, least), greatest)
        due = [n for n, h in self._holes.items() if h.asked is None or now - h.asked >= again][:_MAX_ASKED]
        for number in due:
            hole = self._holes[number]
            hole.asked, hole.tries = now, hole.tries + 1
        return sorted(number & 0xFFFF for number in due)

    def _restart(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._packets.clear()
        self._holes.clear()
        self._following = False
        self.needs_key = True

    def _note_holes(self, before: int | None, number: int, now: float) -> None:
        if before is not None and number > before:
            self._holes.update((missing, _Hole(now)) for missing in range(before + 1, number))
        filled = self._holes.pop(number, None)
        # with one request there is no doubt which one was answered (Karn)
        if filled is not None and filled.tries == 1 and filled.asked is not None:
            self._rtt += (min(now - filled.asked, 1.0) - self._rtt) / 8

    def _follow(self) -> Iterator[Assembled]:
        while (packet := self._packets.get(self._cursor)) is not None:
            first = self._packets[self._head]
            if packet.timestamp != first.timestamp:
                # some senders never set the marker; the next timestamp ends the frame as well
                yield from self._release(self._cursor)
            self._cursor += 1
            if packet.marker:
                yield from self._release(self._cursor)

    def _release(self, end: int) -> Iterator[Assembled]:
        packets = [self._packets.pop(number) for number in range(self._head, end)]
        self._head = end
        data = b"".join(packet.piece.data for packet in packets)
        if data:
            yield Assembled(packets[0].timestamp, data, any(packet.piece.key for packet in packets))

    def _search(self, number: int) -> list[Assembled]:
        """Look whether the packet completed a key frame."""
        span = self._span(number)
        if span is None:
            return []
        first, last = span
        if any(self._packets[n].piece.key for n in range(first, last + 1)):
            return self._jump(first)
        # whole frames come in, and none of them can be decoded
        self.needs_key = True
        return []

    def _span(self, number: int) -> tuple[int, int] | None:
        """Return the first and last number of the whole frame around a packet, or None."""
        timestamp = self._packets[number].timestamp
        first = last = number
        while self._is_of(first - 1, timestamp):
            first -= 1
        while self._is_of(last + 1, timestamp):
            last += 1
        # padding after a frame repeats its timestamp; the marker ends the picture
        marked = next((n for n in range(number, last + 1) if self._packets[n].marker), None)
        start = self._packets[first].piece
        whole = start.starts and (start.sure or first - 1 not in self._holes)
        return (first, marked) if whole and marked is not None else None

    def _is_of(self, number: int, timestamp: int) -> bool:
        packet = self._packets.get(number)
        return packet is not None and packet.timestamp == timestamp

    def _tick_searching(self, now: float) -> list[Assembled]:
        if self._searching_since is not None and now - self._searching_since > _PATIENCE_S:
            self.needs_key = True
        if not self._forget_old_holes(now):
            return []
        key = self._next_key(0)
        return self._jump(key) if key is not None else []

    def _next_key(self, after: int) -> int | None:
        """Return where the first whole key frame behind a number begins."""
        for number in sorted(n for n, packet in self._packets.items() if n > after and packet.piece.key):
            span = self._span(number)
            if span is not None:
                return span[0]
        return None

    def _jump(self, first: int) -> list[Assembled]:
        """Go on with the key frame that begins here; what is older is lost."""
        self.lost += sum(1 for number in self._holes if number < first)
        self._holes = {number: hole for number, hole in self._holes.items() if number > first}
        self._packets = {number: packet for number, packet in self._packets.items() if number >= first}
        self._following = True
        self._head = self._cursor = first
        self._searching_since = None
        self.needs_key = False
        return list(self._follow())

    def _give_up(self, now: float) -> None:
        self.skips += 1
        self._following = False
        self._searching_since = now
        self.needs_key = True
        newest = max(self._packets)
        self._packets = {n: packet for n, packet in self._packets.items() if n > newest - _CAPACITY // 2}
        self._forget_old_holes(now)

    def _forget_old_holes(self, now: float) -> bool:
        old = [number for number, hole in self._holes.items() if now - hole.since >= HOLD_S]
        for number in old:
            del self._holes[number]
        self.lost += len(old)
        return bool(old)
