"""Sound levels from media to panel and display, ten times a second, beside the state."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from appliance.link.client import connected
from appliance.link.messages import LinkError
from appliance.link.server import LinkServer, Peer
from appliance.state.latest import Latest
from appliance.state.room import Boot
from appliance.state.wire import BadValue, from_json, to_json
from appliance.state.wishes import Meters

logger = logging.getLogger(__name__)
_RETRY_S = 1.0


class MeterServer:
    """Media's side: a socket on which anybody in the room's groups may watch the levels."""

    def __init__(self, path: Path, *, boot: Boot, group: int | None = None) -> None:
        self._meters: Latest[Meters] = Latest()
        self._server = LinkServer(path, "meters", boot=boot, handler=self._serve, group=group)

    def put(self, meters: Meters) -> None:
        """Publish the newest levels; call in the event loop."""
        self._meters.put(meters)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._server.run()

    async def _serve(self, peer: Peer) -> None:
        async for meters in self._meters.values():
            peer.offer("meters", to_json(meters))


class MeterClient:
    """The panel's side; yields nothing while media is away."""

    def __init__(self, path: Path, boot: Boot) -> None:
        self._path = path
        self._boot = boot
        self._meters: Latest[Meters] = Latest()

    def meters(self) -> AsyncIterator[Meters]:
        """Yield the newest levels after each change."""
        return self._meters.values()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                async with connected(self._path, role="meters", boot=self._boot) as connection:
                    async for message in connection.messages():
                        self._meters.put(from_json(Meters, message.body))
            except (OSError, TimeoutError, LinkError, BadValue) as err:
                logger.debug("no meters: %s", err)
            await asyncio.sleep(_RETRY_S)
