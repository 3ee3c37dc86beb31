"""What a console has set of a room's settings: which keys it may, what holds where the room is stricter, and the file.

Every program reads the file over its room.toml, so it says what is in force however the last one of them ended. A
configuration that the room does not stay well with is given up for the last good one.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.files import replace_file
from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.protocol.payloads import KeyTrouble

logger = logging.getLogger(__name__)
FILE = "desired-settings.json"
Doc = Mapping[str, Any]
"""Sections of keys, as in room.toml."""


def _wished(_own: Any, wished: Any) -> Any:
    return wished


def _either(own: bool, wished: bool) -> bool:
    return own or wished


def _both(own: bool, wished: bool) -> bool:
    return own and wished


def _common(own: list[str], wished: list[str]) -> list[str]:
    return [host for host in own if host in wished]


SETTABLE: Mapping[str, Mapping[str, Callable[[Any, Any], Any]]] = {
    "room": {"name": _wished, "timezone": _wished, "how_to_join": _wished},
    "calendar": {"poll_s": _wished, "auto_join_hosts": _common},
    "joining": {
        "lead_s": _wished,
        "min_countdown_s": max,
        "alone_s": min,
        "enter_muted": _either,
        "enter_camera_off": _either,
    },
    "camera": {"framing": _wished, "faces": _both, "field_of_view_deg": _wished, "array_deg": _wished},
    "sound": {
        "cancel_echo": _wished,
        "suppress_noise": _wished,
        "control_gain": _wished,
        "double_talk": _wished,
        "beam": _wished,
    },
    "tv": {"switch": _wished, "dpms": _wished, "off_from": _wished, "off_until": _wished, "idle_off_min": _wished},
    "mqtt": {"health_s": _wished, "idle_s": _wished},
}
"""The keys a console may set, each with what holds, given the room's own value and the wished one.

Where people's privacy is at stake the stricter one holds. Never here: what names a file, a device, a wire, an address
or a secret, or leads to another console.
"""


def forbidden(doc: Doc) -> Iterator[KeyTrouble]:
    """Yield what of a document no console may set."""
    for section, keys in doc.items():
        known = SETTABLE.get(section)
        if known is None or not isinstance(keys, dict):
            yield KeyTrouble(section, f"a console may set keys of these sections only: {', '.join(SETTABLE)}")
        else:
            for key in keys.keys() - known.keys():
                yield KeyTrouble(
                    f"{section}.{key}", f"a console may not set this; of [{section}] only {', '.join(known)}"
                )


def merged(own: Doc, doc: Doc) -> dict[str, dict[str, Any]]:
    """Return what holds of a document of allowed keys, over the room's own settings."""
    return {
        section: {key: SETTABLE[section][key](own[section][key], wished) for key, wished in keys.items()}
        for section, keys in doc.items()
    }


def held_back(own: Doc, doc: Doc) -> tuple[KeyTrouble, ...]:
    """Return the keys for which the room's own settings hold, being stricter."""
    held = merged(own, doc)
    return tuple(
        KeyTrouble(f"{section}.{key}", "the room's own settings are stricter, and hold")
        for section, keys in doc.items()
        for key, wished in keys.items()
        if held[section][key] != wished
    )


@dataclass(frozen=True, slots=True)
class Revision:
    """A configuration that was found right."""

    rev: int = 0
    """0 for the room's own settings alone."""
    doc: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overlay:
    """The file's content: what is in force, what was before it, and what comes next."""

    good: Revision = Revision()
    """The newest with which the room has been well for a while."""
    trial: Revision | None = None
    """In force, until it has proved itself or is given up."""
    needs: tuple[str, ...] = ()
    """What was there when the trial began, and has to come back: media, display."""
    starts: int = 0
    """How often the daemon has started with the trial."""
    waiting: Revision | None = None
    """To be tried when the room is idle."""
    seen: int = 0
    """The newest revision that came."""
    refused: str = ""
    """Why `seen` is not in force and never will be."""
    troubles: tuple[KeyTrouble, ...] = ()
    """What is wrong with `seen`, key by key."""

    @property
    def in_force(self) -> Revision:
        return self.trial or self.good


@dataclass(frozen=True, slots=True)
class OverlayFile:
    """A small JSON file that is either the old one or the new one, never half of either."""

    path: Path

    def load(self) -> Overlay:
        """Return what was stored; a missing or broken file is a room without a console."""
        try:
            return from_json(Overlay, json.loads(self.path.read_bytes()))
        except (FileNotFoundError, PermissionError):
            return Overlay()
        except (OSError, ValueError, BadValue, RecursionError) as err:
            logger.warning("%s cannot be read; the room's own settings hold alone: %s", self.path, type(err).__name__)
            return Overlay()

    def save(self, overlay: Overlay) -> None:
        """Replace the file, or raise `OSError`."""
        replace_file(self.path, json.dumps(to_json(overlay)).encode())
