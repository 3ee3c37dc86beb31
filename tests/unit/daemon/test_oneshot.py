"""The one-shot commands at a served room: what they print, and how they end."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, meeting, room

from appliance import oneshot, settings
from appliance.cli import main
from appliance.errors import SalonError
from appliance.link.messages import new_boot
from appliance.link.server import LinkServer
from appliance.seats import CommandSeat, WatchSeat
from appliance.state.camera import CameraAim
from appliance.state.columns import width
from appliance.state.commands import Ack, JoinUrl, MoveCamera, Origin
from appliance.state.device_views import since_text
from appliance.state.devices import Device, Fault, Severity
from appliance.state.events import CallWanted, CameraAimed, MediaReported, NoticeGiven
from appliance.state.layout import PersonId
from appliance.state.outcomes import aimed, joined
from appliance.state.reducer import reduce
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


async def test_what_is_said_of_a_command_is_said_of_the_room_after_it(told, capsys):
    async def turns(store):
        await asyncio.sleep(0.05)  # the state before it is on its way
        store.apply(CameraAimed(CameraAim(0.3, zoom=0.5)))
        return Ack()

    async with served(told, turns):
        assert await oneshot.command(told, MoveCamera(0.3, 0, 0.5), aimed) == 0
    assert capsys.readouterr().out.startswith("Looks 30% right, zoomed 50%.")


async def test_looking_where_the_camera_looks_asks_for_nothing(told, capsys):
    async with served(told) as store:
        store.apply(CameraAimed(CameraAim(framing=True)))
        assert await oneshot.glance(told, aimed) == 0
    assert capsys.readouterr().out == "The room frames whoever speaks.\n"


async def test_devices_are_listed_in_columns_with_their_remedies(told, capsys):
    async with served(told) as store:
        table = (
            Device("camera-1", "camera", "v4l2:BRIO", fault=Fault.MISSING, severity=Severity.WARNING, since=NOON,
                   remedy="It is not there. Plug the camera in, or check its cable."),
            Device("camera-2", "camera", "sim:pattern", "会議室のとても長い名前のカメラ" * 3, present=True),
            Device("usb:2886:0018:" + "7" * 90, "microphone", name="ReSpeaker", expected=False, present=True),
        )  # fmt: skip
        seen = reduce(replace(store.state, devices=table), NoticeGiven("x"), NOON)
        lines = oneshot.device_lines(oneshot.device_rows(seen), NOON)
        assert await oneshot.devices(told, as_json=True) == 1
        said = capsys.readouterr()
        assert json.loads(said.out) == []
        assert said.err.startswith("salon: Camera and sound are not there (salon media)")
        store.apply(MediaReported(MediaReport(new_boot())))
        assert await oneshot.devices(told) == 0
    assert not capsys.readouterr().err
    assert lines[:3] == [
        "  !  camera-1  not there      Camera (v4l2:BRIO)",
        "       since 12:00. It is not there. Plug the camera in, or check its cable.",
        "     camera-2  ready          Camera",
    ]
    assert all(width(line) <= 80 for line in lines)
    assert "".join(line.strip() for line in lines[3:5]).startswith("(会議室")
    assert lines[-3] == "               not in use     Microphone (ReSpeaker)"


def test_a_fault_of_another_day_is_told_with_its_date():
    assert since_text(NOON - timedelta(days=1), NOON) == "2026-11-22 12:00"


def test_status_says_that_the_mute_switch_holds_the_room_muted():
    state = room()
    held = replace(state, senses=replace(state.senses, mute_line=True))
    assert any("microphone muted by the mute switch" in line for line in oneshot.describe(held, NOON))
    assert not any("switch" in line for line in oneshot.describe(state, NOON))


async def test_a_daemon_that_says_nothing_is_told_with_the_remedy(told, monkeypatch):
    monkeypatch.setattr(oneshot, "_ANSWER_S", 0.1)

    async def silent(_reader, writer):
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(silent, told.runtime_dir / "watch.sock")
    with pytest.raises(oneshot.Silent, match=r"has said nothing for 0\.1 s; restart it: systemctl restart salon-d"):
        await oneshot.devices(told)
    server.close()


async def test_who_may_not_ask_is_told_the_group(told, monkeypatch):
    def refused(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(asyncio, "open_unix_connection", refused)
    with pytest.raises(oneshot.NotAllowed, match="join the group salon-watch"):
        await oneshot.devices(told)
    with pytest.raises(oneshot.NotAllowed, match="join the group salon-control"):
        await oneshot.command(told, LINK, joined)


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["camera", "--pan", "nan"], 2, "'nan' should be a number from -2 to 2, such as 0.1"),
        (["camera", "--zoom", "99"], 2, "'99' should be a number from -2 to 2"),
        (["camera", "--pan", "0.1", "--recall", "2"], 1, "in two commands"),
        (["press"], 1, "Nobody listens at mock:mute"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, status, complaint, told, tmp_path, capsys):
    config = tmp_path / "room.toml"
    config.write_text(
        f'paths = {{ state = "{told.runtime_dir}", runtime = "{told.runtime_dir}" }}\n'
        f'wires.mute_button = "mock:mute?dir={tmp_path}"'
    )
    try:
        ended = main([*words, "--config", str(config)])
    except SystemExit as end:
        ended = end.code
    assert ended == status
    assert complaint in capsys.readouterr().err


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
