"""What a room keeps until the console has it: records, numbered within a boot, sent in batches, acknowledged for good.

A record's identity is (room, boot, n). A batch speaks for all numbers from `first` to `last`: one that is not in it
does not exist any more, because it was thinned out to save disk, and a `Thinned` record tells of that.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.protocol.codec import BadPayload, dump, parse
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync, Severity, Stamp, Word

MAX_BATCH = 48 * 1024
"""Bytes of all records in a batch."""
CHUNK = 24 * 1024
"""Bytes of a file in one chunk, before base64."""
_LONGEST_CHUNK = CHUNK * 4 // 3 + 4


class JobState(Word):
    """How far a job has come in one room; the last six are final."""

    QUEUED = "queued"
    """The console has it; the room has not said that it does."""
    ACCEPTED = "accepted"
    """In the room's journal; it waits for its time, or for the room to be idle."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Outcome(Word):
    """What became of a booked or begun meeting."""

    HELD = "held"
    """The room was in it."""
    NO_SHOW = "no_show"
    """Booked, and nobody came."""
    LEFT_OUT = "left_out"
    """Somebody in the room cancelled it or stayed out."""
    FAILED = "failed"
    """The room never got in."""
    UNKNOWN = "unknown"


class Began(Word):
    """What brought the room into a meeting."""

    SCHEDULE = "schedule"
    TOUCH = "touch"
    CLI = "cli"
    REMOTE = "remote"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sample:
    """How the room was; null is not measurable. Streams are summed: the worst loss, jitter and round trip."""

    span_s: int
    """For how long it stands, up to the record's time."""
    phase: CallPhase
    participants: int = 0
    issues: int = 0
    worst: Severity | None = None
    ready: bool | None = None
    occupied: bool | None = None
    cpu: float | None = None
    mem_available_mb: int | None = None
    temp_c: float | None = None
    disk_free_mb: int | None = None
    kbps_in: float | None = None
    kbps_out: float | None = None
    fps_in: float | None = None
    fps_out: float | None = None
    loss: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    freezes: int = 0
    """Since the sample before."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something happened once: a device was lost, a call began, a configuration was applied."""

    type: str
    """Dotted words, from the general to the special: issue.began, issue.ended, call.live, room.started."""
    severity: Severity = Severity.INFO
    issue: str | None = None
    """The issue's id, where it is about one."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job changed its state in this room."""

    job: str
    state: JobState
    attempt: int = 1
    step: str = ""
    detail: str = ""
    """For people: what was done, or why not and what would help."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting is over, or did not happen. Nobody's name; the title only where the room's own settings allow it."""

    meeting: str
    """The same for the same occurrence, telling nothing: a hash of its calendar id."""
    outcome: Outcome
    booked_from: int | None = None
    booked_until: int | None = None
    began_at: int | None = None
    ended_at: int | None = None
    began: Began = Began.UNKNOWN
    server: str = ""
    """The kind of meeting server, such as livekit."""
    participants: int = 0
    """The most others at once."""
    reconnects: int = 0
    loss: float | None = None
    """The mean share of packets lost, 0 to 1."""
    worst_loss: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    freezes: int = 0
    longest_gap_ms: int = 0
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file the console asked for: logs or a screenshot."""

    file: str
    """The file's id; all its chunks have it."""
    job: str
    name: str
    media_type: str
    size: int
    """Bytes of the whole file."""
    index: int
    """From 0."""
    count: int
    data: str
    """Base64."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """Samples that were given up, to stay within the disk budget."""

    first_ts: int
    last_ts: int
    count: int
    """How many samples are gone."""
    kept_every_s: int
    """One was kept of each so many seconds; 0 when none was."""


Content = Sample | Happening | JobReport | Meeting | Chunk | Thinned


class Kind(StrEnum):
    """The key under which a record holds its content."""

    SAMPLE = "sample"
    EVENT = "event"
    JOB = "job"
    MEETING = "meeting"
    CHUNK = "chunk"
    THINNED = "thinned"


CONTENTS: dict[Kind, type[Content]] = {
    Kind.SAMPLE: Sample,
    Kind.EVENT: Happening,
    Kind.JOB: JobReport,
    Kind.MEETING: Meeting,
    Kind.CHUNK: Chunk,
    Kind.THINNED: Thinned,
}
_KINDS = {kind: name for name, kind in CONTENTS.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """One thing a room noted. `content` is None of a kind this program does not know yet."""

    n: int
    """Strictly increasing within a boot, from 1."""
    ts: int
    """Wall clock when it was noted, milliseconds since 1970; not to be believed unless `sync`."""
    mono: int
    """Milliseconds since the machine started."""
    sync: ClockSync
    content: Content | None


@dataclass(frozen=True, slots=True)
class BatchHead:
    """Of which boot a batch's records are, and for which numbers it speaks."""

    of: str
    """The boot; often an older one than that of the message."""
    of_no: int
    """Rises from boot to boot of a room, for ever: the order of boots."""
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`up/batch`."""

    head: BatchHead
    records: tuple[Record, ...]
    """In the order of their numbers."""


@dataclass(frozen=True, slots=True)
class BatchAck:
    """`down/ack`: these records are in the console's database for good; the room may forget them."""

    boot: str
    first: int
    last: int


def kind_of(content: Content) -> Kind:
    """Return the key a content goes under."""
    return _KINDS[type(content)]


def encode_content(content: Content) -> bytes:
    """Return what the spool stores: JSON, without what is at its default."""
    defaults = {field.name: field.default for field in fields(content)}
    return dump({key: value for key, value in to_json(content).items() if value != defaults[key]})


def encode_batch(stamp: Stamp, head: BatchHead, records: tuple[tuple[int, int, int, str, Kind, bytes], ...]) -> bytes:
    """Return a batch of stored records: each (n, ts, mono, sync, kind, content's JSON)."""
    opening = dump({**to_json(stamp), **to_json(head)})[:-1]
    items = b",".join(
        b'{"n":%d,"ts":%d,"mono":%d,"sync":"%s","%s":%s}' % (n, ts, mono, sync.encode(), kind.encode(), content)
        for n, ts, mono, sync, kind, content in records
    )
    return opening + b',"records":[' + items + b"]}"


def decode_batch(payload: bytes) -> tuple[Stamp, Batch]:
    """Read a batch, or raise `BadPayload`; a single record that cannot be read has no content."""
    data = parse(payload, longest=_LONGEST_CHUNK)
    items = data.get("records")
    if not isinstance(items, list):
        raise BadPayload("a batch needs records, a list")
    try:
        stamp, head = from_json(Stamp, data), from_json(BatchHead, data)
        records = tuple(map(_record, items))
    except BadValue as err:
        raise BadPayload(str(err)) from err
    numbers = [record.n for record in records]
    if not 1 <= head.first <= head.last or numbers != sorted(set(numbers)):
        raise BadPayload("a batch's numbers must rise from first to last")
    if numbers and not head.first <= numbers[0] <= numbers[-1] <= head.last:
        raise BadPayload("a batch holds records it does not speak for")
    return stamp, Batch(head, records)


def encode_ack(ack: BatchAck) -> bytes:
    """Return what the console answers."""
    return dump(to_json(ack))


def decode_ack(payload: bytes) -> BatchAck:
    """Read the console's answer, or raise `BadPayload`."""
    try:
        return from_json(BatchAck, parse(payload))
    except BadValue as err:
        raise BadPayload(str(err)) from err


@dataclass(frozen=True, slots=True)
class _Frame:
    n: int
    ts: int
    mono: int = 0
    sync: ClockSync = ClockSync.UNKNOWN


def _record(data: Any) -> Record:
    frame = from_json(_Frame, data)
    return Record(frame.n, frame.ts, frame.mono, frame.sync, _content(data))


def _content(data: dict[str, Any]) -> Content | None:
    for name, kind in CONTENTS.items():
        if name in data:
            try:
                return from_json(kind, data[name])
            except BadValue:
                return None
    return None
