"""The room's equipment, running for a test."""

import asyncio
import contextlib

from appliance.media.equipment import Equipment


@contextlib.asynccontextmanager
async def running(changed=lambda: None, **options):
    kit = Equipment(changed, **options)
    task = asyncio.create_task(kit.run(), name="equipment")
    try:
        yield kit
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
