"""Does the queue in front of the link grow? (draft-ietf-rmcat-gcc-02, section 5, with libwebrtc's trendline filter.)"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.media.rtc.congestion.sendlog import Delivered

_BURST_US = 15_000
"""Packets sent, or arriving, within this time count as one. The draft has 5 ms, which cuts a paced video frame in
pieces: the flow with the larger frames then hears its own steps, grows deaf and takes three times its share."""
_LONGEST_BURST_US = 100_000
_JUMP_US = 3_000_000
_WINDOW = 20
_SMOOTHING = 0.9
_GAIN = 4.0
_MOST_SAMPLES = 60
_FIRST_THRESHOLD_MS = 12.5
_THRESHOLDS_MS = (6.0, 600.0)
_UP, _DOWN = 0.0087, 0.039
_OUTLIER_MS = 15.0
_PATIENCE_MS = 10.0
_QUEUE_US = 40_000
"""A queue this long is too long, whether it grows or not; all flows on a link see the same."""
_PERIOD_US = 1_000_000
_REMEMBERED_US = 20_000_000
_INSIST_US = 300_000
_IN_VAIN_US = 2_000_000
_SHORTER = 0.75


class Usage(Enum):
    """What the delay says of the link."""

    NORMAL = "normal"
    OVER = "over"
    UNDER = "under"


@dataclass(frozen=True, slots=True)
class _Group:
    """A burst of packets."""

    first_sent: int
    sent: int
    first_arrived: int
    arrived: int

    def takes(self, packet: Delivered) -> bool:
        """Whether a packet still belongs to this burst."""
        if packet.sent_us - self.first_sent <= _BURST_US:
            return True
        gap = packet.arrived_us - self.arrived
        # it caught up with the burst in a queue, so its delay tells of the burst's own size
        caught_up = gap <= _BURST_US and gap < packet.sent_us - self.sent
        return caught_up and packet.arrived_us - self.first_arrived < _LONGEST_BURST_US

    def grown(self, packet: Delivered) -> "_Group":
        return _Group(
            self.first_sent, max(self.sent, packet.sent_us), self.first_arrived, max(self.arrived, packet.arrived_us)
        )


class InterArrival:
    """Turns packets into pairs of neighbouring bursts: how much later the second was sent, and how much it arrived."""

    def __init__(self) -> None:
        self._before: _Group | None = None
        self._current: _Group | None = None

    def add(self, packet: Delivered) -> tuple[int, int] | None:
        """Return (sent, arrived) differences when the packet begins a third burst."""
        group = self._current
        if group is None:
            self._current = _begun(packet)
            return None
        if packet.sent_us < group.first_sent:
            # overtaken: its delay belongs to a burst that is over
            return None
        if group.takes(packet):
            self._current = group.grown(packet)
            return None
        before, self._before, self._current = self._before, group, _begun(packet)
        if before is None:
            return None
        sent, arrived = group.sent - before.sent, group.arrived - before.arrived
        if sent <= 0 or abs(arrived - sent) > _JUMP_US:
            self._before = None
            return None
        return sent, arrived


class Trendline:
    """The slope of the queueing delay over the last bursts, against a threshold that adapts (section 5.4)."""

    def __init__(self) -> None:
        self._samples = 0
        self._delay = self._smoothed = 0.0
        self._clock = 0.0
        self._history: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._trend = 0.0
        self._threshold = _FIRST_THRESHOLD_MS
        self._over_ms: float | None = None
        self._over_count = 0
        self.usage = Usage.NORMAL

    def add(self, sent_us: int, arrived_us: int) -> None:
        """Take the differences between two bursts."""
        sent, arrived = sent_us / 1000, arrived_us / 1000
        self._samples = min(self._samples + 1, _MOST_SAMPLES)
        self._clock += arrived
        self._delay += arrived - sent
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * self._delay
        self._history.append((self._clock, self._smoothed))
        trend = _slope(self._history) if len(self._history) == _WINDOW else self._trend
        self._detect(trend, sent)
        self._adapt(self._samples * trend * _GAIN, arrived)
        self._trend = trend

    def _detect(self, trend: float, sent: float) -> None:
        scaled = self._samples * trend * _GAIN
        if scaled <= self._threshold:
            self._over_ms, self._over_count = None, 0
            self.usage = Usage.UNDER if scaled < -self._threshold else Usage.NORMAL
            return
        self._over_ms = sent / 2 if self._over_ms is None else self._over_ms + sent
        self._over_count += 1
        if self._over_ms > _PATIENCE_MS and self._over_count > 1 and trend >= self._trend:
            self._over_ms, self._over_count = 0.0, 0
            self.usage = Usage.OVER

    def _adapt(self, scaled: float, elapsed_ms: float) -> None:
        distance = abs(scaled) - self._threshold
        if distance > _OUTLIER_MS:
            return
        rate = _DOWN if distance < 0 else _UP
        least, most = _THRESHOLDS_MS
        self._threshold += rate * distance * min(max(elapsed_ms, 0.0), 100.0)
        self._threshold = min(max(self._threshold, least), most)


class StandingQueue:
    """A queue that is long and stays so has no slope; only the least delay of old tells that it is there."""

    def __init__(self) -> None:
        self._least: deque[tuple[int, int]] = deque()
        """(when, delay): the least delay of each period, on the receiver's clock."""
        self._since: tuple[int, int] | None = None
        self._told_at = 0

    def update(self, packets: Sequence[Delivered]) -> bool:
        """Learn from packets in the order they arrived; True when the queue should be emptied."""
        if not packets:
            return False
        now, delay = packets[-1].arrived_us, min(packet.arrived_us - packet.sent_us for packet in packets)
        self._note(now, delay)
        queue = delay - min(least for _, least in self._least)
        if queue < _QUEUE_US:
            self._since = None
            return False
        if self._since is None:
            self._since, self._told_at = (now, queue), now
            return False
        begun, before = self._since
        if now - begun > _IN_VAIN_US and queue > _SHORTER * before:
            # the way became longer, or somebody else fills the queue whatever we do
            self._least.clear()
            self._since = None
            return False
        if now - self._told_at < _INSIST_US:
            return False
        self._told_at = now
        return True

    def _note(self, now: int, delay: int) -> None:
        if self._least and 0 <= now - self._least[-1][0] < _PERIOD_US:
            at, least = self._least.pop()
            delay, now = min(least, delay), at
        self._least.append((now, delay))
        while now - self._least[0][0] > _REMEMBERED_US or now < self._least[0][0]:
            self._least.popleft()


class DelayDetector:
    """Packets in, the use of the link out."""

    def __init__(self) -> None:
        self._bursts = InterArrival()
        self._trendline = Trendline()
        self._queue = StandingQueue()

    def update(self, packets: Sequence[Delivered]) -> Usage:
        """Learn from packets in the order they arrived; any sign of overuse among them counts."""
        usages = list(self._usages(packets))
        if self._queue.update(packets) or Usage.OVER in usages:
            return Usage.OVER
        return usages[-1] if usages else Usage.NORMAL

    def _usages(self, packets: Sequence[Delivered]) -> Iterator[Usage]:
        for packet in packets:
            differences = self._bursts.add(packet)
            if differences is not None:
                self._trendline.add(*differences)
            yield self._trendline.usage


def _begun(packet: Delivered) -> _Group:
    return _Group(packet.sent_us, packet.sent_us, packet.arrived_us, packet.arrived_us)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    square = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / square if square else 0.0
