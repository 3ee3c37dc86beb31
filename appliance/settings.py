"""Reads the room's settings. What a key means stands in `sections`, what it is by default in `defaults.toml`.

All mistakes of a file, in names and in values, are reported at once, each with what would be right, and nothing is
started.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from appliance.across import misfits
from appliance.errors import StartAgain
from appliance.overlay import FILE, Doc, OverlayFile, forbidden, merged
from appliance.sections import Settings
from appliance.telemetry.protocol.payloads import KeyTrouble
from appliance.tree import BadSettings, Tree

__all__ = ["ENVIRONMENT", "SYSTEM_FILE", "BadSettings", "Own", "Reread", "load", "load_own", "parse"]

logger = logging.getLogger(__name__)
SYSTEM_FILE = Path("/etc/salon/room.toml")
ENVIRONMENT = "SALON_CONFIG"


@cache
def _defaults() -> str:
    return (files("appliance") / "defaults.toml").read_text(encoding="utf-8")


_ROOM = Tree(Settings, _defaults, misfits)


@dataclass(frozen=True, slots=True)
class Own:
    """A room's own settings, found right: those of its room.toml, or none."""

    given: Mapping[str, Any]

    @property
    def tree(self) -> dict[str, Any]:
        """All sections with all their keys, defaults included."""
        return _ROOM.whole(self.given)

    def settings(self) -> Settings:
        """Return them alone."""
        return _ROOM.built(self.given)

    def over(self, doc: Doc) -> Settings:
        """Return them with what a console has set over them, or raise `BadSettings`."""
        mistakes = self.mistakes(doc)
        if mistakes:
            raise BadSettings("; ".join(trouble.reason for trouble in mistakes))
        return Own(_laid_over(self.given, merged(self.tree, doc))).settings()

    def mistakes(self, doc: Doc) -> tuple[KeyTrouble, ...]:
        """Return all that is wrong with a document of a console, key by key; nothing of it may then be used."""
        found = {trouble.key: trouble for trouble in (*map(_trouble, _ROOM.mistakes(doc)), *forbidden(doc))}
        if found:
            return tuple(found.values())
        return tuple(map(_trouble, _ROOM.clashes(_laid_over(self.given, merged(self.tree, doc)))))


def load(path: Path | None = None, *, look: bool = False) -> Settings:
    """Read the room's own settings, and over them what its console has set and the room has found right.

    With `look` the files they name are looked at too.
    """
    own = load_own(path, look=look)
    alone = own.settings()
    overlay = OverlayFile(alone.state_dir / FILE).load()
    for revision in (overlay.trial, overlay.good):
        if revision is not None and revision.doc:
            try:
                return own.over(revision.doc)
            except BadSettings as err:
                logger.warning("the console's settings do not fit this room any more, and do not count: %s", err)
    return alone


def load_own(path: Path | None = None, *, look: bool = False) -> Own:
    """Read the file given, else $SALON_CONFIG, else /etc/salon/room.toml if it exists, over the defaults."""
    chosen = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is None and not SYSTEM_FILE.exists():
        return Own({})
    return Own(_ROOM.given(chosen or SYSTEM_FILE, look=look))


def parse(text: str, *, where: str, look: bool = False) -> Settings:
    """Read the text of a room.toml over the defaults."""
    return _ROOM.parse(text, where=where, look=look)


def _laid_over(given: Mapping[str, Any], doc: Doc) -> dict[str, Any]:
    return {name: {**given.get(name, {}), **doc.get(name, {})} for name in {**given, **doc}}


def _trouble(mistake: str) -> KeyTrouble:
    """Take apart a mistake, which begins with the key it is about."""
    return KeyTrouble(re.split(r"[\s:\[]", mistake, maxsplit=1)[0], mistake)


@dataclass(frozen=True, slots=True)
class Reread:
    """Ends a program whose settings have changed, so that it begins anew with those."""

    settings: Settings
    """With which it began."""
    read: Callable[[], Settings]
    about: Callable[[Settings], object] = lambda settings: settings
    """The settings that the program goes by."""
    look_s: float = 2.0

    async def follow(self, idle: Callable[[], bool] = lambda: True) -> None:
        """Raise `StartAgain` once they have changed and the program is idle; until then, and else, wait."""
        file = self.settings.state_dir / FILE
        seen = _when(file)
        changed = False
        while not (changed and idle()):
            await asyncio.sleep(self.look_s)
            newest = await asyncio.to_thread(_when, file)
            if newest != seen:
                seen = newest
                changed = await asyncio.to_thread(self._changed)
        raise StartAgain("its settings have changed")

    def _changed(self) -> bool:
        try:
            return self.about(self.read()) != self.about(self.settings)
        except BadSettings as err:
            logger.warning("the settings cannot be read again, and the old ones are kept: %s", err)
            return False


def _when(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)
