"""Messages of rooms to values: limits first, then types, then texts without anything that could trick a reader.

The quick way is taken by nearly all: plain ASCII without escapes needs no cleaning, and msgspec checks the types.
Whoever sends more than our alphabet is parsed with all checks of the protocol and written anew.
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.state.clean import clean_text
from appliance.telemetry.protocol.codec import MAX_BYTES, MAX_TEXT_BYTES, BadPayload, dump, parse
from appliance.telemetry.protocol.payloads import ClockSync, Event, Health, Info, Reported, Stamp, State
from appliance.telemetry.protocol.records import CHUNK, CONTENTS, Batch, BatchHead, Content, Kind, Record
from appliance.telemetry.protocol.topics import spoken_by
from fleet.refusal import Refusal

_LONGEST_CHUNK = CHUNK * 4 // 3 + 4
_LONGEST_TEXT = 400
"""Letters of a text that people read."""
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG_NUMBER = re.compile(rb"(?<![.\d])\d{16}")
"""One that may be beyond 64 bits."""
_BLOCK = MAX_TEXT_BYTES // 2
_MOST_RECORDS = 5000
_LONGEST_ID = 64


class Refused(Exception):
    """A message that is not taken."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


Body = State | Info | Health | Event | Reported | Batch


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a room, believed as far as its types go."""

    room: str
    at: int
    """When it arrived, by our clock; milliseconds since 1970."""
    retained: bool
    stamp: Stamp
    body: Body


class _Frame(msgspec.Struct):
    """A record around its content, which is read by itself: one that cannot be read must not hold up the others."""

    n: int
    ts: int
    mono: int = 0
    sync: ClockSync = ClockSync.UNKNOWN
    sample: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    job: msgspec.Raw = msgspec.Raw()
    meeting: msgspec.Raw = msgspec.Raw()
    chunk: msgspec.Raw = msgspec.Raw()
    thinned: msgspec.Raw = msgspec.Raw()


class _Records(msgspec.Struct):
    records: list[_Frame]


_STAMP = msgspec.json.Decoder(Stamp)
_HEAD = msgspec.json.Decoder(BatchHead)
_RECORDS = msgspec.json.Decoder(_Records)
_BODIES: dict[str, msgspec.json.Decoder[Any]] = {
    "state": msgspec.json.Decoder(State),
    "info": msgspec.json.Decoder(Info),
    "health": msgspec.json.Decoder(Health),
    "event": msgspec.json.Decoder(Event),
    "reported": msgspec.json.Decoder(Reported),
}
_CONTENTS: dict[Kind, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(type_) for kind, type_ in CONTENTS.items()
}


def read(org: str, topic: str, payload: bytes, *, retained: bool, at: int) -> Heard | None:
    """Read a message, or raise `Refused`; None for an empty one, which takes a document back."""
    speaker = spoken_by(topic)
    if speaker is None or speaker[0].org != org:
        raise Refused(Refusal.NO_ROOM)
    topics, leaf = speaker
    if not payload:
        return None
    if leaf not in _BODIES and leaf != "batch":
        raise Refused(Refusal.NEXT_VERSION)
    if len(payload) > MAX_BYTES:
        raise Refused(Refusal.TOO_LARGE)
    try:
        stamp, body = _batch(payload) if leaf == "batch" else _document(leaf, payload)
    except BadPayload as err:
        raise Refused(Refusal.MALFORMED) from err
    except (msgspec.MsgspecError, RecursionError) as err:
        shaped = isinstance(err, msgspec.ValidationError)
        raise Refused(Refusal.WRONG_SHAPE if shaped else Refusal.MALFORMED) from err
    return Heard(topics.room, at, retained, stamp, body)


def _document(leaf: str, payload: bytes) -> tuple[Stamp, Body]:
    # a reported document holds what it likes, so nothing but a look at all of it tells how deep it is
    if leaf == "reported" or not _plain(payload):
        payload = dump(_cleaned(parse(payload)))
    return _STAMP.decode(payload), _BODIES[leaf].decode(payload)


def _plain(payload: bytes) -> bool:
    """Whether there is nothing to clean and no limit to check: all of it looked at by what is quick."""
    if not payload.isascii() or b"\\" in payload:
        return False
    if _may_hold_long_text(payload) and max(map(len, payload.split(b'"'))) > MAX_TEXT_BYTES:
        return False
    return b"0" * 16 not in payload.translate(_DIGITS) or not _LONG_NUMBER.search(payload)


def _may_hold_long_text(payload: bytes) -> bool:
    """Whether a block has no quotation mark: what is longer than two blocks goes over one of them from end to end."""
    ends = range(_BLOCK, len(payload) + 1, _BLOCK)
    return any(payload.find(b'"', end - _BLOCK, end) < 0 for end in ends)


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value, _LONGEST_TEXT)
        case dict():
            return {clean_text(key): _cleaned(item) for key, item in value.items()}
        case list():
            return [_cleaned(item) for item in value]
    return value


def _batch(payload: bytes) -> tuple[Stamp, Batch]:
    if not _plain(payload):
        parse(payload, longest=_LONGEST_CHUNK)
    stamp, head = _STAMP.decode(payload), _HEAD.decode(payload)
    frames = _RECORDS.decode(payload).records
    numbers = [frame.n for frame in frames]
    if not 1 <= head.first <= head.last or numbers != sorted(set(numbers)) or len(frames) > _MOST_RECORDS:
        raise BadPayload("a batch's numbers must rise from first to last")
    if numbers and not head.first <= numbers[0] <= numbers[-1] <= head.last:
        raise BadPayload("a batch holds records it does not speak for")
    if not head.of or plain(head.of, _LONGEST_ID) != head.of or head.of_no < 0:
        raise BadPayload("a batch must say of which boot it is")
    return stamp, Batch(head, tuple(map(_record, frames)))


def _record(frame: _Frame) -> Record:
    return Record(frame.n, frame.ts, frame.mono, frame.sync, _content(frame))


def _content(frame: _Frame) -> Content | None:
    for kind, decoder in _CONTENTS.items():
        raw: msgspec.Raw = getattr(frame, kind)
        if len(raw):
            try:
                content: Content = decoder.decode(raw)
            except (msgspec.MsgspecError, RecursionError):
                return None
            return content
    return None


def plain(text: str, limit: int = _LONGEST_TEXT) -> str:
    """Return a text as it may be shown and stored; most are so already."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return clean_text(text, limit)


_MOST = 2**31 - 1


def whole(value: int) -> int:
    """Return a count as a column takes it: from 0 to two thousand million."""
    return value if 0 <= value <= _MOST else min(max(value, 0), _MOST)


def number(value: float | None, most: float = 1e9) -> float | None:
    """Return a measurement, or None for what nobody can have measured."""
    # what is no number is not between any two
    return value if value is not None and -most <= value <= most else None
