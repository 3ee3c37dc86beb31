import asyncio
import contextlib
import json
import socket

import pytest
from builders import meeting, report, room, wish

from appliance.link.client import CommandLink, MediaLink, connected
from appliance.link.messages import MAX_LINE, LinkError, Message, decode, encode, new_boot
from appliance.link.server import LinkServer, SocketTaken
from appliance.state.commands import Ack, Leave
from appliance.state.room import Call, Participant
from appliance.state.wire import to_json
from appliance.state.wishes import MediaWish


@contextlib.asynccontextmanager
async def running(*programs):
    tasks = [asyncio.create_task(program.run()) for program in programs]
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def server(path, handler, role="media"):
    return LinkServer(path, role, boot=new_boot(), handler=handler)


async def first(values):
    async for value in values:
        return value
    return None


async def test_media_reports_first_and_is_told_its_wish(tmp_path):
    heard = []

    async def seat(peer):
        async for message in peer.messages():
            heard.append(message)
            peer.offer("wish", to_json(MediaWish("d1", len(heard), wish())))

    link = MediaLink(tmp_path / "media.sock", new_boot())
    link.report(report())
    async with running(server(tmp_path / "media.sock", seat), link):
        assert await first(link.wishes()) == MediaWish("d1", 1, wish())
    assert heard[0].kind == "report"


async def test_only_the_newest_report_reaches_a_daemon_that_was_away(tmp_path):
    heard = asyncio.Queue()

    async def seat(peer):
        async for message in peer.messages():
            heard.put_nowait(message.body["applied"]["rev"])

    link = MediaLink(tmp_path / "media.sock", new_boot())
    async with running(link):
        for rev in range(5):
            link.report(report(rev=rev))
        async with running(server(tmp_path / "media.sock", seat)):
            assert await heard.get() == 4
        link.report(report(rev=5))
        link.report(report(rev=6))
        async with running(server(tmp_path / "media.sock", seat)):
            assert await heard.get() == 6


async def test_a_command_gets_its_own_answer(tmp_path):
    async def seat(peer):
        peer.offer("state", to_json(room()))
        async for message in peer.messages():
            peer.offer("ack", to_json(Ack.refused(message.body["type"])), message.id)

    link = CommandLink(tmp_path / "panel.sock", "panel", new_boot())
    async with running(server(tmp_path / "panel.sock", seat, "panel"), link):
        assert (await first(link.states())).name == "Aquarium"
        answers = await asyncio.gather(link.send(Leave()), link.send(Leave()))
        assert answers == [Ack.refused("Leave"), Ack.refused("Leave")]


async def test_a_state_of_another_version_is_told_and_the_link_stays(tmp_path):
    bodies = asyncio.Queue()

    async def seat(peer):
        while True:
            peer.offer("state", await bodies.get())

    link = CommandLink(tmp_path / "panel.sock", "panel", new_boot())
    fine = to_json(room())
    async with running(server(tmp_path / "panel.sock", seat, "panel"), link):
        changes = link.connection_changes.values()
        bodies.put_nowait(fine)
        assert (await first(link.states())).name == "Aquarium"
        assert link.connected
        bodies.put_nowait({**fine, "call": {"phase": "levitating"}})
        async for connected_ in changes:
            if not connected_:
                break
        assert "another version" in link.trouble
        assert not link.connected
        bodies.put_nowait(fine)
        async for connected_ in changes:
            if connected_:
                break
        assert link.trouble == ""
        assert link.connected


async def test_a_command_without_a_daemon_fails_in_words(tmp_path):
    ack = await CommandLink(tmp_path / "panel.sock", "panel", new_boot()).send(Leave())
    assert "restarting" in ack.reason


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{}\n", b'{"kind":1}\n', b'{"kind":"hello","body":{"proto":0,"release":"0","boot":"x"}}\n',
     b"\xff\xfe\n", b"[" * 5000 + b"\n", b'{"kind":"hello","body":"x"}\n', b"x" * (1 << 21)],
)  # fmt: skip
async def test_nonsense_costs_the_peer_its_link_and_nobody_else(tmp_path, line):
    served = []

    async def seat(peer):
        served.append(peer)
        await asyncio.Event().wait()

    path = tmp_path / "media.sock"
    async with running(server(path, seat)):
        while not path.exists():
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 22)
        writer.write(line)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
        writer.close()
        assert not served
        async with connected(path, role="media", boot=new_boot()):
            while not served:
                await asyncio.sleep(0.01)


async def test_a_stale_socket_is_replaced_and_a_served_one_is_not(tmp_path):
    path = tmp_path / "media.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def seat(peer):
        await asyncio.Event().wait()

    async with running(server(path, seat)):
        while True:
            with contextlib.suppress(OSError):
                async with connected(path, role="media", boot=new_boot()):
                    break
            await asyncio.sleep(0.01)
        with pytest.raises(BaseExceptionGroup) as caught:
            await server(path, seat).run()
        assert caught.group_contains(SocketTaken) or isinstance(caught.value, SocketTaken)


async def test_the_socket_is_for_its_owner_and_group_only(tmp_path):
    path = tmp_path / "media.sock"

    async def seat(peer):
        await asyncio.Event().wait()

    async with running(server(path, seat)):
        async with asyncio.timeout(5):
            while not path.exists() or path.stat().st_mode & 0o777 != 0o660:
                await asyncio.sleep(0.01)


def test_a_line_is_read_back_as_it_was_written():
    message = Message("report", to_json(report()), 7)
    assert decode(encode(message)) == message
    with pytest.raises(LinkError):
        decode(json.dumps({"kind": "x", "id": "7"}).encode())


async def test_a_line_without_end_from_the_daemon_costs_the_link_and_never_the_program(tmp_path):
    visits = asyncio.Queue()

    async def seat(peer):
        await anext(peer.messages())
        visits.put_nowait(True)
        wish_or_noise = "x" * MAX_LINE if visits.qsize() == 1 else to_json(MediaWish("d1", 1, wish()))
        peer.offer("wish", wish_or_noise)
        await asyncio.Event().wait()

    link = MediaLink(tmp_path / "media.sock", new_boot())
    link.report(report())
    async with running(server(tmp_path / "media.sock", seat), link):
        assert await first(link.wishes()) == MediaWish("d1", 1, wish())
    assert visits.qsize() == 2


async def test_the_fullest_room_that_strangers_can_make_fits_into_a_line():
    longest = ("e" + "\u20d7" * 11) * 64
    crowd = tuple(Participant("\U0001f600" * 256, longest) for _ in range(1000))
    booked = [meeting(f"m{n}", title=longest, organizer=longest, why=longest * 2) for n in range(100)]
    full = room(*booked, call=Call(participants=crowd))
    assert len(encode(Message("state", to_json(full)))) < MAX_LINE
