"""What the doctor's parts say."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Missing, and a room can do without it."""
    LACK = "lack"
    """Missing, and this room needs it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    level: Level
    what: str
    remedy: str = ""
