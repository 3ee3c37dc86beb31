"""The topic tree: one branch a room, ids only."""

import re
from dataclasses import dataclass

VERSION = 1
UP = ("state", "info", "health", "event", "reported", "batch")
"""The last words of all topics that a room speaks on."""
_SEGMENT = re.compile(r"[a-z0-9-]{1,36}")


@dataclass(frozen=True, slots=True)
class Topics:
    """One room's topics. Ids never change: names, sites and floors are no part of a topic."""

    org: str
    room: str

    def __post_init__(self) -> None:
        for value in (self.org, self.room):
            if not is_id(value):
                raise ValueError(f"{value[:40]!r} cannot stand in an MQTT topic: use 1 to 36 of a-z, 0-9 and -")

    @property
    def state(self) -> str:
        """Retained: is it there, and what is it."""
        return self._up("state")

    @property
    def info(self) -> str:
        """Retained: the inventory."""
        return self._up("info")

    @property
    def health(self) -> str:
        return self._up("health")

    @property
    def event(self) -> str:
        return self._up("event")

    @property
    def reported(self) -> str:
        """Retained: the configuration in force, whole."""
        return self._up("reported")

    @property
    def batch(self) -> str:
        """Records from the room's spool."""
        return self._up("batch")

    @property
    def call(self) -> str:
        """Down to the room: a live request."""
        return self._down("call")

    @property
    def desired(self) -> str:
        """Down to the room, retained: the configuration it should have."""
        return self._down("desired")

    @property
    def jobs(self) -> str:
        """Down to the room, retained: the jobs that are open for it."""
        return self._down("jobs")

    @property
    def ack(self) -> str:
        """Down to the room: records that are safe in the console's database."""
        return self._down("ack")

    def _up(self, leaf: str) -> str:
        return f"rooms/v{VERSION}/{self.org}/{self.room}/up/{leaf}"

    def _down(self, leaf: str) -> str:
        return f"rooms/v{VERSION}/{self.org}/{self.room}/down/{leaf}"


def is_id(text: str) -> bool:
    """Whether a text can be the id of an organisation or a room."""
    return _SEGMENT.fullmatch(text) is not None


def every_room(org: str) -> str:
    """Return the filter for what all rooms of an organisation say."""
    return f"rooms/v{VERSION}/{org}/+/up/#"


def spoken_by(topic: str) -> tuple[Topics, str] | None:
    """Return whose topic this is and its last word ("state", "health"), or None when no room says it."""
    match topic.split("/"):
        case ["rooms", "v1", org, room, "up", leaf] if is_id(org) and is_id(room):
            return Topics(org, room), leaf
    return None
