"""Payloads to bytes and back. What comes in is checked for size, depth and types before anybody believes it."""

import json
import math
import re
from typing import Any, TypeVar

from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.protocol.payloads import Body, Call, Event, Health, Info, Reported, Stamp, State

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_TEXT_BYTES = 1024
_CALL_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_INT_LIMIT = 2**63
B = TypeVar("B", State, Info, Health, Event, Reported)


class BadPayload(ValueError):
    """A message that is not what its topic promises; says why, without repeating much of it."""


class BadCall(BadPayload):
    """A call that cannot be understood, but whose sender can be answered."""

    def __init__(self, reason: str, call_id: str) -> None:
        super().__init__(reason)
        self.call_id = call_id


def encode(stamp: Stamp, body: Body) -> bytes:
    """Return a message of the room."""
    return dump({**to_json(stamp), **to_json(body)})


def decode(kind: type[B], payload: bytes) -> tuple[Stamp, B]:
    """Read a message of a room, or raise `BadPayload`."""
    data = parse(payload)
    try:
        return from_json(Stamp, data), from_json(kind, data)
    except BadValue as err:
        raise BadPayload(str(err)) from err


def encode_call(call: Call) -> bytes:
    """Return a request to a room."""
    return dump(call_json(call))


def call_json(call: Call) -> dict[str, Any]:
    """Return a request as JSON."""
    return {"id": call.id, "cmd": call.cmd, "args": dict(call.args), "expires": call.expires}


def decode_call(payload: bytes) -> Call:
    """Read a request, or raise `BadPayload`; `BadCall` where it at least has an id to answer to."""
    return call_of(parse(payload))


def call_of(data: dict[str, Any]) -> Call:
    """Read a parsed request, or raise as `decode_call` does."""
    call_id = data.get("id")
    if not isinstance(call_id, str) or not _CALL_ID.fullmatch(call_id):
        raise BadPayload("a call needs an id: 1 to 64 of letters, digits and . _ : -")
    cmd, args, expires = data.get("cmd"), data.get("args", {}), data.get("expires")
    if not isinstance(cmd, str):
        raise BadCall("a call needs cmd, a word", call_id)
    # bool is an int to Python, not to us
    if type(expires) is not int:
        raise BadCall("a call needs expires, in milliseconds since 1970", call_id)
    if not isinstance(args, dict) or not all(isinstance(value, str) for value in args.values()):
        raise BadCall("args must be an object of strings", call_id)
    return Call(call_id, cmd, expires, args)


def parse(payload: bytes, *, longest: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """Parse a JSON object within our limits, or raise `BadPayload`; `longest` is how many bytes one text may have."""
    if len(payload) > MAX_BYTES:
        raise BadPayload(f"more than {MAX_BYTES} bytes")
    try:
        data = json.loads(payload.decode())
    except RecursionError as err:
        raise BadPayload(f"nested more than {MAX_DEPTH} deep") from err
    except ValueError as err:
        raise BadPayload("not JSON in UTF-8") from err
    if not isinstance(data, dict):
        raise BadPayload("not a JSON object")
    _check(data, 1, longest)
    return data


def dump(data: Any) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _check(value: Any, depth: int, longest: int) -> None:
    if depth > MAX_DEPTH:
        raise BadPayload(f"nested more than {MAX_DEPTH} deep")
    match value:
        case str():
            _check_text(value, longest)
        case dict():
            for key, item in value.items():
                _check_text(key, longest)
                _check(item, depth + 1, longest)
        case list():
            for item in value:
                _check(item, depth + 1, longest)
        case float() if not math.isfinite(value):
            raise BadPayload("a number that is not finite")
        case int() if abs(value) >= _INT_LIMIT:
            raise BadPayload("a number beyond 64 bits")


def _check_text(text: str, longest: int) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as err:
        # JSON may spell half a surrogate pair, which no log or screen could ever write
        raise BadPayload("text that is not Unicode") from err
    if size > longest:
        raise BadPayload(f"text of more than {longest} bytes")
