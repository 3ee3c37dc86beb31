"""What a room said, read once more before it is shown: a document that does not fit is as good as none."""

from collections.abc import Mapping
from typing import Any, TypeVar

from appliance.state.wire import BadValue, from_json
from appliance.telemetry.protocol.payloads import Health, Info

T = TypeVar("T", Health, Info)


def health_of(document: Mapping[str, Any] | None) -> Health | None:
    """Return a room's health report."""
    return _read(Health, document)


def info_of(document: Mapping[str, Any] | None) -> Info | None:
    """Return a room's inventory."""
    return _read(Info, document)


def _read(kind: type[T], document: Mapping[str, Any] | None) -> T | None:
    if document is None:
        return None
    try:
        return from_json(kind, document)
    except BadValue:
        return None
