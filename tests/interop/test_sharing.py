"""A computer plugged into the room's HDMI input is shared, and not any more: seen by LiveKit's SDK on both servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import netns
import numpy as np
import pytest
from guest_hub import guest_hub
from livekit import rtc
from livekit_server import livekit_server
from program import DEVICES, SHUT, call, running
from sdk_room import sdk_room

from appliance.meetings.livekit_link import GuestLink, read_link
from appliance.meetings.livekit_signal import LiveKitHttp
from appliance.state.room import Phase
from hardware.camera.mark import decode, source_id

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(120)]

LAPTOP = "sim:pattern?size=640x360&mark=LAPTOP"


@dataclass(frozen=True)
class Meeting:
    """How the room and a viewer get in."""

    link: str
    url: str
    token: str


@asynccontextmanager
async def on_the_hub() -> AsyncIterator[Meeting]:
    async with guest_hub() as hub:
        link = read_link(hub.link("Weekly"), {})
        assert isinstance(link, GuestLink)
        ticket = await LiveKitHttp(ca_file="", hub_certificate=None).exchange(link, "Viewer")
        yield Meeting(hub.link("Weekly"), ticket.url, ticket.token)


@asynccontextmanager
async def on_a_livekit_server() -> AsyncIterator[Meeting]:
    with livekit_server(netns.ADDRESS) as server:
        access = {"liveKitUrl": server.url, "token": server.token("room", room="weekly")}
        link = f"http://{netns.ADDRESS}/custom?{urlencode(access)}"
        yield Meeting(link, server.url, server.token("viewer", room="weekly"))


class Viewer:
    """Looks at shared screens, and notes each picture's mark, or that the share has gone."""

    def __init__(self) -> None:
        self.room = sdk_room()
        self.seen: asyncio.Queue[int | str] = asyncio.Queue()
        self._looking: set[asyncio.Task[None]] = set()
        self.room.on("track_subscribed", self._came)
        self.room.on("track_unsubscribed", self._went)

    def _came(self, track, publication, _who) -> None:
        if publication.source == rtc.TrackSource.SOURCE_SCREENSHARE:
            task = asyncio.ensure_future(self._look(track))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    def _went(self, _track, publication, _who) -> None:
        if publication.source == rtc.TrackSource.SOURCE_SCREENSHARE:
            self.seen.put_nowait("gone")

    async def _look(self, track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                frame = event.frame
                luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
                mark = decode(luma.reshape(frame.height, frame.width))
                if mark is not None:
                    self.seen.put_nowait(mark.source)
        finally:
            await stream.aclose()

    async def until(self, what: int | str) -> None:
        async with asyncio.timeout(30):
            while await self.seen.get() != what:
                pass

    async def leave(self) -> None:
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        await self.room.disconnect()


@pytest.mark.parametrize("meeting", [on_the_hub, on_a_livekit_server], ids=["hub", "livekit-server"])
async def test_plugging_shares_unplugging_stops_and_plugging_shares_again(meeting, runtime_dir):
    async with meeting() as access, running(runtime_dir) as media:
        viewer = Viewer()
        await viewer.room.connect(access.url, access.token)
        plugged = replace(DEVICES, share=(LAPTOP,))
        media.daemon.want(call=call(access), controls=SHUT, devices=plugged)
        await media.daemon.until(lambda r: r.call.phase is Phase.LIVE)
        for devices in (plugged, plugged):
            media.daemon.want(devices=devices)
            await viewer.until(source_id("LAPTOP"))
            media.daemon.want(devices=DEVICES)
            await viewer.until("gone")
        assert media.daemon.last.call.phase is Phase.LIVE
        await viewer.leave()
