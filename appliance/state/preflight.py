"""What the room's own pre-flight found: the troubles that nobody else would tell."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that stands, or may stand, against the next meeting."""

    id: str
    """Stays the same while it lasts, such as server.unreachable."""
    serious: bool
    """A meeting would suffer now."""
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """The newest one."""

    at: datetime
    troubles: tuple[Trouble, ...] = ()
