"""The programs as `salon` puts them together."""

import asyncio

import pytest

from appliance import programs, settings
from appliance.link.messages import new_boot
from appliance.link.server import LinkServer
from provisioning.identity import room_identity


@pytest.fixture
def told(tmp_path):
    room_identity(tmp_path / "state")
    return settings.parse(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}" }}', where="the test")


async def test_media_is_at_the_daemons_table_once(told, tmp_path):
    came = asyncio.Queue()

    async def seat(peer):
        await anext(peer.messages())
        came.put_nowait(peer)
        await asyncio.Event().wait()

    table = LinkServer(tmp_path / "media.sock", "media", boot=new_boot(), handler=seat)
    running = [asyncio.create_task(table.run()), asyncio.create_task(programs.media(told))]
    async with asyncio.timeout(10):
        await came.get()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await came.get()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
