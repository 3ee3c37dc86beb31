"""Reads the room's settings. What a key means stands in `sections`, what it is by default in `defaults.toml`.

All mistakes of a file, in names and in values, are reported at once, each with what would be right, and nothing is
started.
"""

import os
from importlib.resources import files
from pathlib import Path

from appliance.across import misfits
from appliance.sections import Settings
from appliance.tree import BadSettings, Tree

__all__ = ["ENVIRONMENT", "SYSTEM_FILE", "BadSettings", "load", "parse"]

SYSTEM_FILE = Path("/etc/salon/room.toml")
ENVIRONMENT = "SALON_CONFIG"


def _defaults() -> str:
    return (files("appliance") / "defaults.toml").read_text(encoding="utf-8")


_ROOM = Tree(Settings, _defaults, misfits)


def load(path: Path | None = None, *, look: bool = False) -> Settings:
    """Read the file given, else $SALON_CONFIG, else /etc/salon/room.toml if it exists, over the defaults.

    With `look` the files it names are looked at too.
    """
    chosen = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is None and not SYSTEM_FILE.exists():
        return parse("", where="the defaults")
    return _ROOM.read(chosen or SYSTEM_FILE, look=look)


def parse(text: str, *, where: str, look: bool = False) -> Settings:
    """Read the text of a room.toml over the defaults."""
    return _ROOM.parse(text, where=where, look=look)
