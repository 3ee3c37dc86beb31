"""One received sound stream between two threads: the network's puts packets in, the loudspeaker's takes samples out."""

from collections import deque

from appliance.media.libopus import Samples
from appliance.media.playout import Playout, PlayoutStats
from appliance.media.rtc.frames import EncodedFrame, InStats
from appliance.media.statistics import share
from appliance.state.wishes import StreamStats

SILENT_DB = -127.0
_MOST_PACKETS = 250
_FALL_DB = 0.5
"""By which loudness falls with each packet: between two words somebody still speaks."""
_GONE_NS = 500_000_000


class Voice:
    """Neither thread ever waits for the other."""

    def __init__(self) -> None:
        self._inbox: deque[tuple[EncodedFrame, int]] = deque(maxlen=_MOST_PACKETS)
        self._playout = Playout()
        self._loudness = SILENT_DB
        self._came_ns = 0
        self._bytes = 0
        self._before, self._arrived = PlayoutStats(), InStats()
        self._before_ns: int | None = None

    def put(self, frame: EncodedFrame, now_ns: int) -> None:
        """Take a packet from the network; a full inbox loses its oldest."""
        # who does not say how loud he is may be anything
        level = 0.0 if frame.level is None else -float(frame.level)
        self._loudness = max(level, self._loudness - _FALL_DB)
        self._came_ns = now_ns
        self._bytes += len(frame.data)
        self._inbox.append((frame, now_ns))

    def loudness(self, now_ns: int) -> float:
        """Return how loud this is, in dB below full scale, without listening."""
        return self._loudness if now_ns - self._came_ns < _GONE_NS else SILENT_DB

    def pull(self, count: int, now_ns: int) -> Samples | None:
        """Return the next `count` samples, None for silence."""
        self._take_in()
        return self._playout.pull(count, now_ns)

    def rest(self, now_ns: int) -> None:
        """Let what is due pass by unheard."""
        self._take_in()
        self._playout.rest(now_ns)

    @property
    def heard(self) -> tuple[int, float] | None:
        """A timestamp, and the time in milliseconds at which its sound left or leaves."""
        return self._playout.heard

    @property
    def delay_ms(self) -> float:
        """How long sound waits here."""
        return self._playout.delay_ms

    def wait_at_least(self, delay_ms: float) -> None:
        """Play later than the network makes necessary."""
        self._playout.target.least_ms = delay_ms

    def stats(self, person: str, arrived: InStats, now_ns: int) -> StreamStats:
        """Say how it did since the last time; `arrived` is what the network's side counted."""
        stats, before = self._playout.stats(now_ns), self._before
        seconds = 0.0 if self._before_ns is None else (now_ns - self._before_ns) / 1e9
        played = stats.played_s - before.played_s
        report = StreamStats(
            person,
            "audio",
            "in",
            kbps=round(self._bytes * 8 / 1000 / seconds, 1) if seconds > 0 else 0.0,
            lost=stats.lost - before.lost,
            loss=share(arrived.lost - self._arrived.lost, arrived.packets - self._arrived.packets),
            dropped=stats.dropped - before.dropped,
            jitter_ms=round(arrived.jitter_s * 1000, 1),
            concealed=round((stats.concealed_s - before.concealed_s) / played, 4) if played > 0 else 0.0,
            delay_ms=round(stats.delay_ms),
        )
        self._bytes, self._before, self._arrived, self._before_ns = 0, stats, arrived, now_ns
        return report

    def _take_in(self) -> None:
        while self._inbox:
            self._playout.push(*self._inbox.popleft())
