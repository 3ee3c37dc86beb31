"""How the room was for a while, in one small record: pure."""

from collections.abc import Iterable, Sequence

from appliance.state.room import RoomState
from appliance.state.wishes import StreamStats
from appliance.telemetry.protocol.payloads import CallPhase, Gauges, Issue, Severity
from appliance.telemetry.protocol.records import Sample

_RANK = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def sample_of(
    room: RoomState,
    gauges: Gauges,
    issues: Sequence[Issue],
    streams: Iterable[StreamStats],
    *,
    ready: bool | None,
    span_s: int,
    freezes: int,
) -> Sample:
    """Return the sample for the time since the one before."""
    known = tuple(streams)
    coming = [stream for stream in known if stream.direction == "in"]
    going = [stream for stream in known if stream.direction == "out"]
    return Sample(
        span_s=span_s,
        phase=CallPhase(room.call.phase.value),
        participants=len(room.call.participants),
        issues=len(issues),
        worst=next((one for one in _RANK if any(issue.severity is one for issue in issues)), None),
        ready=ready,
        occupied=room.occupied,
        cpu=gauges.cpu,
        mem_available_mb=gauges.mem_available_mb,
        temp_c=gauges.temp_c,
        disk_free_mb=gauges.disk_free_mb,
        kbps_in=_sum(stream.kbps for stream in coming),
        kbps_out=_sum(stream.kbps for stream in going),
        fps_in=_mean(stream.fps for stream in coming if stream.kind == "video"),
        fps_out=_mean(stream.fps for stream in going if stream.kind == "video"),
        loss=max((stream.loss for stream in known), default=None),
        jitter_ms=max((stream.jitter_ms for stream in known), default=None),
        rtt_ms=max((stream.rtt_ms for stream in known if stream.rtt_ms is not None), default=None),
        freezes=freezes,
    )


class Freezes:
    """Counts how often pictures stood still: each stream counts from its own beginning, and streams come and go."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], int] = {}

    def since(self, streams: Iterable[StreamStats]) -> int:
        """Return how many there were since this was last asked."""
        counts = {(one.person, one.kind, one.direction): one.freezes for one in streams}
        grown = sum(max(0, count - self._known.get(key, 0)) for key, count in counts.items())
        self._known = counts
        return grown


def _sum(values: Iterable[float]) -> float | None:
    known = tuple(values)
    return round(sum(known), 1) if known else None


def _mean(values: Iterable[float]) -> float | None:
    known = tuple(values)
    return round(sum(known) / len(known), 1) if known else None
