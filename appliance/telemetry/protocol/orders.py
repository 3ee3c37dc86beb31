"""What a console asks of a room: calls, jobs and a configuration; each bound to one room and to a time.

What each body is bound to (organisation, room, kind, expiry) is inside what is signed, so that nothing can be replayed
to another room, on another topic, or too late.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.protocol.codec import BadPayload, call_json, call_of
from appliance.telemetry.protocol.payloads import Call, Word
from appliance.telemetry.protocol.topics import Topics

T = TypeVar("T")
MOST_JOBS = 16
"""Open for one room at once."""


class Order(StrEnum):
    """The kinds of bodies, named like the topic's last word."""

    CALL = "call"
    DESIRED = "desired"
    JOBS = "jobs"


class JobKind(Word):
    """What a job may do."""

    REBOOT = "reboot"
    RESTART = "restart"
    """The room's programs; media's calls end."""
    UPDATE = "update"
    SELFTEST = "selftest"
    LOGS = "logs"
    SCREENSHOT = "screenshot"
    JOIN = "join"
    LEAVE = "leave"
    IDENTIFY = "identify"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bound:
    """What every body says first: to whom, and until when. Milliseconds since 1970."""

    kind: Order
    org: str
    room: str
    expires: int


@dataclass(frozen=True, slots=True)
class Desired:
    """`down/desired`: the whole configuration a console wants, without what it leaves to the room."""

    rev: int
    """Rises for ever, also over a restored console: at least the seconds since 1970 when it was made."""
    doc: dict[str, Any] = field(default_factory=dict)
    """Sections of keys, as in room.toml."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job for one room. Done at most once: its id is in the room's journal before it acts."""

    id: str
    kind: JobKind
    expires: int
    """When it is not begun any more, milliseconds since 1970."""
    not_before: int = 0
    if_idle: bool = True
    """Wait until the room is in no call and counts down to none."""
    args: dict[str, Any] = field(default_factory=dict)
    """Texts: join takes key, update takes version and url, screenshot takes what (interface or picture)."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """`down/jobs`: all jobs that are open for the room; one that is not in it any more is withdrawn."""

    jobs: tuple[Job, ...] = ()


def body_of(topics: Topics, kind: Order, order: Desired | Jobs, *, expires: int) -> dict[str, Any]:
    """Return the body to sign and send."""
    return {**to_json(Bound(kind, topics.org, topics.room, expires)), **to_json(order)}


def call_body(topics: Topics, call: Call) -> dict[str, Any]:
    """Return the body of a live request to sign and send; it ends when the request does."""
    return {**to_json(Bound(Order.CALL, topics.org, topics.room, call.expires)), **call_json(call)}


def read_call(body: dict[str, Any], topics: Topics, *, bound: bool) -> Call:
    """Return the live request a body holds, or raise `BadPayload`; one that must be `bound` has to name this room.

    Whether it has expired is for whoever answers it: its sender is told so.
    """
    if bound or "kind" in body:
        _check_addressee(body, Order.CALL, topics)
    return call_of(body)


def read_desired(body: dict[str, Any], topics: Topics, now_ms: int) -> Desired:
    """Return the configuration a body holds for this room, or raise `BadPayload`."""
    _check_bound(body, Order.DESIRED, topics, now_ms)
    return _read(Desired, body)


def read_jobs(body: dict[str, Any], topics: Topics, now_ms: int) -> Jobs:
    """Return the open jobs a body holds for this room, or raise `BadPayload`."""
    _check_bound(body, Order.JOBS, topics, now_ms)
    jobs = _read(Jobs, body)
    if len(jobs.jobs) > MOST_JOBS:
        raise BadPayload(f"more than {MOST_JOBS} jobs at once")
    return jobs


def _check_bound(body: dict[str, Any], kind: Order, topics: Topics, now_ms: int) -> None:
    if _check_addressee(body, kind, topics).expires <= now_ms:
        raise BadPayload("this has expired; check that both clocks are right")


def _check_addressee(body: dict[str, Any], kind: Order, topics: Topics) -> Bound:
    bound = _read(Bound, body)
    if bound.kind is not kind:
        raise BadPayload(f"this is a {bound.kind}, and the topic is for {kind}")
    if (bound.org, bound.room) != (topics.org, topics.room):
        raise BadPayload("this is for another room")
    return bound


def _read(kind: type[T], body: dict[str, Any]) -> T:
    try:
        return from_json(kind, body)
    except BadValue as err:
        raise BadPayload(str(err)) from err
