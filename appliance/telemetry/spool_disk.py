"""Keeps a spool's file open through whatever the disk does: damaged, full, read-only, away. For the spool's thread."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from appliance.errors import SalonError
from appliance.telemetry.spool_file import SpoolFile, is_broken

logger = logging.getLogger(__name__)
T = TypeVar("T")
_WHY = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the disk cannot be written",
    "SQLITE_CANTOPEN": "their file cannot be opened",
    "SQLITE_BUSY": "another program uses their file",
    "SQLITE_IOERR": "the disk fails",
}


class DiskTrouble(SalonError, OSError):
    """The disk does not do its part; says why and what would help."""


class SpoolDisk:
    """The file, opened when it is needed and begun anew when it is damaged."""

    def __init__(self, path: Path, boot: str, *, number: int, on_damage: Callable[[], None]) -> None:
        self._path = path
        self._boot = boot
        self.boot_no = number
        """At least the number asked for, above those of all earlier boots."""
        self._on_damage = on_damage
        self._file: SpoolFile | None = None

    def use(self, deed: Callable[[SpoolFile], T]) -> T:
        """Do something with the file, or raise `DiskTrouble`."""
        try:
            return self._try(deed)
        except (OSError, sqlite3.Error) as err:
            raise DiskTrouble(_in_words(err)) from err

    def _try(self, deed: Callable[[SpoolFile], T]) -> T:
        try:
            return deed(self._opened())
        except sqlite3.DatabaseError as err:
            if not is_broken(err):
                raise
            self._set_aside(err)
        return deed(self._opened())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> SpoolFile:
        if self._file is None:
            file = SpoolFile(self._path)
            try:
                self.boot_no = file.begin(self._boot, self.boot_no)
            except BaseException:
                file.close()
                raise
            self._file = file
        return self._file

    def _set_aside(self, err: sqlite3.Error) -> None:
        """Begin anew beside a file that cannot be read: what is in it may be saved by hand."""
        logger.warning("%s is damaged (%s): set aside as %s.broken and begun anew", self._path, err, self._path.name)
        self.close()
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self._path}{suffix}").replace(f"{self._path}.broken{suffix}")
        self._on_damage()


def _in_words(err: Exception) -> str:
    name = "_".join(getattr(err, "sqlite_errorname", "").split("_")[:2])
    why = _WHY.get(name) or getattr(err, "strerror", None) or str(err)
    return f"Records for the console are kept in memory only: {why}. Make room on the disk, or look at its health."
