"""A room's spool on a real disk that others have filled."""

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager, suppress

import pytest

from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Happening, JobReport, JobState
from appliance.telemetry.spool import Spool, SpoolSettings

pytestmark = pytest.mark.interop
NOW = 1_795_338_000_000


@asynccontextmanager
async def spool_at(folder, boot, health):
    moment = Moment(NOW, 0, ClockSync.YES)
    async with Spool(
        folder / "spool.db",
        boot=boot,
        clock=lambda: moment,
        on_health=health.append,
        settings=SpoolSettings(retry_s=0.01),
    ) as spool:
        yield spool


def event(text):
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


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte, which whoever runs a test in a namespace may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.namespace
async def test_a_real_disk_that_others_have_filled_loses_nothing_that_was_noted(small_disk):
    health, ballast = [], small_disk / "ballast"
    async with spool_at(small_disk, "boot-1", health) as spool:
        spool.note(event("before"))
        await on_disk(spool)
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                os.write(file.fileno(), b"x" * 4096)
        for n in range(400):
            spool.note(event(f"{n} {'x' * 500}"))
        # nothing is done that could not be written down first
        assert not await spool.note_job(JobReport("job-1", JobState.ACCEPTED), "{}")
        assert not health[-1].ok
        assert "the disk is full" in health[-1].detail
        assert len(await numbers(spool)) == 402
        ballast.unlink()
        while not health[-1].ok:
            await asyncio.sleep(0.01)
    async with spool_at(small_disk, "boot-2", []) as spool:
        assert await numbers(spool) == [("boot-1", n) for n in range(1, 403)]
        assert "job-1" in await spool.jobs()
