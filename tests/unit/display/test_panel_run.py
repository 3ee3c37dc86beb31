"""`salon panel` on real sockets without a terminal: ready, pictures, commands, a daemon that dies, a tidy end."""

import asyncio
import os
import signal
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from panel_rooms import IDLE, NOW, live

from appliance.link.messages import new_boot
from appliance.link.server import LinkServer
from appliance.state import commands
from appliance.state.commands import Ack
from appliance.state.latest import Latest
from appliance.state.wire import to_json, untagged
from display.panel.main import PanelOptions, run_panel
from display.panel.shots import snapshot


class Daemon:
    """The panel's socket, served with the real server, as the daemon does."""

    def __init__(self, path):
        self.states = Latest()
        self.asked = Latest()
        self.server = LinkServer(path, "panel", boot=new_boot(), handler=self.serve)

    async def serve(self, peer):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.listen(peer))
            async for state in self.states.values():
                peer.offer("state", to_json(state))

    async def listen(self, peer):
        async for message in peer.messages():
            self.asked.put(untagged(commands.Command, message.body))
            peer.offer("ack", to_json(Ack.refused("Not today.")), message.id)


async def test_it_becomes_ready_writes_pictures_and_ends_on_sigterm(tmp_path, runtime_dir):
    shot, ready = tmp_path / "panel.svg", asyncio.Event()
    daemon = Daemon(runtime_dir / "panel.sock")
    daemon.states.put(IDLE)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(daemon.server.run())
        running = tasks.create_task(
            run_panel(
                runtime_dir / "panel.sock",
                runtime_dir / "meters.sock",
                options=PanelOptions(headless=True, size=(80, 24), shot=shot, shot_every_s=0.05),
                on_ready=ready.set,
            )
        )
        await ready.wait()
        await holds(shot, "Free")
        daemon.states.put(live("Grace Hopper"))
        await holds(shot, "Grace")
        serving.cancel()
        await holds(shot, "restarting")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0


async def holds(path, word):
    """Wait until the picture says a word."""
    async with asyncio.timeout(20):
        while word not in await asyncio.to_thread(words_of, path):
            await asyncio.sleep(0.02)


def words_of(path):
    if not path.exists():
        return ""
    root = ET.fromstring(path.read_text())
    return " ".join("".join(text.itertext()).replace("\xa0", " ") for text in root.iter() if text.tag.endswith("text"))


@pytest.mark.parametrize("size", [(40, 15), (80, 24), (100, 30)])
async def test_a_snapshot_is_a_picture_that_needs_neither_window_nor_internet(tmp_path, size):
    path = tmp_path / "panel.svg"
    await snapshot(replace(live("[/foo]"), name="Ada"), path, size, now=lambda: NOW)
    svg, words = await asyncio.to_thread(path.read_text), await asyncio.to_thread(words_of, path)
    assert "[/foo]" in words
    assert "Stop" in words
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", "")
    assert "<circle" not in svg
