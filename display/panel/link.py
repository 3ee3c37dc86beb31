"""What the panel needs of the world: a link to the room's control program, and the sound levels."""

from collections.abc import AsyncIterator
from typing import Protocol

from appliance.state.commands import Ack, Command
from appliance.state.latest import Latest
from appliance.state.room import RoomState
from appliance.state.wishes import Meters


class RoomLink(Protocol):
    """The room, as seen from a panel; `appliance.link.client.CommandLink` is the real one."""

    connection_changes: Latest[bool]
    trouble: str
    """Why a room that answers cannot be shown, and what would help; empty while nothing is in the way."""

    @property
    def connected(self) -> bool:
        """Whether the control program is there right now, and understood."""
        ...

    def states(self) -> AsyncIterator[RoomState]:
        """Yield the newest state, skip what was missed, and reconnect for ever."""
        ...

    async def send(self, command: Command) -> Ack:
        """Ask for something; always answered, within seconds."""
        ...


class LevelSource(Protocol):
    """Where the microphone's level comes from; `appliance.link.meters.MeterClient` is the real one."""

    def meters(self) -> AsyncIterator[Meters]:
        """Yield the newest levels, nothing while media is away."""
        ...
