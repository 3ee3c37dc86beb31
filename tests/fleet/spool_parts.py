"""A room's spool for tests: its clock, and what it holds."""

import asyncio
from contextlib import asynccontextmanager

from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Happening
from appliance.telemetry.spool import Spool, SpoolSettings

NOW = 1_795_338_000_000
QUICK = SpoolSettings(retry_s=0.01)


class Clock:
    """A clock that tests set."""

    def __init__(self, ts=NOW, sync=ClockSync.YES):
        self.ts, self.sync = ts, sync

    def __call__(self):
        return Moment(self.ts, self.ts - NOW, self.sync)


@asynccontextmanager
async def spool_at(folder, boot="boot-1", *, clock=None, settings=QUICK, health=None):
    told = [] if health is None else health
    async with Spool(
        folder / "spool.db", boot=boot, clock=clock or Clock(), on_health=told.append, settings=settings
    ) as spool:
        yield spool


def event(text=""):
    return Happening("room.started", text=text)


async def numbers(spool):
    """Return all (boot, n) the spool would send, in order."""
    found, after = [], (0, 0)
    while batch := await spool.batch(after):
        found += [(batch.head.of, note.n) for note in batch.notes]
        after = batch.last
    return found


async def on_disk(spool):
    """Wait until all that was noted so far is written."""
    while spool._pending:
        await asyncio.sleep(0.001)
