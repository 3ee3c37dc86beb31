"""Video packets of one SSRC to whole frames in order: asks again for what is missing, and knows when to give up.

Pure: time comes in as an argument, requests go out as return values. A frame leaves with its last packet (marker bit),
not with the first packet of the next one. Two ways of being: following (every frame from here decodes), or searching
for the next key frame after the beginning or a new one. A hole that does not fill in time makes it want a key frame,
and from then on it goes on with what comes first: that, or the missing packet after all.

The same in C is native/video.c; the tests hold the two together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.media.rtc.depacketize import Piece
from appliance.media.rtc.missing import Missing
from appliance.media.rtc.sequence import SequenceUnwrapper

WINDOW = 2048
"""Sequence numbers looked after at once: 30 Mbit/s for as long as a hole may stop the picture."""
_EARLY_US = 150_000
"""A hole older than this is not waited for if a whole key frame stands behind it already."""
_PATIENCE_US = 200_000
"""How long the first key frame may take before we ask for one."""
_STALL_US = 100_000
_MAX_HOLES = 500
"""More missing than this is no loss but an outage: a key frame is cheaper."""
_LOOK_BACK = 32
"""What may be missing before the first packet, if that one begins no frame: the start of the first key frame."""
_LOOK_BACK_TRIES = 3


@dataclass(frozen=True, slots=True)
class Packet:
    """One video packet, payload descriptor removed."""

    sequence: int
    timestamp: int
    marker: bool
    piece: Piece
    recovered: bool = False
    """It came as a retransmission (RFC 4588)."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A whole frame."""

    timestamp: int
    data: bytes
    key: bool


class VideoAssembler:
    """The jitter buffer of one video stream."""

    def __init__(self) -> None:
        self._numbers = SequenceUnwrapper()
        self._packets: dict[int, Packet] = {}
        self._missing = Missing()
        self._following = False
        self._first = 0
        """The number everything began with."""
        self._head = 0
        """What is before this number is of no interest; while following, the next frame begins here."""
        self._cursor = 0
        """While following, the first number from the head on that has not arrived."""
        self._searching_since: int | None = None
        self._ticked: int | None = None
        self._excused = False
        self.needs_key = False
        """A key frame should be asked for; the caller asks as often as is polite."""
        self.lost = 0
        self.skips = 0

    @property
    def waiting(self) -> bool:
        """Whether `tick` or `requests` has anything to do."""
        impatient = self._stuck or self._searching_since is not None
        return len(self._missing) > 0 or (impatient and not self.needs_key)

    @property
    def _stuck(self) -> bool:
        """Whether packets wait behind the cursor, for one that is missing."""
        return self._following and len(self._packets) > self._cursor - self._head

    def push(self, packet: Packet, now: float) -> list[Assembled]:
        """Take a packet; return the frames it completes."""
        at, before = _us(now), self._numbers.highest
        number = self._numbers.unwrap(packet.sequence)
        if number is None:
            # who repeats what is long gone has not begun anew
            if packet.recovered or not self._numbers.restarted(packet.sequence):
                return []
            self._restart()
            return self.push(packet, now)
        if before is None:
            self._begin(number, packet, at)
        elif number < self._head or number in self._packets:
            return []
        else:
            self._make_room(number, at)
            self._missing.note(range(max(before + 1, self._head), number), at)
        self._missing.fill(number, at, recovered=packet.recovered)
        self._packets[number] = packet
        if len(self._missing) > _MAX_HOLES:
            self._give_up(at)
            self._forget_below(number)
        return self._advance(number, at)

    def tick(self, now: float) -> list[Assembled]:
        """Let time pass: give up on holes that are too old; return frames that became free by it."""
        at = _us(now)
        if self._was_stalled(at):
            return []
        forgotten = self._missing.forget_old(at)
        self._count_lost(forgotten)
        if not self._following:
            return self._tick_searching(at, forgot=bool(forgotten))
        if not self._is_overdue(at):
            return []
        key = self._next_key(self._cursor)
        if key is not None:
            return self._jump(key)
        if self._missing.age(self._cursor, at) >= self._missing.hold:
            self._want_key()
        return []

    def requests(self, now: float) -> list[int]:
        """Return the 16-bit numbers to ask for now, sorted as the packets' writer needs them."""
        return sorted(number & 0xFFFF for number in self._missing.requests(_us(now)))

    def _begin(self, number: int, packet: Packet, at: int) -> None:
        self._first, self._head = number, number - WINDOW // 2
        self._searching_since = at
        if not packet.piece.starts:
            self._missing.note(range(number - _LOOK_BACK, number), at, tries=_LOOK_BACK_TRIES)

    def _restart(self) -> None:
        self._count_lost(self._missing.forget_below(self._head + WINDOW))
        self._numbers = SequenceUnwrapper()
        self._packets.clear()
        self._following = False
        self.needs_key = True

    def _make_room(self, number: int, at: int) -> None:
        if number - self._head >= WINDOW:
            self._give_up(at)
            self._forget_below(number - WINDOW // 2)

    def _advance(self, number: int, at: int) -> list[Assembled]:
        if not self._following:
            return self._search(number)
        frames = list(self._follow())
        return frames + self._search(number) if self._is_overdue(at) else frames

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
        self.needs_key = False
        data = b"".join(packet.piece.data for packet in packets)
        if data:
            yield Assembled(packets[0].timestamp, data, any(packet.piece.key for packet in packets))

    def _is_overdue(self, at: int) -> bool:
        """Whether the picture stands still for so long that a key frame behind the hole may go first."""
        return self._stuck and self._missing.age(self._cursor, at) >= _EARLY_US

    def _search(self, number: int) -> list[Assembled]:
        """Look whether the packet completed a key frame: its own, or one that it stands before or behind."""
        packet = self._packets.get(number)
        if packet is None or self._is_inside(number, packet):
            return []
        for near in (number - 1, number, number + 1):
            run = self._run(near)
            if run is None or not self._is_whole(*run):
                continue
            if self._has_key(*run):
                return self._jump(run[0])
            # whole frames come in, and none of them can be decoded
            self.needs_key = self.needs_key or not self._following
        return []

    def _is_inside(self, number: int, packet: Packet) -> bool:
        """Whether a packet stands in the middle of what has come so far: it completes nothing."""
        newest = number == self._numbers.highest
        return newest and not packet.marker and self._is_of(number - 1, packet.timestamp)

    def _run(self, number: int) -> tuple[int, int] | None:
        """Return the first and last number around a packet that share its timestamp without a hole."""
        packet = self._packets.get(number)
        if packet is None:
            return None
        first = last = number
        while self._is_of(first - 1, packet.timestamp):
            first -= 1
        while self._is_of(last + 1, packet.timestamp):
            last += 1
        return first, last

    def _is_of(self, number: int, timestamp: int) -> bool:
        packet = self._packets.get(number)
        return packet is not None and packet.timestamp == timestamp

    def _is_whole(self, first: int, last: int) -> bool:
        start = self._packets[first].piece
        begins = start.starts and (start.sure or first - 1 not in self._missing)
        # padding after a frame repeats its timestamp, so the marker need not be on the last
        return begins and (last + 1 in self._packets or any(self._packets[n].marker for n in range(first, last + 1)))

    def _has_key(self, first: int, last: int) -> bool:
        return any(self._packets[n].piece.key for n in range(first, last + 1))

    def _next_key(self, after: int) -> int | None:
        """Return where the first whole key frame behind a number begins."""
        seen = after
        for number in sorted(n for n, packet in self._packets.items() if n > after and packet.piece.key):
            run = self._run(number) if number > seen else None
            if run is not None:
                seen = run[1]
                if self._is_whole(*run):
                    return run[0]
        return None

    def _jump(self, first: int) -> list[Assembled]:
        """Go on with the key frame that begins here; what is older is lost."""
        self._forget_below(first)
        self._following = True
        self._cursor = first
        self._searching_since = None
        self.needs_key = False
        return list(self._follow())

    def _want_key(self) -> None:
        if not self.needs_key:
            self.needs_key = True
            self.skips += 1

    def _give_up(self, at: int) -> None:
        if self._following:
            self._want_key()
        self._following = False
        self._searching_since = at
        self.needs_key = True

    def _forget_below(self, head: int) -> None:
        for number in range(self._head, head):
            self._packets.pop(number, None)
        self._count_lost(self._missing.forget_below(head))
        self._head = head

    def _count_lost(self, numbers: Iterable[int]) -> None:
        # what was never sent, before the first packet, is not lost
        self.lost += sum(1 for number in numbers if number >= self._first)

    def _tick_searching(self, at: int, *, forgot: bool) -> list[Assembled]:
        if self._searching_since is not None and at - self._searching_since > _PATIENCE_US:
            self.needs_key = True
        key = self._next_key(self._head - 1) if forgot else None
        return self._jump(key) if key is not None else []

    def _was_stalled(self, at: int) -> bool:
        """Whether it was us who did not listen: what is missing may lie in the socket, unread.

        Never twice running: on a machine that is always late nothing would be given up.
        """
        stalled = self._ticked is None or at - self._ticked > _STALL_US
        self._ticked = at
        self._excused = stalled and not self._excused
        return self._excused


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
