"""What a source hands over: the calendar's bytes and how to ask for them again only if they changed."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Version:
    """Which edition of a calendar is meant."""

    tag: str = ""
    """HTTP's ETag, or a file's inode, size and time."""
    modified: str = ""
    """HTTP's Last-Modified, word for word."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole calendar."""

    data: bytes = field(repr=False)
    version: Version | None = None
