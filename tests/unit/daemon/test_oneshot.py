"""The one-shot commands at a served room: what they print, and how they end."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from builders import NOON, meeting, room

from appliance import oneshot, settings
from appliance.errors import SalonError
from appliance.link.messages import new_boot
from appliance.link.server import LinkServer
from appliance.seats import CommandSeat, WatchSeat
from appliance.state.commands import Ack, JoinUrl, Origin
from appliance.state.events import CallWanted, MediaReported
from appliance.state.layout import PersonId
from appliance.state.outcomes import joined
from appliance.state.room import Call, MeetingKey, Participant, Phase, Wanted
from appliance.state.store import RoomStore
from appliance.state.wishes import MediaReport, StreamStats

LINK = JoinUrl("https://zoom.us/j/123")


@pytest.fixture
def told(runtime_dir):
    return settings.parse(f'paths = {{ state = "{runtime_dir}", runtime = "{runtime_dir}" }}', where="the test")


@asynccontextmanager
async def served(told, dispatch=None, streams=()):
    """A room's sockets for commands and watchers, without the rest of its daemon."""
    store = RoomStore(room(meeting()), now=lambda: NOON)

    async def no(_command, _origin):
        return Ack.refused("Not now.")

    async def answer(command, origin):
        return await (dispatch(store) if dispatch else no(command, origin))

    seats = {
        "control": CommandSeat(store, lambda _: Origin.CLI, answer).serve,
        "watch": WatchSeat(store, lambda: streams).serve,
    }
    paths = [told.runtime_dir / f"{role}.sock" for role in seats]
    servers = [
        asyncio.create_task(LinkServer(path, role, boot=new_boot(), handler=serve).run())
        for path, (role, serve) in zip(paths, seats.items(), strict=True)
    ]
    async with asyncio.timeout(30):
        while not all(path.exists() for path in paths):
            await asyncio.sleep(0.01)
        yield store
    for server in servers:
        server.cancel()
    await asyncio.gather(*servers, return_exceptions=True)


async def gives_up(store):
    store.apply(CallWanted(Wanted(MeetingKey("link"), "Meeting")))
    asyncio.get_running_loop().call_later(0.2, store.apply, CallWanted(None))
    return Ack()


async def test_a_join_that_fails_says_why_and_is_no_success(told, capsys):
    async with served(told, gives_up):
        assert await oneshot.command(told, LINK, joined) == 1
    assert capsys.readouterr().err == "salon: Somebody in the room stopped it.\n"


async def test_a_join_that_takes_too_long_says_how_it_stands(told, capsys):
    async def joins_for_ever(store):
        store.apply(CallWanted(Wanted(MeetingKey("link"), "Meeting")))
        return Ack()

    async with served(told, joins_for_ever):
        assert await oneshot.command(told, LINK, joined, patience_s=0.5) == 1
    assert capsys.readouterr().err.startswith("salon: not within 0.5 seconds: The server has not answered yet.")


async def test_a_refused_command_says_why_and_is_no_success(told, capsys):
    async with served(told):
        assert await oneshot.command(told, LINK, joined) == 1
    assert capsys.readouterr().err == "salon: refused: Not now.\n"


async def test_without_a_room_a_command_says_so(told):
    with pytest.raises(SalonError, match="no room answers"):
        await oneshot.command(told, LINK, joined)


async def test_status_is_silent_when_nobody_reads_it_and_takes_its_settings_after_the_command(told, tmp_path):
    config = tmp_path / "room.toml"
    config.write_text(f'paths = {{ state = "{told.runtime_dir}", runtime = "{told.runtime_dir}" }}')
    async with served(told):
        words = [sys.executable, "-m", "appliance.cli", "status", "--json", "--config", str(config)]
        read, write = os.pipe()
        os.close(read)
        unread = await asyncio.create_subprocess_exec(*words, stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        assert await unread.communicate() == (None, b"")
        assert unread.returncode == 0
        heard = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
        out, _ = await heard.communicate()
        assert json.loads(out)["name"] == "Aquarium"


async def test_status_tells_how_each_stream_does(told, capsys):
    streams = (
        StreamStats("ann", "video", "in", fps=29.6, width=640, height=360, kbps=812.4, loss=0.002, jitter_ms=3.4),
        StreamStats("ann", "audio", "in", kbps=31.8, loss=0.01, jitter_ms=4.2, delay_ms=62),
        StreamStats("", "video", "out", fps=30.0, kbps=1480.2, rtt_ms=31.4),
    )
    async with served(told, streams=streams) as store:
        report = MediaReport(new_boot(), call=Call(Phase.LIVE, participants=(Participant(PersonId("ann"), "Ann"),)))
        store.apply(MediaReported(report, current=True))
        await oneshot.status(told, as_json=False)
        said = capsys.readouterr().out
        await oneshot.status(told, as_json=True)
    assert "  in        Ann video: 640x360, 30 a second, 812 kb/s, 0.2 % lost, jitter 3 ms\n" in said
    assert "  in        Ann audio: 32 kb/s, 1.0 % lost, jitter 4 ms, waits 62 ms\n" in said
    assert "  out       video: 30 a second, 1480 kb/s, 0.0 % lost, round trip 31 ms\n" in said
    assert [stream["jitter_ms"] for stream in json.loads(capsys.readouterr().out)["streams"]] == [3.4, 4.2, 0.0]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_panel_draws_on_a_terminal_or_not_at_all(terminal, told, tmp_path):
    config = tmp_path / "room.toml"
    config.write_text(f'paths = {{ state = "{told.runtime_dir}", runtime = "{told.runtime_dir}" }}')
    ours, its = pty.openpty()
    words = [sys.executable, "-m", "appliance.cli", "--config", str(config), "panel"]
    out = its if terminal else subprocess.PIPE
    with subprocess.Popen(words, stdin=its, stdout=out, stderr=subprocess.PIPE) as panel:
        os.close(its)
        if terminal:
            drawn = b""
            while b"Connecting" not in drawn:
                drawn += os.read(ours, 4096)
            panel.terminate()
        said, complaint = panel.communicate(timeout=30)
    os.close(ours)
    assert not said
    assert b"\x1b" not in complaint
    assert (b"salon: the panel draws on a terminal" in complaint) is not terminal
    assert panel.returncode == (0 if terminal else 1)
