"""A batch's records to rows of tables. Pure; what is beyond a column's bounds is nothing a room could have measured."""

from collections.abc import Iterable

from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import (
    Chunk,
    Happening,
    JobReport,
    JobState,
    Meeting,
    Record,
    Sample,
    Thinned,
)
from fleet.ingest.reading import Heard, number, plain, whole
from fleet.store.records import EventRow, FileChunk, Rows

KEPT = Meeting, JobReport
"""What is told once and cannot be measured again: of what a room sends beyond its budget, these go last."""
_OLDEST_MS = 30 * 24 * 3600 * 1000
_AHEAD_MS = 5 * 60 * 1000
_LONGEST_SPAN_S = 3600
_BIGGEST_FILE = 32 * 1024 * 1024
_MOST_CHUNKS = 4096
_UNKNOWN = "The room noted something that this console does not know: it may be of a newer version than the console."


def happened_at(heard: Heard, of: str, record: Record) -> int:
    """Return when something happened, as well as can be known.

    A room whose clock was not set yet counts from its start: while it still runs, that tells. A time that cannot be
    gives way to the time of arrival.
    """
    at = record.ts
    if record.sync is ClockSync.NO and of == heard.stamp.boot:
        at = heard.at - (heard.stamp.mono - record.mono)
    return at if heard.at - _OLDEST_MS <= at <= heard.at + _AHEAD_MS else heard.at


def sort_out(rows: Rows, room: int, boot: int, heard: Heard, of: str, records: Iterable[Record]) -> None:
    """Add records to the rows of the tables they belong to."""
    for record in records:
        at = happened_at(heard, of, record)
        place = (room, boot, record.n, at, record.ts, heard.at)
        match record.content:
            case Sample():
                rows.samples.append((room, at, _sample(room, at, boot, record.n, record.content)))
            case Meeting():
                rows.meetings.append((room, boot, record.n, at, *_meeting(record.content)))
            case Happening() as what:
                issue = plain(what.issue, 64) if what.issue else None
                rows.events.append(EventRow(*place, plain(what.type, 64), what.severity, issue, plain(what.text)))
            case JobReport():
                _job(rows, place, record.content)
            case Chunk():
                _chunk(rows, place, record.content)
            case Thinned() as lost:
                rows.events.append(EventRow(*place, "samples.thinned", "warning", text=_thinned(lost)))
            case None:
                rows.events.append(EventRow(*place, "unknown", "info", text=_UNKNOWN))


Place = tuple[int, int, int, int, int, int]


def _sample(room: int, at: int, boot: int, n: int, sample: Sample) -> tuple[object, ...]:
    return (
        *(room, at, boot, n),
        min(whole(sample.span_s), _LONGEST_SPAN_S),
        sample.phase.value,
        whole(sample.participants),
        whole(sample.issues),
        sample.worst.value if sample.worst else None,
        sample.ready,
        sample.occupied,
        number(sample.cpu),
        _count(sample.mem_available_mb),
        number(sample.temp_c),
        _count(sample.disk_free_mb),
        *map(number, (sample.kbps_in, sample.kbps_out, sample.fps_in, sample.fps_out)),
        *map(number, (sample.loss, sample.jitter_ms, sample.rtt_ms)),
        whole(sample.freezes),
    )


def _count(value: int | None) -> int | None:
    return None if value is None else whole(value)


def _meeting(meeting: Meeting) -> tuple[object, ...]:
    return (
        plain(meeting.meeting, 64),
        meeting.outcome.value,
        *(meeting.booked_from, meeting.booked_until, meeting.began_at, meeting.ended_at),
        meeting.began.value,
        plain(meeting.server, 64),
        whole(meeting.participants),
        whole(meeting.reconnects),
        *map(number, (meeting.loss, meeting.worst_loss, meeting.jitter_ms, meeting.rtt_ms)),
        whole(meeting.freezes),
        whole(meeting.longest_gap_ms),
        plain(meeting.title, 200) if meeting.title else None,
    )


def _job(rows: Rows, place: Place, report: JobReport) -> None:
    # what is waited for after an answer counts on the console's clock, from when it knows of it
    room, _, _, _, _, heard_at = place
    job, step, detail = plain(report.job, 64), plain(report.step, 100), plain(report.detail)
    bad = report.state in {JobState.FAILED, JobState.REJECTED, JobState.EXPIRED}
    data = {"job": job, "state": report.state.value, "step": step}
    severity = "warning" if bad else "info"
    rows.events.append(EventRow(*place, f"job.{report.state}", severity, text=detail, data=data))
    if report.state not in {JobState.UNKNOWN, JobState.QUEUED}:
        rows.jobs.append((room, JobReport(job, report.state, whole(report.attempt), step, detail), heard_at))


def _chunk(rows: Rows, place: Place, chunk: Chunk) -> None:
    room, _, _, at, _, _ = place
    if not (0 <= chunk.index < chunk.count <= _MOST_CHUNKS and 0 <= chunk.size <= _BIGGEST_FILE):
        rows.events.append(EventRow(*place, "unknown", "info", text=_UNKNOWN))
        return
    names = (plain(chunk.file, 64), plain(chunk.job, 64), plain(chunk.name, 100), plain(chunk.media_type, 64))
    rows.chunks.append(FileChunk(room, *names, chunk.size, chunk.index, chunk.count, chunk.data, at))


def _thinned(lost: Thinned) -> str:
    kept = f"one was kept of each {whole(lost.kept_every_s)} s" if lost.kept_every_s else "none was kept"
    return f"{whole(lost.count)} measurements were given up to save disk in the room; {kept}."
