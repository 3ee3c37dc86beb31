"""A room's spool on a real disk that others have filled."""

import asyncio
import os
from contextlib import suppress

import pytest
from spool_parts import event, numbers, on_disk, spool_at

from appliance.telemetry.protocol.records import JobReport, JobState

pytestmark = pytest.mark.interop


@pytest.mark.namespace
async def test_a_real_disk_that_others_have_filled_loses_nothing_that_was_noted(disk):
    health, ballast = [], disk / "ballast"
    async with spool_at(disk, health=health) as spool:
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
    async with spool_at(disk, "boot-2") as spool:
        assert await numbers(spool) == [("boot-1", n) for n in range(1, 403)]
        assert "job-1" in await spool.jobs()
