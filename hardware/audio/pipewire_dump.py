"""What PipeWire says is there, by pw-dump: a list of objects, each with an id, a type and properties."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from hardware.ports import DeviceError

_TIMEOUT_S = 2.0
_LONGEST = 64_000_000


def dump() -> list[Any]:
    """Return what PipeWire says is there; raises `DeviceError`."""
    try:
        told = subprocess.run(
            ["pw-dump"], capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as err:
        raise DeviceError("PipeWire's pw-dump is not there: install pipewire-bin and pipewire-alsa") from err
    except (subprocess.TimeoutExpired, OSError) as err:
        raise DeviceError("PipeWire does not answer: restart it (systemctl --user restart pipewire)") from err
    if told.returncode:
        raise DeviceError("PipeWire does not run, or not for this user: see systemctl --user status pipewire")
    try:
        return parsed(told.stdout[:_LONGEST].decode("utf-8", "replace"))
    except ValueError as err:
        raise DeviceError("PipeWire says what nobody understands: update pipewire-bin together with pipewire") from err


def parsed(told: str) -> list[Any]:
    """Return the objects pw-dump tells of; raises `ValueError` where that is no JSON.

    What changes while it looks comes as more lists after the first: objects anew, or with no info once they are gone.
    """
    objects: dict[object, Any] = {}
    decoder, place = json.JSONDecoder(), 0
    told = told.strip()
    while place < len(told):
        some, place = decoder.raw_decode(told, place)
        for one in some if isinstance(some, list) else ():
            if isinstance(one, dict) and one.get("info", one) is not None:
                objects[str(one.get("id"))] = one
            elif isinstance(one, dict):
                objects.pop(str(one.get("id")), None)
        while told[place : place + 1].isspace():
            place += 1
    return list(objects.values())


def of_type(objects: list[Any], what: str) -> list[dict[str, Any]]:
    """Return the objects of one type: Node, Port, Link ..."""
    return [one for one in objects if isinstance(one, dict) and str(one.get("type", "")).endswith(f":{what}")]


def properties(one: dict[str, Any]) -> Mapping[str, Any]:
    """Return what an object says of itself."""
    info = one.get("info")
    said = info.get("props") if isinstance(info, dict) else None
    return said if isinstance(said, dict) else {}


def number(value: object) -> int:
    """Return a number that a dump may hold as text; 0 for anything else."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0
