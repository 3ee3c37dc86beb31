"""How streams do, in numbers: pure; whoever carries a stream counts here and asks every other second."""

from appliance.media.rtc.frames import InStats, OutStats
from appliance.meetings.provider import Slot
from appliance.state.wishes import StreamStats

FREEZE_S = 0.2
"""A longer gap between two pictures is one that people see."""
_PAUSE_S = 5.0
"""A longer one is a camera that was off, or a call that was away."""


class Gaps:
    """The time between one picture and the next."""

    def __init__(self) -> None:
        self.frames = self.freezes = 0
        self.longest_s = 0.0
        self._last: float | None = None

    def frame(self, now: float) -> None:
        """Note a picture."""
        gap = 0.0 if self._last is None else now - self._last
        self._last = now
        self.frames += 1
        if gap <= _PAUSE_S:
            self.longest_s = max(self.longest_s, gap)
            self.freezes += gap > FREEZE_S

    def pause(self) -> None:
        """Nobody looks; what comes next ends no gap."""
        self._last = None


class PictureMeter:
    """One person's pictures."""

    def __init__(self, now: float, *, still: bool = False) -> None:
        """`still` pictures, such as a shared screen, are no freeze when they stand still."""
        self.gaps = Gaps()
        self._still = still
        self._since, self._before, self._shown = now, InStats(), 0
        self._dropped = self._decoded = 0
        self._decode_s = 0.0
        self._size = (0, 0)

    def shown(self, now: float, size: tuple[int, int]) -> None:
        """Note that a picture was painted."""
        self.gaps.frame(now)
        if self._still:
            self.gaps.pause()
        self._size = size

    def decoded(self, count: int, seconds: float) -> None:
        """Note what decoding took."""
        self._decoded += count
        self._decode_s += seconds

    def dropped(self, count: int) -> None:
        """Note frames that were not shown, because newer ones were there or others before them missing."""
        self._dropped += count

    def take(self, person: str, arrived: InStats, now: float) -> StreamStats:
        """Return how it did since the last time."""
        seconds, before, gaps = max(now - self._since, 0.001), self._before, self.gaps
        stats = StreamStats(
            person,
            "video",
            "in",
            frames=gaps.frames,
            fps=round((gaps.frames - self._shown) / seconds, 1),
            width=self._size[0],
            height=self._size[1],
            kbps=_kbps(arrived.bytes - before.bytes, seconds),
            lost=max(arrived.lost - before.lost, 0),
            loss=share(arrived.lost - before.lost, arrived.packets - before.packets),
            dropped=self._dropped,
            freezes=gaps.freezes,
            longest_gap_ms=round(gaps.longest_s * 1000),
            jitter_ms=round(arrived.jitter_s * 1000, 1),
            decode_ms=round(self._decode_s * 1000 / self._decoded, 2) if self._decoded else 0.0,
        )
        self._since, self._before, self._shown = now, arrived, gaps.frames
        self._dropped, self._decoded, self._decode_s = 0, 0, 0.0
        return stats


class SentMeter:
    """One stream of the room's own."""

    def __init__(self, slot: Slot, now: float) -> None:
        self._kind = "video" if slot is Slot.CAMERA else "audio"
        self._since, self._before = now, OutStats()

    def take(self, sent: OutStats, now: float) -> StreamStats:
        """Return how it did since the last time."""
        seconds, before = max(now - self._since, 0.001), self._before
        self._since, self._before = now, sent
        return StreamStats(
            "",
            self._kind,
            "out",
            frames=sent.frames,
            fps=round((sent.frames - before.frames) / seconds, 1),
            kbps=_kbps(sent.bytes - before.bytes, seconds),
            loss=round(sent.fraction_lost, 4),
            dropped=max(sent.dropped - before.dropped, 0),
            rtt_ms=None if sent.rtt_s is None else round(sent.rtt_s * 1000, 1),
        )


def _kbps(octets: int, seconds: float) -> float:
    return round(max(octets, 0) * 8 / 1000 / seconds, 1)


def share(lost: int, arrived: int) -> float:
    """Return the part of all packets that was lost, 0 to 1."""
    return round(max(lost, 0) / (max(lost, 0) + arrived), 4) if arrived > 0 else 0.0
