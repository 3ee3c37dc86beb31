"""Media's seat in the daemon: whoever sat down last is heard."""

import asyncio
import contextlib
import dataclasses

from builders import NOON, OPEN, report, room

from appliance.link.client import connected
from appliance.link.messages import Message, new_boot
from appliance.link.server import LinkServer
from appliance.seats import MediaSeat
from appliance.state.room import Boot
from appliance.state.store import RoomStore
from appliance.state.wire import to_json
from appliance.state.wishes import StreamStats

SHUT = dataclasses.replace(OPEN, mic_muted=True)


class Daemon:
    def __init__(self):
        self.store = RoomStore(room(), now=lambda: NOON)
        self.seat = MediaSeat(self.store, Boot("b1"), change=self._change)

    async def _change(self, _decide):
        pass

    async def shows(self, *, muted):
        async with asyncio.timeout(10):
            async for state in self.store.watch():
                if state.senses.connected and state.senses.mic_muted is muted:
                    return


class Stubborn:
    """A media whose words still arrive after it was hung up on."""

    def __init__(self):
        self.words = asyncio.Queue()
        self.hung_up = False

    async def messages(self):
        while (message := await self.words.get()) is not None:
            yield message

    def offer(self, kind, body, message_id=0):
        pass

    def hang_up(self):
        self.hung_up = True

    def says(self, controls):
        self.words.put_nowait(Message("report", to_json(report(controls=controls))))


async def test_an_older_medias_reports_are_ignored_once_a_newer_one_is_there():
    daemon, older, newer = Daemon(), Stubborn(), Stubborn()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        first = group.create_task(daemon.seat.serve(older))
        older.says(OPEN)
        await daemon.shows(muted=False)
        group.create_task(daemon.seat.serve(newer))
        newer.says(SHUT)
        await daemon.shows(muted=True)
        older.says(OPEN)
        older.words.put_nowait(None)
        await first
        assert (older.hung_up, newer.hung_up) == (True, False)
        assert daemon.store.state.senses.connected
        assert daemon.store.state.senses.mic_muted
        newer.words.put_nowait(None)


async def test_an_older_medias_connection_is_closed(tmp_path):
    daemon, path = Daemon(), tmp_path / "media.sock"
    server = asyncio.create_task(LinkServer(path, "media", boot=Boot("b1"), handler=daemon.seat.serve).run())
    async with asyncio.timeout(10):
        while not path.exists():
            await asyncio.sleep(0.01)
        async with connected(path, role="media", boot=new_boot()) as older:
            await older.send(Message("report", to_json(report(controls=OPEN))))
            await daemon.shows(muted=False)
            async with connected(path, role="media", boot=new_boot()) as newer:
                await newer.send(Message("report", to_json(report(controls=SHUT))))
                async for _ in older.messages():
                    pass
                await daemon.shows(muted=True)
    server.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await server


async def test_a_media_that_went_leaves_no_streams_behind():
    daemon, media = Daemon(), Stubborn()
    told = dataclasses.replace(report(controls=OPEN), streams=(StreamStats("ann", "video", "in"),))
    media.words.put_nowait(Message("report", to_json(told)))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(daemon.seat.serve(media))
        await daemon.shows(muted=False)
        assert daemon.seat.streams == told.streams
        media.words.put_nowait(None)
    assert daemon.seat.streams == ()
