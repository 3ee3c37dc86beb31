"""The programs as `salon` puts them together."""

import asyncio
import os
import sys

import pytest

from appliance import programs, settings
from appliance.link import distance
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


@pytest.mark.parametrize(("session", "door"), [({}, "panel"), ({"SSH_CONNECTION": "::1 1 ::1 22"}, "control")])
async def test_a_panel_over_ssh_comes_in_by_the_door_of_the_command_line(tmp_path, session, door):
    came = asyncio.Queue()
    config = tmp_path / "room.toml"
    config.write_text(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}" }}')

    def table(role):
        async def seat(_peer):
            came.put_nowait(role)
            await asyncio.Event().wait()

        return LinkServer(tmp_path / f"{role}.sock", role, boot=new_boot(), handler=seat)

    serving = [asyncio.create_task(table(role).run()) for role in ("panel", "control")]
    panel = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appliance.cli", "--config", config, "panel", "--headless", env={**os.environ, **session}
    )
    async with asyncio.timeout(20):
        assert await came.get() == door
        panel.terminate()
        await panel.wait()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


@pytest.mark.parametrize(("why", "role"), [("", "panel"), ("over SSH", "control")])
def test_only_a_command_in_the_room_may_speak_like_its_panel(monkeypatch, why, role):
    monkeypatch.setattr(distance, "why_far", lambda *_, **_options: why)
    assert programs.room_role() == role
