import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit.protocol import models, rtc
from wire import Wire

from appliance.hub.invites import Invites
from appliance.hub.keys import Grant, HubKeys, Tokens
from appliance.hub.pages import Pages
from appliance.hub.server import HubSettings, invites_of, run_hub
from appliance.media.rtc.channels import Channel
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn
from appliance.media.rtc.peer import Peer


@dataclass
class RunningHub:
    url: str
    state_dir: Path
    web: aiohttp.ClientSession

    @property
    def invites(self) -> Invites:
        return invites_of(self.state_dir)

    def token(self, identity: str, room: str = "atrium", *, minutes: float = 10, **grant: bool) -> str:
        tokens = Tokens(HubKeys.of(self.state_dir), now=lambda: datetime.now(UTC))
        expires = datetime.now(UTC) + timedelta(minutes=minutes)
        return tokens.mint(Grant(room=room, identity=identity, name=identity.title(), **grant), expires=expires)

    async def health(self) -> dict[str, Any]:
        async with self.web.get(f"{self.url}/healthz") as answer:
            return await answer.json()

    async def healthy(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the hub says so of itself; there is nothing to await but its answers."""
        async with asyncio.timeout(5):
            while not condition(await self.health()):
                continue

    async def refused(self, why: str, least: int = 1) -> None:
        await self.healthy(lambda health: health["refused"].get(why, 0) >= least)


@dataclass
class Client:
    """As little of a LiveKit client as a test needs."""

    socket: aiohttp.ClientWebSocketResponse
    name: str
    publisher: Peer
    subscriber: Peer = None
    through: Wire | None = None
    """What its subscriber is reached by."""
    join: rtc.JoinResponse = None
    seen: list[rtc.SignalResponse] = field(default_factory=list)
    frames: dict[str, list[EncodedFrame]] = field(default_factory=dict)
    streams: dict[str, MediaIn] = field(default_factory=dict)
    messages: list[models.DataPacket] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, **message: Any) -> None:
        await self.socket.send_bytes(rtc.SignalRequest(**message).SerializeToString())

    def of(self, kind: str) -> list[Any]:
        return [getattr(response, kind) for response in self.seen if response.WhichOneof("message") == kind]

    async def until(self, condition: Callable[[], Any], *, within: float = 15) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def publish(self, kind: str, codec: str, *, cid: str, rids: Sequence[str] = (), **request: Any):
        number = models.TrackType.AUDIO if kind == "audio" else models.TrackType.VIDEO
        await self.send(add_track=rtc.AddTrackRequest(cid=cid, type=number, **request))
        out = self.publisher.add_out(kind, codec, stream_id="-", track_id=cid, layers=rids)
        await self.offer()
        return out

    async def offer(self) -> None:
        answers = len(self.of("answer"))
        await self.send(offer=rtc.SessionDescription(type="offer", sdp=await self.publisher.offer()))
        await self.until(lambda: len(self.of("answer")) > answers)
        await self.publisher.accept_answer(self.of("answer")[-1].sdp)

    async def open_channel(self, label: str) -> Channel:
        opened = asyncio.Event()
        channel = self.publisher.add_channel(label)
        channel.on_open = opened.set
        await self.offer()
        async with asyncio.timeout(10):
            await opened.wait()
        return channel

    async def _answer(self, offer: str) -> str:
        if self.through is None:
            return await self.subscriber.accept_offer(offer)
        return self.through.answer_for_a(await self.subscriber.accept_offer(self.through.offer_for_b(offer)))

    def heard(self, media: MediaIn) -> None:
        self.streams[media.stream_id] = media
        frames = self.frames.setdefault(media.stream_id, [])

        def frame_came(frame: EncodedFrame) -> None:
            frames.append(frame)
            self.changed.set()

        media.on_frame = frame_came

    def message_came(self, data: bytes) -> None:
        self.messages.append(models.DataPacket.FromString(data))
        self.changed.set()

    async def run(self) -> None:
        async for message in self.socket:
            response = rtc.SignalResponse.FromString(message.data)
            self.seen.append(response)
            if response.WhichOneof("message") == "join":
                self.join = response.join
            elif response.WhichOneof("message") == "offer":
                answer = await self._answer(response.offer.sdp)
                sdp = rtc.SessionDescription(type="answer", sdp=answer, id=response.offer.id)
                with contextlib.suppress(ConnectionError):
                    await self.send(answer=sdp)
            self.changed.set()
        self.gone.set()


IDR = b"\x00\x00\x00\x01\x65\x88"
SLICE = b"\x00\x00\x00\x01\x41\x9a"


def loopback() -> tuple[str, ...]:
    return ("127.0.0.1",)


@contextlib.asynccontextmanager
async def running(settings: HubSettings, state_dir: Path, pages: Pages | None = None) -> AsyncIterator[RunningHub]:
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_hub(settings, state_dir=state_dir, on_ready=ready.set_result, pages=pages))
    done, _ = await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task in done:  # it failed before it was ready
        await task
    async with aiohttp.ClientSession() as web:
        yield RunningHub(await ready, state_dir, web)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def hub(tmp_path) -> AsyncIterator[RunningHub]:
    async with running(HubSettings(port=0), tmp_path) as hub:
        yield hub


@pytest.fixture
def run() -> Callable[..., contextlib.AbstractAsyncContextManager[RunningHub]]:
    return running


@pytest.fixture
async def enter(hub) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Let somebody into a room; everybody leaves in the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def enter(
            name: str, room: str = "atrium", query: str = "", through: Wire | None = None, **grant: bool
        ) -> Client:
            token = hub.token(name, room, **grant)
            socket = await hub.web.ws_connect(f"{hub.url}/rtc?access_token={token}{query}")
            publisher = Peer(name=f"{name} out", addresses=loopback)
            client = Client(socket, name, publisher, through=through)

            def opened(channel):
                channel.on_message = client.message_came

            client.subscriber = Peer(name=f"{name} in", addresses=loopback, on_media=client.heard, on_channel=opened)
            stack.push_async_callback(publisher.close)
            stack.push_async_callback(client.subscriber.close)
            task = asyncio.create_task(client.run())
            stack.push_async_callback(asyncio.wait, [task])
            stack.push_async_callback(socket.close)
            await client.until(lambda: client.seen)
            return client

        yield enter


@pytest.fixture
def feeding() -> Callable[..., contextlib.AbstractAsyncContextManager[None]]:
    """Send frames as a camera or microphone would."""

    @contextlib.asynccontextmanager
    async def feed(out, *, level: int | None = None, size: int = 400) -> AsyncIterator[None]:
        wanted = {"key": True}
        out.on_keyframe_request = lambda: wanted.update(key=True)

        async def shoot() -> None:
            for i in range(100_000):
                key = wanted["key"] or out.kind == "audio"
                wanted["key"] = False
                rate = 90_000 if out.kind == "video" else 48_000
                start = {"VP8": (b"\x01", b"\x00"), "H264": (SLICE, IDR), "opus": (b"", b"")}[out.codec][key]
                data = start + bytes(size)
                out.send(EncodedFrame(out.codec, i * rate // 50, rate, data, key, level=level))
                await asyncio.sleep(0.02)

        task = asyncio.create_task(shoot())
        yield
        task.cancel()

    return feed
