"""Runs a hub on loopback, where browsers give a camera without https, and makes guest links for it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.hub.server import HubSettings, invites_of, run_hub

READY_S = 10.0


@dataclass(frozen=True, slots=True)
class GuestHub:
    """A running hub."""

    url: str
    state_dir: Path

    def link(self, title: str, *, room: str = "room", lasts: timedelta = timedelta(hours=1)) -> str:
        """Return the address that opens a meeting from now on."""
        now = datetime.now(UTC)
        return f"{self.url}/#{invites_of(self.state_dir).invite(room, title, now - timedelta(seconds=1), now + lasts)}"


@asynccontextmanager
async def guest_hub() -> AsyncIterator[GuestHub]:
    """Serve until the block ends."""
    with tempfile.TemporaryDirectory(prefix="salon-hub-") as folder:
        state_dir = Path(folder)
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            run_hub(HubSettings(port=0), state_dir=state_dir, on_ready=ready.set_result), name="hub"
        )
        try:
            await asyncio.wait({serving, ready}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            yield GuestHub(ready.result(), state_dir)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
