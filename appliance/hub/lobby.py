"""All meetings of the hub: makes a room when the first person comes, and forgets it with the last."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiohttp import web
from livekit.protocol import models, rtc

from appliance.hub.counters import Counters, Refusal
from appliance.hub.keys import Grant
from appliance.hub.room import Room
from appliance.hub.session import Session

logger = logging.getLogger(__name__)

_MAX_ROOMS = 16


class Lobby:
    """The rooms, by name."""

    def __init__(self, *, addresses: Callable[[], Sequence[str]], places: int, counters: Counters) -> None:
        """`places` is how many people fit in each room."""
        self._addresses = addresses
        self._places = places
        self._counters = counters
        self._rooms: dict[str, Room] = {}
        self._group: asyncio.TaskGroup | None = None
        self._clocks: dict[str, asyncio.Task[None]] = {}

    def use(self, group: asyncio.TaskGroup) -> None:
        """Run the rooms' clocks in this group."""
        self._group = group

    def has_meeting(self, grant: Grant) -> bool:
        """Whether the meeting goes on, or one more can."""
        return grant.room in self._rooms or len(self._rooms) < _MAX_ROOMS

    def is_full(self, grant: Grant) -> bool:
        """Whether the meeting has no place; it always has for somebody who is in it already."""
        room = self._rooms.get(grant.room)
        return room is not None and room.full and grant.identity not in room.sessions

    def counts(self) -> dict[str, int]:
        """Return how much goes on."""
        return {
            "rooms": len(self._rooms),
            "participants": sum(len(room.sessions) for room in self._rooms.values()),
        }

    async def serve(self, socket: web.WebSocketResponse, grant: Grant, *, again: bool, everything: bool) -> None:
        """Be with one participant until it is gone."""
        if again:
            # connections cannot be resumed here; told so, clients join anew at once
            await _turn_away(socket, models.DisconnectReason.STATE_MISMATCH, again=True)
            return
        if self.is_full(grant) or not self.has_meeting(grant):
            self._counters.refuse(Refusal.FULL)
            await _turn_away(socket, models.DisconnectReason.JOIN_FAILURE, again=False)
            return
        room = self._rooms.get(grant.room) or self._open(grant.room)
        session = Session(
            socket, grant, room=room, addresses=self._addresses, counters=self._counters, everything=everything
        )
        room.enter(session)
        self._start_clock(room)
        logger.info("%s joined a meeting of %d", session.sid, len(room.sessions))
        try:
            await session.run()
        finally:
            room.exit(session)
            logger.info("%s left a meeting of %d", session.sid, len(room.sessions))
            self._close_if_empty(room)

    def close(self) -> None:
        """Send everybody away."""
        for room in self._rooms.values():
            room.close()
        for clock in self._clocks.values():
            clock.cancel()

    def _open(self, name: str) -> Room:
        room = Room(name, places=self._places, counters=self._counters)
        self._rooms[name] = room
        return room

    def _start_clock(self, room: Room) -> None:
        if self._group is not None and room.name not in self._clocks:
            self._clocks[room.name] = self._group.create_task(room.run(), name=f"clock of {room.sid}")

    def _close_if_empty(self, room: Room) -> None:
        if not room.sessions and self._rooms.get(room.name) is room:
            del self._rooms[room.name]
            clock = self._clocks.pop(room.name, None)
            if clock is not None:
                clock.cancel()


async def _turn_away(socket: web.WebSocketResponse, reason: "models.DisconnectReason", *, again: bool) -> None:
    action = rtc.LeaveRequest.Action.RECONNECT if again else rtc.LeaveRequest.Action.DISCONNECT
    leave = rtc.LeaveRequest(reason=reason, action=action, can_reconnect=again)
    await socket.send_bytes(rtc.SignalResponse(leave=leave).SerializeToString())
    await socket.close()
