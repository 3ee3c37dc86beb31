"""What the room sends to a real livekit-server: H.264, at a rate that grows by the server's transport-wide feedback."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import netns
import pytest
from livekit import api
from livekit_server import LiveKitServer, livekit_server

from appliance.media.layers import LayeredEncoder
from appliance.meetings.livekit import LiveKit
from appliance.meetings.provider import Event, JoinSpec, Opened, Sent, Slot
from hardware import registry

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(120)]

MEETING = "standup"


@pytest.fixture
def server() -> Iterator[LiveKitServer]:
    with livekit_server(netns.ADDRESS) as running:
        yield running


class Shooter:
    """Sends a simulated camera's pictures within the budget it is told."""

    def __init__(self, out: Sent) -> None:
        self.budget, self.wanted = 600_000, True
        self._out = out
        out.on_bitrate = self._heard
        out.on_keyframe_request = self._asked

    async def run(self) -> None:
        encoder = LayeredEncoder(self._out.codec)
        with registry.camera("sim:pattern?size=1280x720") as camera:
            while True:
                frame = await asyncio.to_thread(camera.read, 1.0)
                keyframe, self.wanted = self.wanted, False
                for encoded in await asyncio.to_thread(encoder.encode, frame, budget=self.budget, keyframe=keyframe):
                    self._out.send(encoded)

    def _heard(self, bitrate: int) -> None:
        self.budget = bitrate

    def _asked(self) -> None:
        self.wanted = True


@asynccontextmanager
async def _camera_of_the_room(server: LiveKitServer) -> AsyncIterator[Sent]:
    """Join, and yield where the camera's pictures go."""
    token = server.token("room", room=MEETING)
    link = f"http://{netns.ADDRESS}/custom?{urlencode({'liveKitUrl': server.url, 'token': token})}"
    opened: asyncio.Queue[Sent] = asyncio.Queue()

    def tell(event: Event) -> None:
        if isinstance(event, Opened) and event.slot is Slot.CAMERA:
            opened.put_nowait(event.out)

    session = LiveKit(identity="room").session(JoinSpec(link, "Room"))
    session.set_muted(Slot.CAMERA, muted=False)
    task = asyncio.create_task(session.run(tell), name="visit")
    try:
        async with asyncio.timeout(20):
            out = await opened.get()
        yield out
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
