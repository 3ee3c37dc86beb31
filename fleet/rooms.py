"""What a fleet's rooms have said, put together message by message."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from appliance.telemetry.protocol.codec import BadPayload, decode
from appliance.telemetry.protocol.payloads import Ending, Health, Info, Stamp, State
from appliance.telemetry.protocol.topics import Topics, spoken_by

logger = logging.getLogger(__name__)

MOST_ROOMS = 20_000
"""Beyond that, new rooms are not listed: somebody is inventing them."""


class Presence(StrEnum):
    """Whether a room is there."""

    ONLINE = "online"
    OFFLINE = "offline"
    """It said goodbye."""
    LOST = "lost"
    """It vanished: power, network or crash."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Room:
    """One room as its fleet knows it."""

    topics: Topics
    presence: Presence = Presence.UNKNOWN
    bd: int = 0
    """The newest session it began."""
    seen: datetime | None = None
    """When it last said something, by our clock; by its own for what the broker had kept."""
    state: State | None = None
    info: Info | None = None
    health: Health | None = None

    @property
    def name(self) -> str:
        return self.info.name if self.info else ""


class Fleet:
    """All rooms heard of; in memory, for now."""

    def __init__(self) -> None:
        self.rooms: dict[Topics, Room] = {}
        self.refused = 0
        """Messages that were no good."""

    def hear(self, topic: str, payload: bytes, *, retained: bool, now: datetime) -> None:
        """Take in one message, whatever it is."""
        speaker = spoken_by(topic)
        if speaker is None:
            return
        topics, leaf = speaker
        if not payload:
            # an empty retained message takes a removed room's documents away
            if leaf == "state":
                self.rooms.pop(topics, None)
            return
        if topics not in self.rooms and len(self.rooms) >= MOST_ROOMS:
            self.refused += 1
            return
        try:
            self.rooms[topics] = _told(self.rooms.get(topics, Room(topics)), leaf, payload, retained, now)
        except BadPayload as err:
            logger.debug("A message of %s was refused: %s", topics, err)
            self.refused += 1


def _told(room: Room, leaf: str, payload: bytes, retained: bool, now: datetime) -> Room:
    match leaf:
        case "state":
            stamp, state = decode(State, payload)
            return _with_state(replace(room, seen=_seen(room, stamp, retained, now)), state)
        case "info":
            stamp, info = decode(Info, payload)
            return replace(room, info=info, seen=_seen(room, stamp, retained, now))
        case "health":
            stamp, health = decode(Health, payload)
            return replace(room, health=health, seen=_seen(room, stamp, retained, now))
    return room


def _with_state(room: Room, state: State) -> Room:
    if state.online:
        return replace(room, state=state, bd=state.bd, presence=Presence.ONLINE)
    if state.bd < room.bd:
        # the last will of an older session, late: the room is long back
        return room
    presence = Presence.OFFLINE if state.ended is Ending.STOPPED else Presence.LOST
    return replace(room, state=state, bd=state.bd, presence=presence)


def _seen(room: Room, stamp: Stamp, retained: bool, now: datetime) -> datetime:
    if not retained:
        return now
    then = _moment(stamp.ts) or now
    return max(room.seen or then, min(then, now))


def _moment(ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
