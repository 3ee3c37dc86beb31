"""Who is in the room: from a scripted /proc, and from real processes on the panel's real socket."""

import asyncio
import contextlib
import os
import sys
from functools import partial

import pytest
from builders import NOON, room

from appliance.link.distance import NOT_ITS_OWN, OVER_SSH, why_far
from appliance.link.messages import new_boot
from appliance.link.server import LinkServer
from appliance.seats import CommandSeat, origin_at_panel
from appliance.state.commands import Ack, Origin
from appliance.state.store import RoomStore

PANEL_UNIT = "0::/system.slice/salon-panel.service\n"
SHELL_OF_A_LOGIN = "0::/user.slice/user-1000.slice/session-3.scope\n"
OF_THE_SAME_NAME = "0::/user.slice/user-1000.slice/user@1000.service/system.slice/salon-panel.service\n"


class Proc:
    """A /proc with just what is looked at."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, pid, parent, name="bash", *, environ="TERM=xterm\0", cgroup=SHELL_OF_A_LOGIN):
        (self.folder / str(pid)).mkdir()
        (self.folder / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 34816 0\n")
        (self.folder / str(pid) / "cgroup").write_text(cgroup)
        if environ is not None:
            (self.folder / str(pid) / "environ").write_text(environ)

    def why(self, pid, *, installed):
        return why_far(pid, installed=installed, proc=self.folder)


@pytest.fixture
def proc(tmp_path):
    proc = Proc(tmp_path)
    proc.add(1, 0, "systemd", environ=None)
    return proc


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("variable", ["SSH_CONNECTION=::1 1 ::1 22", "SSH_TTY=/dev/pts/1", "SSH_CLIENT=::1 1 22"])
def test_a_panel_in_an_ssh_session_is_far(proc, variable, installed):
    proc.add(7, 1, environ=f"TERM=xterm\0{variable}\0")
    assert proc.why(7, installed=installed) == OVER_SSH


def test_a_cleaned_environment_does_not_hide_the_parents(proc):
    proc.add(5, 1, environ="SSH_TTY=/dev/pts/1\0")
    proc.add(6, 5, "sudo", environ=None)
    proc.add(7, 6, "salon (panel) 7")
    assert proc.why(7, installed=False) == OVER_SSH


@pytest.mark.parametrize("server", ["sshd", "sshd-session", "dropbear", "mosh-server"])
def test_the_server_of_the_session_is_enough_to_know_it(proc, server):
    proc.add(5, 1, server, environ=None)
    proc.add(7, 5)
    assert proc.why(7, installed=False) == OVER_SSH


def test_a_terminal_on_a_desk_is_in_the_room(proc):
    proc.add(7, 1, environ="NOT_SSH_TTY=1\0")
    assert proc.why(7, installed=False) == ""


def test_in_an_installed_room_only_the_panels_unit_is_in_the_room(proc):
    proc.add(7, 1, cgroup=PANEL_UNIT)
    assert proc.why(7, installed=True) == ""
    for pid, cgroup in enumerate((SHELL_OF_A_LOGIN, OF_THE_SAME_NAME, "", "0::/system.slice/salon-hub.service\n"), 8):
        proc.add(pid, 1, cgroup=cgroup)
        assert proc.why(pid, installed=True) == NOT_ITS_OWN


@pytest.mark.parametrize("installed", [True, False])
def test_who_cannot_be_seen_is_not_in_the_room(proc, installed):
    assert proc.why(99, installed=installed) == NOT_ITS_OWN


_UNMUTES = """
import asyncio, sys
from pathlib import Path
from appliance.link.client import connected
from appliance.link.messages import Message
from appliance.state.commands import SetMicMuted
from appliance.state.wire import tagged

async def main():
    async with connected(Path(sys.argv[1]), role="panel", boot="b") as link:
        await link.send(Message("command", tagged(SetMicMuted(muted=False)), 1))
        async for message in link.messages():
            if message.kind == "ack":
                return

asyncio.run(main())
"""


@pytest.mark.parametrize("cleaner", [(), ("env", "-u", "SSH_CONNECTION", sys.executable, "-c", _UNMUTES)])
async def test_a_real_process_of_an_ssh_session_commands_like_the_cli(tmp_path, cleaner):
    """The second one takes the variable away, and is known by its parent."""
    asked = []

    async def dispatch(_command, origin):
        asked.append(origin)
        return Ack()

    path = tmp_path / "panel.sock"
    seat = CommandSeat(RoomStore(room(), now=lambda: NOON), partial(origin_at_panel, installed=False), dispatch)
    serving = asyncio.create_task(LinkServer(path, "panel", boot=new_boot(), handler=seat.serve).run())
    async with asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.01)
        child = ("-c", _UNMUTES, str(path))
        if cleaner:
            child = ("-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)", *cleaner, str(path))
        far = {**os.environ, "SSH_CONNECTION": "192.0.2.1 4000 192.0.2.2 22"}
        process = await asyncio.create_subprocess_exec(sys.executable, *child, env=far)
        assert await process.wait() == 0
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    assert asked == [Origin.CLI]
