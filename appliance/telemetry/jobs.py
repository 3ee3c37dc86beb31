"""What becomes of a console's jobs in this room: each done at most once, whatever dies in between. Pure.

A job's row is in the journal before anything is done about it. One that was running when the daemon died is not begun
again: a restart is what was asked for, anything else was interrupted, and says so.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from appliance.state.wire import from_json, to_json
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs
from appliance.telemetry.protocol.records import JobReport, JobState

FINAL = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.REJECTED, JobState.EXPIRED, JobState.CANCELLED, JobState.UNKNOWN}
)
TELL_AGAIN_MS = 600_000
"""A console that still lists a job so long after its end has not heard of that end."""
_KEPT_MS = 7 * 86_400_000
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ARGS: Mapping[JobKind, Mapping[str, tuple[str, ...]]] = {
    JobKind.JOIN: {"key": ()},
    JobKind.SCREENSHOT: {"what": ("interface", "picture")},
    JobKind.UPDATE: {"version": (), "url": ()},
}
"""The arguments each kind may have, and the words they may be; none for any text."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job's row in the journal."""

    job: Job
    state: JobState
    changed_at: int
    """Milliseconds since 1970."""
    step: str = ""
    detail: str = ""
    machine: str = ""
    """The machine's own boot when the job began."""

    @property
    def report(self) -> JobReport:
        """What the console is told."""
        return JobReport(self.job.id, self.state, step=self.step, detail=self.detail)

    @property
    def text(self) -> str:
        """The row."""
        return json.dumps(to_json(self), ensure_ascii=False)

    def now(self, state: JobState, at: int, detail: str = "") -> "Entry":
        """Return the row of a job that came on."""
        return replace(self, state=state, changed_at=at, detail=detail)


def row(text: str) -> Entry:
    """Read a row, or raise `ValueError`."""
    return from_json(Entry, json.loads(text))


def unreadable(name: str, now_ms: int) -> Entry:
    """Return a row for a job whose own cannot be read, such as one of a newer release."""
    words = "What this room noted of it cannot be read; it is not begun again."
    return Entry(Job(name, JobKind.UNKNOWN, now_ms + _KEPT_MS), JobState.FAILED, now_ms, detail=words)


def heard(journal: Mapping[str, Entry], jobs: Jobs, now_ms: int) -> Iterator[Entry]:
    """Yield the rows that a console's list of open jobs changes."""
    for job in jobs.jobs:
        known = journal.get(job.id)
        if known is None:
            if _ID.fullmatch(job.id):
                yield _first(job, now_ms)
        elif known.state in FINAL and now_ms - known.changed_at >= TELL_AGAIN_MS:
            yield replace(known, changed_at=now_ms)
    listed = {job.id for job in jobs.jobs}
    for entry in journal.values():
        if entry.state is JobState.ACCEPTED and entry.job.id not in listed:
            yield entry.now(JobState.CANCELLED, now_ms, "The console took it back before it began.")


def expired(journal: Mapping[str, Entry], now_ms: int) -> Iterator[Entry]:
    """Yield the rows of jobs that were not begun in time."""
    for entry in journal.values():
        if entry.state is JobState.ACCEPTED and entry.job.expires <= now_ms:
            why = "The room was not idle in time." if entry.job.if_idle else "The room did not come to it in time."
            yield entry.now(JobState.EXPIRED, now_ms, why)


def due(journal: Mapping[str, Entry], now_ms: int, *, idle: bool) -> Entry | None:
    """Return the job to begin now: the one that came first of those whose time it is."""
    waiting = (entry for entry in journal.values() if entry.state is JobState.ACCEPTED)
    ready = (entry for entry in waiting if entry.job.not_before <= now_ms < entry.job.expires)
    return next((entry for entry in ready if idle or not entry.job.if_idle), None)


def survived(journal: Mapping[str, Entry], machine: str, now_ms: int) -> Iterator[Entry]:
    """Yield the rows of jobs that were running when the daemon ended; `machine` is the machine's own boot."""
    for entry in journal.values():
        if entry.state is not JobState.RUNNING:
            continue
        match entry.job.kind:
            case JobKind.RESTART:
                yield entry.now(JobState.SUCCEEDED, now_ms, "The room's programs were started anew.")
            case JobKind.REBOOT if entry.machine != machine:
                yield entry.now(JobState.SUCCEEDED, now_ms, "The machine was started anew.")
            case _:
                words = "It was interrupted: the room's daemon ended meanwhile. It is not begun again by itself."
                yield entry.now(JobState.FAILED, now_ms, words)


def forgotten(journal: Mapping[str, Entry], open_ids: Iterable[str], now_ms: int) -> tuple[str, ...]:
    """Return which rows are of no use any more: a repeated id would be expired anyway."""
    kept = set(open_ids)
    return tuple(
        name
        for name, entry in journal.items()
        if entry.state in FINAL and name not in kept and max(entry.job.expires, entry.changed_at) + _KEPT_MS <= now_ms
    )


def _first(job: Job, now_ms: int) -> Entry:
    entry = Entry(job, JobState.ACCEPTED, now_ms)
    if job.expires <= now_ms:
        return entry.now(JobState.EXPIRED, now_ms, "It came too late; check that both clocks are right.")
    problem = _problem(job)
    return entry.now(JobState.REJECTED, now_ms, problem) if problem else entry


def _problem(job: Job) -> str:
    """Say why this room cannot do a job, whatever else; empty when it may."""
    if job.kind is JobKind.UNKNOWN:
        return "This room's release does not know such a job; update it first."
    if job.kind is JobKind.UPDATE:
        return "This room cannot be updated from a console yet; update it with its package manager."
    allowed = _ARGS.get(job.kind, {})
    for name, value in job.args.items():
        if name not in allowed or not isinstance(value, str):
            return f"A job like this takes no {name[:40]!r}." if allowed else "A job like this takes no arguments."
        if allowed[name] and value not in allowed[name]:
            return f"{name} must be {' or '.join(allowed[name])}."
    return ""
