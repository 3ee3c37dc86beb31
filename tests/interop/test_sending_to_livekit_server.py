"""What the room sends to a real livekit-server: H.264, at a rate that grows by the server's transport-wide feedback."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import netns
import pytest
from livekit import api
from livekit_server import LiveKitServer, livekit_server

from appliance.media.decode import Undecodable, VideoDecoder
from appliance.media.layers import LayeredEncoder
from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings.livekit import LiveKit
from appliance.meetings.provider import Bound, Event, JoinSpec, Opened, Received, Sent, Slot
from appliance.state.layout import Layout, Source, Tile
from appliance.state.room import Limits
from hardware import registry

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(120)]

MEETING = "standup"


@pytest.fixture
def server() -> Iterator[LiveKitServer]:
    with livekit_server(netns.ADDRESS) as running:
        yield running


class Shooter:
    """Sends a simulated camera's pictures within the budget it is told; all layers, or with `dynacast` the wanted."""

    def __init__(self, out: Sent, *, dynacast: bool = False) -> None:
        self.budget, self.asked = 600_000, True
        self._dynacast = dynacast
        self._out = out
        out.on_bitrate = self._heard
        out.on_keyframe_request = self._asked

    async def run(self) -> None:
        encoder = LayeredEncoder(self._out.codec, simulcast=self._out.simulcast)
        with registry.camera("sim:pattern?size=1280x720") as camera:
            while True:
                frame = await asyncio.to_thread(camera.read, 1.0)
                keyframe, self.asked = self.asked, False
                wanted = self._out.wanted if self._dynacast else None
                for encoded in await asyncio.to_thread(
                    encoder.encode, frame, budget=self.budget, keyframe=keyframe, wanted=wanted
                ):
                    self._out.send(encoded)

    def _heard(self, bitrate: int) -> None:
        self.budget = bitrate

    def _asked(self) -> None:
        self.asked = True


class Visit:
    """A room's stay on the server."""

    def __init__(self, server: LiveKitServer, identity: str) -> None:
        token = server.token(identity, room=MEETING)
        link = f"http://{netns.ADDRESS}/custom?{urlencode({'liveKitUrl': server.url, 'token': token})}"
        self.session = LiveKit(identity=identity).session(JoinSpec(link, identity))
        self.opened: asyncio.Queue[Sent] = asyncio.Queue()
        self.bound: asyncio.Queue[Bound] = asyncio.Queue()

    @asynccontextmanager
    async def stay(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.session.run(self._tell), name="visit")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Opened) and event.slot is Slot.CAMERA:
            self.opened.put_nowait(event.out)
        elif isinstance(event, Bound) and event.slot is Slot.CAMERA:
            self.bound.put_nowait(event)


@asynccontextmanager
async def _camera_of_the_room(server: LiveKitServer) -> AsyncIterator[Sent]:
    """Join, and yield where the camera's pictures go."""
    visit = Visit(server, "room")
    visit.session.set_muted(Slot.CAMERA, muted=False)
    async with visit.stay():
        async with asyncio.timeout(20):
            out = await visit.opened.get()
        yield out


async def test_the_rate_grows_by_the_servers_feedback(server: LiveKitServer) -> None:
    async with _camera_of_the_room(server) as out, asyncio.TaskGroup() as group:
        shooter = Shooter(out)
        task = group.create_task(shooter.run(), name="shooter")
        while shooter.budget < 2_000_000:
            await asyncio.sleep(0.1)
        task.cancel()
        stats = out.stats()
        assert stats.bitrate is not None
        assert stats.frames > 10
        async with api.LiveKitAPI(server.url.replace("ws", "http"), server.key, server.secret) as client:
            people = await client.room.list_participants(api.ListParticipantsRequest(room=MEETING))
        cameras = [track for person in people.participants for track in person.tracks if track.width]
        assert [track.mime_type for track in cameras] == ["video/H264"]


async def test_a_small_tile_gets_the_small_layer_and_a_large_one_the_large(server: LiveKitServer) -> None:
    viewer = Visit(server, "viewer")
    async with _camera_of_the_room(server) as out, viewer.stay(), asyncio.TaskGroup() as group:
        assert out.simulcast
        shooter = Shooter(out, dynacast=True)
        task = group.create_task(shooter.run(), name="shooter")
        async with asyncio.timeout(30):
            bound = await viewer.bound.get()
        eye = Eye(bound.media)
        for rev, (size, layer) in enumerate(
            (((320, 180), (320, 180)), ((1280, 720), (1280, 720)), ((320, 180), (320, 180))), 1
        ):
            tile = Tile(bound.person, Source.CAMERA, 0, 0, *size)
            viewer.session.set_layout(Layout(rev, 1920, 1080, (tile,)), Limits())
            async with asyncio.timeout(30):
                await eye.until(layer)
        # the server takes its time before it turns layers off
        async with asyncio.timeout(30):
            while out.wanted != {"q"}:
                await asyncio.sleep(0.1)
        await eye.until((320, 180))
        task.cancel()


class Eye:
    """Decodes what is received and knows its size."""

    def __init__(self, media: Received) -> None:
        self._media, self._decoder, self._size = media, VideoDecoder(), asyncio.Queue[tuple[int, int]]()
        media.on_frame = self._saw

    async def until(self, size: tuple[int, int]) -> None:
        while await self._size.get() != size:
            pass

    def _saw(self, frame: EncodedFrame) -> None:
        try:
            picture = self._decoder.decode(frame)
        except Undecodable:
            self._media.request_keyframe()
            return
        if picture is not None:
            self._size.put_nowait((picture.width, picture.height))
