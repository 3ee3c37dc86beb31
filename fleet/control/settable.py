"""Which of a room's settings a console may set, and what is wrong with such a document, in words. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from appliance import overlay
from appliance.settings import BadSettings, parse

Doc = Mapping[str, Mapping[str, Any]]
"""Sections of keys, as in room.toml."""

SETTABLE = frozenset(f"{section}.{key}" for section, keys in overlay.SETTABLE.items() for key in keys)
"""The keys that a room takes from a console, such as room.name."""


def mistakes_in(doc: Doc) -> tuple[str, ...]:
    """Return all that is wrong with a document, or nothing."""
    if not all(isinstance(section, Mapping) for section in doc.values()):
        return ("A document holds sections, and each section keys.",)
    names = [f"{section}.{key}" for section, keys in doc.items() for key in keys]
    strange = tuple(f"{name[:80]} cannot be set from a console" for name in names if name not in SETTABLE)
    if strange:
        return strange
    try:
        parse(_toml(doc), where="the document")
    except BadSettings as err:
        return err.mistakes or (str(err),)
    return ()


def _toml(doc: Doc) -> str:
    # texts, numbers, truth and lists of them are written alike in JSON and TOML; of keys only known ones come here
    lines = []
    for section, keys in doc.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml_value(value)}" for key, value in keys.items()]
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
