"""Our values to JSON and back, checked against their type hints. Unknown keys are ignored, wrong types are refused.

Ignoring unknown keys lets a newer program talk to an older one; a missing key takes the field's default.
"""

import dataclasses
import types
import typing
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")
_MAX_DEPTH = 16


class BadValue(ValueError):
    """JSON that does not fit the type it should have; says where and why."""


def to_json(value: object) -> Any:
    """Turn a value into what `json.dumps` takes. Members of a union carry their class name as `type`."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case datetime():
            return value.isoformat()
        case tuple() | list():
            return [to_json(item) for item in value]
        case dict():
            return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} does not go over the wire")


def from_json(kind: type[T], data: Any) -> T:
    """Build a `kind` from parsed JSON, or raise `BadValue`."""
    return cast("T", _build(kind, data, kind.__name__, 0))


def tagged(value: object) -> dict[str, Any]:
    """Turn a member of a union of dataclasses into JSON that names its class."""
    return {"type": type(value).__name__, **to_json(value)}


def untagged(union: types.UnionType, data: Any) -> Any:
    """Build the member of a union that `data["type"]` names."""
    if not isinstance(data, dict):
        raise BadValue("expected an object with a type")
    members = {member.__name__: member for member in typing.get_args(union)}
    name = data.get("type")
    if not isinstance(name, str) or name not in members:
        raise BadValue(f"unknown type {str(name)[:40]!r}; known: {', '.join(members)}")
    return from_json(members[name], {k: v for k, v in data.items() if k != "type"})


def _build(kind: Any, data: Any, where: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise BadValue(f"{where}: nested too deeply")
    kind = getattr(kind, "__supertype__", kind)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _build_optional(kind, data, where, depth)
    if origin is tuple:
        if not isinstance(data, list):
            raise BadValue(f"{where}: expected a list")
        item = typing.get_args(kind)[0]
        return tuple(_build(item, entry, f"{where}[{i}]", depth + 1) for i, entry in enumerate(data))
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, data, where, depth)
    if origin is dict:
        # JSON as it is: whoever declares such a field checks what is in it
        kind = dict
    return _build_scalar(kind, data, where)


def _build_optional(kind: Any, data: Any, where: str, depth: int) -> Any:
    members = typing.get_args(kind)
    if data is None:
        if type(None) in members:
            return None
        raise BadValue(f"{where}: must not be null")
    inner = [member for member in members if member is not type(None)]
    if len(inner) != 1:
        raise TypeError(f"{where}: a union of several types needs a tag")
    return _build(inner[0], data, where, depth)


def _build_dataclass(kind: Any, data: Any, where: str, depth: int) -> Any:
    if not isinstance(data, dict):
        raise BadValue(f"{where}: expected an object")
    values = {
        name: _build(hint, data[name], f"{where}.{name}", depth + 1)
        for name, hint in _hints(kind).items()
        if name in data
    }
    try:
        return kind(**values)
    except TypeError as err:
        raise BadValue(f"{where}: {err}") from err


def _build_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is datetime:
        return _build_datetime(data, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError as err:
            raise BadValue(f"{where}: {str(data)[:40]!r} is none of {', '.join(m.value for m in kind)}") from err
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return _build_float(data, where)
    # bool is an int to Python, not to us
    if type(data) is not kind:
        raise BadValue(f"{where}: expected {kind.__name__}, got {type(data).__name__}")
    return data


def _build_float(data: int, where: str) -> float:
    try:
        return float(data)
    except OverflowError as err:
        raise BadValue(f"{where}: a number beyond all bounds") from err


def _build_datetime(data: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(data)
    except (TypeError, ValueError) as err:
        raise BadValue(f"{where}: not an ISO 8601 time") from err
    if moment.tzinfo is None:
        raise BadValue(f"{where}: a time needs its zone")
    return moment


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
