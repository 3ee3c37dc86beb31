"""Settings in layers, from the organisation to the room: who wins, what is locked, what differs. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.control.settable import Doc


@dataclass(frozen=True, slots=True)
class Layer:
    """What admins want of a scope's rooms."""

    scope: str
    doc: Doc
    locks: frozenset[str] = frozenset()
    """Keys, such as room.timezone, that no layer below may change."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a room is told of one key, and by whom."""

    value: Any
    scope: str
    locked: bool
    ignored: tuple[str, ...] = ()
    """Scopes that want something else and are not asked, since the key is locked above them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that is not the same; None where a side has none."""

    key: str
    before: Any
    after: Any


def merged(layers: Iterable[Layer]) -> Mapping[str, Value]:
    """Return what comes of layers, the general first: the special ones win, except against a lock."""
    found: dict[str, Value] = {}
    for layer in layers:
        for key, value in flat(layer.doc).items():
            above = found.get(key)
            if above and above.locked:
                found[key] = Value(above.value, above.scope, True, (*above.ignored, layer.scope))
            else:
                found[key] = Value(value, layer.scope, key in layer.locks)
    return found


def document(values: Mapping[str, Value]) -> Doc:
    """Return the document a room is sent, in an order that is always the same."""
    doc: dict[str, dict[str, Any]] = {}
    for name in sorted(values):
        section, _, key = name.partition(".")
        doc.setdefault(section, {})[key] = values[name].value
    return doc


def flat(doc: Doc) -> Mapping[str, Any]:
    """Return a document's keys with their sections before them."""
    return {f"{section}.{key}": value for section, keys in doc.items() for key, value in keys.items()}


def differences(before: Doc, after: Doc) -> tuple[Difference, ...]:
    """Return what is not the same in two documents."""
    one, two = flat(before), flat(after)
    names = sorted(one.keys() | two.keys())
    return tuple(Difference(name, one.get(name), two.get(name)) for name in names if one.get(name) != two.get(name))


def drift(desired: Doc, reported: Doc) -> tuple[Difference, ...]:
    """Return the desired keys that a room has otherwise; what is left to the room does not count."""
    wanted = flat(desired)
    return tuple(one for one in differences(desired, reported) if one.key in wanted)
