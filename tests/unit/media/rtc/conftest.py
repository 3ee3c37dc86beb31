import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from cores import Buffer, NativeAssembler, PythonVideo, load
from vp8_sender import Receiver
from wire import Wire

from appliance.media.rtc.channels import Channel
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn, MediaOut
from appliance.media.rtc.peer import Peer

LOOPBACK = ("127.0.0.1",)
PairOf = Callable[..., contextlib.AbstractAsyncContextManager["Pair"]]


@dataclass
class Ears:
    """Everything one side heard."""

    streams: dict[str, MediaIn] = field(default_factory=dict)
    frames: dict[str, list[EncodedFrame]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_media(self, media: MediaIn) -> None:
        self.streams[media.track_id] = media
        self.frames.setdefault(media.track_id, [])

        def heard(frame: EncodedFrame) -> None:
            self.frames[media.track_id].append(frame)
            self.changed.set()

        media.on_frame = heard
        media.on_end = lambda: self.ended.append(media.track_id)

    def on_channel(self, channel: Channel) -> None:
        def heard(data: bytes) -> None:
            self.messages.append((channel.label, data))
            self.changed.set()

        channel.on_message = heard

    def on_state(self, _state: str) -> None:
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Pair:
    """Two peers on one machine; `a` offers."""

    a: Peer
    b: Peer
    heard: Ears

    async def negotiate(self, through: Wire | None = None) -> None:
        offer = await self.a.offer()
        answer = await self.b.accept_offer(offer if through is None else through.offer_for_b(offer))
        await self.a.accept_answer(answer if through is None else through.answer_for_a(answer))

    async def connected(self) -> None:
        await self.heard.until(lambda: self.a.state == self.b.state == "connected")


class Camera:
    """Feeds a MediaOut with small VP8-like frames, 50 a second; a key frame when asked for one."""

    def __init__(self, out: MediaOut, *, size: int = 3000) -> None:
        self.requests = 0
        self.sent = 0
        self._key = True
        self._size = size
        out.on_keyframe_request = self._wanted
        self._out = out

    def _wanted(self) -> None:
        self.requests += 1
        self._key = True

    def shoot(self) -> None:
        # while a frame is taken another key frame may be asked for
        key, self._key = self._key, False
        body = b"\x00" if key else b"\x01"
        data = body + self.sent.to_bytes(4, "big") + bytes(self._size)
        self.sent += 1
        self._out.send(EncodedFrame("VP8", (self.sent - 1) * 1800, 90_000, data, key))

    async def run(self) -> None:
        while True:
            self.shoot()
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def core(librtp) -> ctypes.CDLL:
    """The native packet core."""
    return load(str(librtp))


@pytest.fixture(params=["python", "native"])
def make(request, core):
    def make(codec: str = "VP8") -> Buffer:
        return PythonVideo(codec) if request.param == "python" else NativeAssembler(core, codec)

    return make


@pytest.fixture
def receiver(make) -> Receiver:
    return Receiver(make())


@pytest.fixture
def pair_of(librtp, monkeypatch) -> PairOf:
    """Two peers; each handles its packets in Python ("pure") or in C ("native")."""

    @contextlib.asynccontextmanager
    async def peers(
        a: str, b: str, addresses: Sequence[str] = LOOPBACK, *, patient: bool = False
    ) -> AsyncIterator[Pair]:
        heard = Ears()

        def peer(name: str, packets: str, **ears) -> Peer:
            monkeypatch.setenv("SALON_RTP", str(librtp) if packets == "native" else "pure")
            return Peer(name=name, addresses=lambda: addresses, on_state=heard.on_state, **ears)

        async with (
            peer("a", a) as first,
            peer("b", b, on_media=heard.on_media, on_channel=heard.on_channel, patient=patient) as second,
        ):
            yield Pair(first, second, heard)

    return peers


@pytest.fixture(params=["pure", "native"])
def packets(request) -> str:
    """Who handles packets: every test of a pair runs on both."""
    return request.param


@pytest.fixture
async def pair(pair_of, packets) -> AsyncIterator[Pair]:
    async with pair_of(packets, packets) as made:
        yield made


@pytest.fixture
def camera_of() -> Callable[[MediaOut], contextlib.AbstractAsyncContextManager[Camera]]:
    @contextlib.asynccontextmanager
    async def running(out: MediaOut) -> AsyncIterator[Camera]:
        camera = Camera(out)
        task = asyncio.create_task(camera.run())
        yield camera
        task.cancel()

    return running
